"""Whether outputs have trainable parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archdsl import ops
from archdsl.ir import Graph, Node
from archdsl.passes.analyses.shapes import FixedShape, infer


def outputs_with_parameters(graph: Graph) -> list[str]:
    """The outputs of a network whose gradient reaches a parameter."""
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
    """Whether any of some nodes, whose sizes are known, has trainable parameters."""
    return any(
        ops.get(node.op).cost([shapes[i] for i in node.inputs], shapes[node.name], node.attrs).params
        for node in nodes
    )
