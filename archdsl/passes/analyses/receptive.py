"""Computes the receptive field of each tensor: the part of the image on which one value depends.

For every tensor and axis, the first and last image row that each of its rows depends on is computed, exactly
at the declared size, with resizing by any ratio, and at the borders. Rows between these may be unused
(dilation). Both bounds are made monotonic in the row of the tensor, so that a range of rows depends on the
rows from the first bound of its first row to the last bound of its last row. For feature maps of more than
`MOST_ROWS` rows, only some rows are traced: those at both borders and in the middle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archdsl import ops
from archdsl.ir.graph import Graph, Node
from archdsl.passes.analyses.shapes import FixedShape, infer

if TYPE_CHECKING:
    import numpy

    Rows = numpy.ndarray[Any, numpy.dtype[numpy.int64]]
    Extent = tuple[Rows, Rows]
    Reads = tuple[Rows, Rows, numpy.ndarray[Any, numpy.dtype[numpy.bool_]]]

MOST_ROWS = 1 << 14
"""The maximum number of rows or columns of a feature map of which all are traced."""
_BORDER, _MIDDLE = 8, 64


@dataclass(frozen=True)
class ReceptiveField:
    """The maximum number of image rows and columns that one value depends on; `whole`: all of them.

    If not `exact`, only a sample of values was examined.
    """

    rows: int
    columns: int
    whole: tuple[bool, bool]
    exact: bool = True

    def __str__(self) -> str:
        sides = zip((self.rows, self.columns), self.whole, strict=True)
        text = " × ".join(f"{n:,}{' (all)' if all_ else ''}" for n, all_ in sides)
        return "the whole image" if all(self.whole) else text if self.exact else f"{text}, at least"


def receptive_fields(
    graph: Graph, shapes: Mapping[str, FixedShape] | None = None
) -> dict[str, ReceptiveField]:
    """The receptive field of each node in the first input of the network, by rows and columns."""
    shapes = shapes or infer(graph)
    image = next(iter(graph.inputs.values()))
    rows, columns = _axis(graph, shapes, 1), _axis(graph, shapes, 2)
    exact = max(max(shape[1:]) for shape in shapes.values()) <= MOST_ROWS
    return {
        name: ReceptiveField(
            rows[name], columns[name], (rows[name] == image[1], columns[name] == image[2]), exact
        )
        for name in graph.nodes
    }


def _axis(graph: Graph, shapes: Mapping[str, FixedShape], axis: int) -> dict[str, int]:
    """For each node, the maximum number of image rows that one of its rows depends on."""
    import numpy as np

    traced = _Traced(graph, shapes, axis)
    image, *others = graph.inputs
    size = graph.inputs[image][axis]
    rows = traced.rows(image)
    seen: dict[str, Extent] = {image: (rows, rows)}
    for name in others:
        seen[name] = _nothing(traced.rows(name), size)
    readers = Counter(source for name in graph.nodes for source in traced.read(name))
    most = {}
    for name in graph.nodes:
        first, last = _nothing(traced.rows(name), size)
        for port, source in enumerate(traced.read(name)):
            reads = traced.reads(name, port)
            if reads is not None:
                (begin, end), (low, high, some) = seen[source], reads
                begin, end = begin[traced.places(source, low)], end[traced.places(source, high)]
                first = np.where(some, np.minimum(first, begin), first)
                last = np.where(some, np.maximum(last, end), last)
        most[name] = int(max(0, (last - first).max() + 1))
        # The bounds of some rows may be inside of those of their neighbours (dilation with a stride).
        seen[name] = (np.minimum.accumulate(first[::-1])[::-1], np.maximum.accumulate(last))
        readers.subtract(traced.read(name))
        for source in {name, *traced.read(name)}:
            if not readers[source]:
                del seen[source]
    return most


def _nothing(rows: Rows, size: int) -> Extent:
    import numpy as np

    return np.full(len(rows), size), np.full(len(rows), -1)


class _Traced:
    """The rows of each tensor that are traced: all of them, or a sample and its dependences."""

    def __init__(self, graph: Graph, shapes: Mapping[str, FixedShape], axis: int):
        self.graph = graph
        self.axis = axis
        self.size = {name: shape[axis] for name, shape in shapes.items()}
        self._rules: dict[Any, Reads | None] = {}
        self._rows: dict[str, Rows] | None = None
        if max(self.size.values()) > MOST_ROWS:
            self._rows = self._chosen()

    def rows(self, name: str) -> Rows:
        import numpy as np

        return np.arange(self.size[name]) if self._rows is None else self._rows[name]

    def places(self, name: str, rows: Rows) -> Rows:
        """The indices of rows among the traced rows of a tensor."""
        import numpy as np

        return rows if self._rows is None else np.searchsorted(self._rows[name], rows)

    def read(self, name: str) -> tuple[str, ...]:
        """The tensors that a node reads."""
        node = self.graph.nodes[name]
        assert isinstance(node, Node)
        return node.inputs[: ops.get(node.op).tensors(len(node.inputs))]

    def reads(self, name: str, port: int) -> Reads | None:
        """For each row of node `name`: the first and last row that it depends on in the input of this port,
        clipped to the input, and whether it depends on any. None if no row does.
        """
        node = self.graph.nodes[name]
        assert isinstance(node, Node)
        x, y = self.size[node.inputs[port]], self.size[name]
        attrs = ops.get(node.op).along(node.attrs, self.axis - 1)
        if self._rows is not None:
            return _rule(node.op, port, x, y, attrs, self._rows[name])
        key = (node.op, port, x, y, tuple(attrs.items()))
        if key not in self._rules:
            self._rules[key] = _rule(node.op, port, x, y, attrs, range(y))
        return self._rules[key]

    def _chosen(self) -> dict[str, Rows]:
        """Selects the rows to trace, from the outputs upwards: borders, middle, and their dependences."""
        import numpy as np

        wanted = {name: [_some(size)] for name, size in self.size.items()}
        found: dict[str, Rows] = {}
        self._rows = found
        for name in (*reversed(list(self.graph.nodes)), *self.graph.inputs):
            found[name] = np.unique(np.concatenate(wanted.pop(name)))
            for port, source in enumerate(self.read(name) if name in self.graph.nodes else ()):
                wanted[source] += (self.reads(name, port) or ())[:2]
        return found


def _some(size: int) -> Rows:
    import numpy as np

    if size <= _MIDDLE:
        return np.arange(size)
    middle, ends = size // 2 - _MIDDLE // 2, np.arange(_BORDER)
    return np.concatenate([ends, middle + np.arange(_MIDDLE), size - 1 - ends])


def _rule(op: str, port: int, x: int, y: int, attrs: Mapping[str, Any], rows: Iterable[int]) -> Reads | None:
    import numpy as np

    primitive = ops.get(op)
    read = [primitive.sees_in(port, int(at), x, y, attrs) for at in rows]
    if not any(pair is not None for pair in read):
        return None
    both = np.array([[min(max(row, 0), x - 1) for row in pair or (0, 0)] for pair in read])
    return both[:, 0], both[:, 1], np.array([pair is not None for pair in read])
