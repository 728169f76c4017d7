"""Shapes of a space: integers where all networks agree, otherwise values over decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archdsl import ops
from archdsl.ir import Apply, Decision, Dim, Expr, Graph, Mux, Node, Shape, Value
from archdsl.ir.expr import apply, pick
from archdsl.ir.resolve import specialize
from archdsl.ops.base import Primitive

Definitions = dict[Dim, tuple[Mux, tuple[Value | None, ...]]]
"""For each dimension that is represented by a mux: that mux, and the size in each of its cases."""


def infer_symbolic(graph: Graph) -> tuple[dict[str, Shape], Definitions]:
    """The shape of each input and node of a space, and the definitions of dimensions in these shapes.

    Constraints are ignored; `archdsl.spec.prove.prover` proves them.
    """
    sizes = Sizes(graph.inputs, graph.decisions)
    for item in graph.nodes.values():
        sizes.add(item)
    return sizes.shapes, sizes.definitions


class Sizes:
    """The shapes of the nodes of a space, which are added one by one in topological order."""

    def __init__(self, inputs: Mapping[str, Shape], decisions: Mapping[str, Decision]):
        self.shapes: dict[str, Shape] = dict(inputs)
        self.definitions: Definitions = {}
        self._decisions, self._primitives = decisions, ops.primitives()
        self._unsure: set[str] = set()

    def add(self, item: Node | Mux) -> None:
        shapes = self.shapes
        if not self._unsure.isdisjoint(item.inputs) or (isinstance(item, Node) and item.optional):
            self._unsure.add(item.name)
        if isinstance(item, Mux):
            shapes[item.name] = mux_shape(item, shapes, self._decisions, self.definitions)
            return
        primitive, here = self._primitives[item.op], [True] * len(item.inputs)
        xs = input_shapes(primitive, [shapes[i] for i in item.inputs], here, item.optional)
        shapes[item.name] = primitive.sizes(xs, item.attrs, _ignore)

    def of(self, name: str, axis: int) -> Value:
        """A dimension of a node as a value; a `Dim` if the dimension depends on which inputs are defined."""
        return Dim(name, axis) if name in self._unsure else self.shapes[name][axis]


def _ignore(condition: Value, code: str, message: str, /, **values: Value) -> None:
    """Does nothing: constraints are proved by `archdsl.spec.prove`."""


def input_shapes(
    primitive: Primitive, shapes: Sequence[Shape], here: Sequence[Value], optional: frozenset[int]
) -> list[Shape]:
    """The shapes of inputs to which the shape rule of a node is applied.

    A missing input has the height and width of the others, and zero channels if the op adds up channels of
    its inputs.
    """
    if not optional:
        return list(shapes)
    other = shapes[-1]
    for shape, defined in zip(reversed(shapes), reversed(here), strict=True):
        other = _where(defined, shape, other)
    if primitive.stacks:
        other = (0, *other[1:])
    return [
        _where(defined, shape, other) if port in optional else shape
        for port, (shape, defined) in enumerate(zip(shapes, here, strict=True))
    ]


def _where(condition: Value, then: Shape, otherwise: Shape) -> Shape:
    c, h, w = [apply("if", condition, a, b) for a, b in zip(then, otherwise, strict=True)]
    return c, h, w


def mux_shape(
    mux: Mux, shapes: Mapping[str, Shape], decisions: Mapping[str, Decision], definitions: Definitions
) -> Shape:
    """The shape of a mux as values; dimensions represented by the mux are added to `definitions`."""
    shape = []
    for axis in range(3):
        sizes = tuple(None if s is None else shapes[s][axis] for _, s in mux.cases)
        keyed = [(k, v) for (k, _), v in zip(mux.cases, sizes, strict=True)]
        value = _join(mux.on, keyed, decisions)
        if value is None:
            value = Dim(mux.name, axis)
            definitions[value] = (mux, sizes)
        shape.append(value)
    return shape[0], shape[1], shape[2]


def _join(
    on: str | Value, keyed: Sequence[tuple[Any, Value | None]], decisions: Mapping[str, Decision]
) -> Value | None:
    """The size of a mux's output along one axis as a value over decisions; None if it cannot be expressed
    without the mux.

    `keyed` are pairs (key, size): the size is that of the pair whose key equals `on`.
    """
    given = [v for _, v in keyed if v is not None]
    first = given[0]
    if all(v is first or (v == first and type(v) is type(first)) for v in given[1:]):
        return first
    if isinstance(on, str):
        table: list[Any] = [None] * decisions[on].size
        for outcome, value in keyed:
            if value is not None:
                value = specialize(value, {on: (outcome,)})
            if isinstance(value, Expr):
                return None
            table[outcome] = value
        return pick(on, tuple(table))
    by_key = dict(keyed)
    then, otherwise = by_key.get(True), by_key.get(False)
    if then is None or otherwise is None:
        return None
    joined = apply("if", on, then, otherwise)
    return None if isinstance(joined, Apply) and joined.fn == "if" else joined
