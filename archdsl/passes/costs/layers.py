"""The layer table of a network: one row for each application of a primitive, or of a declared op."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from archdsl.ir.graph import Graph, Node
from archdsl.ops.base import Cost
from archdsl.passes.analyses.shapes import FixedShape, infer
from archdsl.passes.costs.cost import costs, total


@dataclass(frozen=True)
class LayerRow:
    """A row of the layer table, for one op application.

    `shape` is the output's channels, height and width. `stride` is the ratio of input to output height of the
    op, `total_stride` the ratio of the height of the network's first input to that of the output; 1/2 means
    that the height doubles.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    shape: FixedShape
    stride: Fraction
    total_stride: Fraction
    params: int
    macs: int
    instance: str | None = None


def layer_table(graph: Graph, by: Literal["primitive", "op"] = "primitive") -> list[LayerRow]:
    """The rows of the layer table in order of computation.

    With `by="op"`, the primitives in an application of a declared op form one row with the name of the op, at
    the position of the last primitive.
    """
    shapes = infer(graph)
    cost = costs(graph, shapes)
    groups = _groups(graph, by)
    row_of = {node.name: row for row, members in groups.items() for node in members}
    height = next(iter(graph.inputs.values()))[1]
    rows = []
    for row, members in groups.items():
        read = [i for node in members for i in node.inputs if row_of.get(i) != row]
        last, spent = members[-1], total(cost[node.name] for node in members)
        shape = shapes[last.name]
        rows.append(
            LayerRow(
                name=row,
                op=_declared(graph, last) if by == "op" else last.op,
                inputs=tuple(dict.fromkeys(row_of.get(i, i) for i in read)),
                shape=shape,
                stride=_stride(shapes[read[0]][1], shape[1]),
                total_stride=_stride(height, shape[1]),
                params=spent.params,
                macs=spent.macs,
                instance=last.instance,
            )
        )
    return rows


def totals(rows: Iterable[LayerRow]) -> Cost:
    """The sums of parameters and MACs over all rows."""
    return total(Cost(row.params, row.macs) for row in rows)


def _groups(graph: Graph, by: str) -> dict[str, list[Node]]:
    """The nodes of each row, by the name of the row; rows are ordered by their last node."""
    groups: dict[str, list[Node]] = {}
    for node in graph.nodes.values():
        assert isinstance(node, Node)
        row = node.instance if by == "op" and node.instance is not None else node.name
        groups[row] = [*groups.pop(row, []), node]
    return groups


def _declared(graph: Graph, node: Node) -> str:
    instance = graph.instances.get(node.instance or "")
    return instance.declared if instance else node.op


def _stride(before: int, after: int) -> Fraction:
    """The ratio of two sizes as an integer or its inverse, rounded if the sizes are not divisible."""
    if before >= after:
        return Fraction(round(before / after))
    return Fraction(1, round(after / before))
