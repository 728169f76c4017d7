"""Finds the network input that determines the size of a tensor, from which zeros of that size can be made.

Zeros depend on a size only. If the height and width of their operand are ceil(n / s) of those of a network
input at every image size, the zeros are made from that input, and nothing is computed for its size alone.
Both `archdsl.passes.transforms.simplify` and `archdsl.passes.analyses.closed_form` use this, so that they
agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from archdsl import ops
from archdsl.ir import Node
from archdsl.ir.expr import Pair, apply, by_axis
from archdsl.ops.base import Primitive
from archdsl.passes.analyses.shapes import FixedShape


class SizedBy(NamedTuple):
    """A height and width that are ceil(n / stride) of the height and width n of a network input."""

    input: str
    stride: Pair

    def strided(self, by: Pair) -> SizedBy:
        """The size after a further division by the stride `by`."""
        if type(self.stride) is int and type(by) is int:
            return SizedBy(self.input, self.stride * by)
        (rows, columns), (down, across) = by_axis(self.stride), by_axis(by)
        return SizedBy(self.input, apply("pair", rows * down, columns * across))  # type: ignore[arg-type]


def sized_by(
    primitive: Primitive,
    of_inputs: Sequence[SizedBy | None],
    shapes: Sequence[FixedShape],
    shape: FixedShape,
    attrs: Mapping[str, Any],
) -> SizedBy | None:
    """The network input, and stride, that determine the size of a node's output; None if unknown."""
    follows = primitive.size_follows(shapes, shape, attrs)
    if follows is None:
        return None
    port, stride = follows
    found = of_inputs[port]
    return None if found is None else found.strided(stride)


def zeros_of_input(
    primitive: Primitive, size: SizedBy | None, shape: FixedShape, attrs: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """The settings for making zeros of this shape from a network input; None if that is impossible."""
    if size is None or not primitive.makes_zero:
        return None
    settings = primitive.zeros_of(shape, size.stride)
    return None if settings is None else {**attrs, **settings}


def followed(
    nodes: Mapping[str, Node], inputs: Iterable[str], shapes: Mapping[str, FixedShape], wanted: Iterable[str]
) -> dict[str, SizedBy | None]:
    """For the nodes `wanted` and their ancestors along the way to an input: the network input that determines
    their size, or None.
    """
    known: dict[str, SizedBy | None] = {name: SizedBy(name, 1) for name in inputs}
    for name in wanted:
        way: list[tuple[str, Pair]] = []
        while name not in known:
            node = nodes[name]
            read = [shapes[i] for i in node.inputs]
            follows = ops.get(node.op).size_follows(read, shapes[name], node.attrs)
            if follows is None:
                known[name] = None
                break
            way.append((name, follows[1]))
            name = node.inputs[follows[0]]
        found = known[name]
        for reader, stride in reversed(way):
            found = known[reader] = found and found.strided(stride)
    return known
