"""What a network costs: trainable parameters and multiply-accumulates per image (FLOPs = 2 × MACs)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archdsl import ops
from archdsl.ir.graph import Graph, Node
from archdsl.ops.base import Cost
from archdsl.passes.shapes import FixedShape, infer


def costs(graph: Graph, shapes: Mapping[str, FixedShape] | None = None) -> dict[str, Cost]:
    """The cost of each node.  Weights that several nodes share are counted at the first of them.

    `shapes` are those of `infer(graph)`, where they are known already.
    """
    shapes = shapes or infer(graph)
    counted: set[str] = set()
    found: dict[str, Cost] = {}
    for name, node in graph.nodes.items():
        assert isinstance(node, Node)
        xs = [shapes[i] for i in node.inputs]
        cost = ops.get(node.op).cost(xs, shapes[name], node.attrs)
        found[name] = Cost(0, cost.macs) if node.weights in counted else cost
        counted.add(node.weights)
    return found


def total(parts: Iterable[Cost]) -> Cost:
    """The sum of costs."""
    params = macs = 0
    for part in parts:
        params += part.params
        macs += part.macs
    return Cost(params, macs)
