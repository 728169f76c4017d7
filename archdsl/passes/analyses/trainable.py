"""Checks whether a network can be trained: it has parameters, and enough values to normalize."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archdsl import ops
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Graph, Mux, Node
from archdsl.passes.analyses.picking import picked_by
from archdsl.passes.analyses.shapes import FixedShape, infer, resized


def outputs_with_parameters(graph: Graph) -> list[str]:
    """The outputs of a network whose gradients reach a parameter."""
    shapes = infer(graph)
    reached: set[str] = set()
    for name, node in graph.nodes.items():
        assert isinstance(node, Node)
        primitive = ops.get(node.op)
        if primitive.makes_zero:
            continue
        values = node.inputs[: primitive.tensors(len(node.inputs))]  # of the others only sizes are read
        if not reached.isdisjoint(values) or has_parameters([node], shapes):
            reached.add(name)
    return [output for output, node in graph.outputs.items() if node in reached]


def has_parameters(nodes: Iterable[Node], shapes: Mapping[str, FixedShape]) -> bool:
    """Whether any of these nodes, whose shapes are known, has trainable parameters."""
    return any(
        ops.get(node.op).cost([shapes[i] for i in node.inputs], shapes[node.name], node.attrs).params
        for node in nodes
    )


def demand_statistics(graph: Graph, size: tuple[int, int], batch: int) -> None:
    """Raises SpecError (ARCH829) if normalization in training would have a single value per channel.

    `size` is (height, width) of the images, `batch` the number of images over all processes.
    """
    small = resized(graph, size)
    demand_values(small, small.nodes.values(), infer(small), batch)


def demand_values(
    graph: Graph, items: Iterable[Node | Mux], shapes: Mapping[str, FixedShape], batch: int
) -> None:
    """Raises SpecError (ARCH829) if one of these nodes would normalize a single value per channel.

    Nodes of a space are reported with the candidate that they belong to.
    """
    for node in items:
        if not isinstance(node, Node) or not ops.get(node.op).over_batch:
            continue
        _, height, width = shapes[node.inputs[0]]
        if batch * height * width == 1:
            raise SpecError([_one_value(graph, node)])


def _one_value(graph: Graph, node: Node) -> Diagnostic:
    headline = f"a batch of 1 has one value per channel in `{node.name}`, too few to normalize"
    help = "train with a batch of at least 2, or remove the normalization after pooling to 1×1"
    picked = picked_by(graph, node.name)
    inner = Label(node.location, f"in `{node.name}`") if node.location else None
    if picked is None or picked.decision.location is None:
        return Diagnostic("ARCH829", headline, inner, help=help)
    primary = Label(picked.decision.location, f"`{picked.label}` of `{picked.decision.path}`")
    return Diagnostic("ARCH829", headline, primary, secondary=(inner,) if inner else (), help=help)
