"""The receptive field: how much of the image one value of a tensor can see.

For every tensor and each axis, the first and last row of the image that each of its rows depends on; so
it is exact at the declared size, across resizing by any ratio, and at the borders.  Between them there may
be rows that are not read (dilation).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archdsl import ops
from archdsl.ir.graph import Graph, Node
from archdsl.passes.shapes import FixedShape, infer

if TYPE_CHECKING:
    import numpy

    Rows = numpy.ndarray[Any, numpy.dtype[numpy.int64]]
    Extent = tuple[Rows, Rows]


@dataclass(frozen=True)
class ReceptiveField:
    """The most rows and columns of the image that one value depends on, and whether that is all of them."""

    rows: int
    columns: int
    whole: tuple[bool, bool]

    def __str__(self) -> str:
        sides = zip((self.rows, self.columns), self.whole, strict=True)
        text = " × ".join(f"{n:,}{' (all)' if all_ else ''}" for n, all_ in sides)
        return "the whole image" if all(self.whole) else text


def receptive_fields(
    graph: Graph, shapes: Mapping[str, FixedShape] | None = None
) -> dict[str, ReceptiveField]:
    """The receptive field of each node, in the first input of the network, per row and column."""
    shapes = shapes or infer(graph)
    axes = [_axis(graph, shapes, axis) for axis in (1, 2)]
    image = next(iter(graph.inputs.values()))
    found = {}
    for name in graph.nodes:
        sizes = [int(max(0, (last - first).max() + 1)) for first, last in (seen[name] for seen in axes)]
        whole = (sizes[0] == image[1], sizes[1] == image[2])
        found[name] = ReceptiveField(sizes[0], sizes[1], whole)
    return found


def _axis(graph: Graph, shapes: Mapping[str, FixedShape], axis: int) -> dict[str, Extent]:
    """The first and last row of the image that each row of each tensor depends on (last < first: none)."""
    import numpy as np

    image, *others = graph.inputs
    size = graph.inputs[image][axis]
    rows = np.arange(size)
    seen: dict[str, Extent] = {image: (rows, rows)}
    for name in others:
        seen[name] = _nothing(graph.inputs[name][axis], size)
    rules: dict[Any, Extent | None] = {}
    for name, node in graph.nodes.items():
        assert isinstance(node, Node)
        y = shapes[name][axis]
        first, last = _nothing(y, size)
        for source in node.inputs[: ops.get(node.op).tensors(len(node.inputs))]:
            x = shapes[source][axis]
            key = (node.op, x, y, tuple(node.attrs.items()))
            if key not in rules:
                rules[key] = _rule(node, x, y)
            rule = rules[key]
            if rule is None:
                continue
            begin, end = seen[source]
            first = np.minimum(first, _least(begin, *rule))
            last = np.maximum(last, -_least(-end, *rule))
        seen[name] = (first, last)
    return seen


def _nothing(rows: int, size: int) -> Extent:
    import numpy as np

    return np.full(rows, size), np.full(rows, -1)


def _rule(node: Node, x: int, y: int) -> Extent | None:
    """The rows of its input that each row of a node reads, cut to those that there are."""
    import numpy as np

    primitive = ops.get(node.op)
    read = [primitive.sees(at, x, y, node.attrs) for at in range(y)]
    found = [pair for pair in read if pair is not None]
    if not found:
        return None
    both = np.array(found).clip(0, x - 1)
    return both[:, 0], both[:, 1]


def _least(values: Rows, first: Rows, last: Rows) -> Rows:
    """The least of values[first[i]..last[i]] for every i, in logarithmic time by doubling."""
    import numpy as np

    level, width, tables = values, 1, [values]
    longest = int((last - first).max()) + 1
    while 2 * width <= longest:
        level = np.minimum(level[: len(level) - width], level[width:])
        width *= 2
        tables.append(level)
    result = np.empty(len(first), dtype=values.dtype)
    lengths = last - first + 1
    steps = np.frexp(lengths.astype(float))[1] - 1  # the greatest power of two within each range
    for step in np.unique(steps):
        here = steps == step
        table = tables[step]
        result[here] = np.minimum(table[first[here]], table[last[here] - (1 << int(step)) + 1])
    return result
