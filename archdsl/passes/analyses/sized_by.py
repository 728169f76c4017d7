"""Which input of a network the size of a tensor follows: by what zeros can be made without their operand.

Zeros read a size and no values.  Where height and width of what they are applied to are ceil(n / s) of an
input's at every size of the image, the input serves as well, and nothing is computed for its size alone.
`archdsl.passes.transforms.simplify` and `archdsl.passes.analyses.closed_form` agree through this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from archdsl import ops
from archdsl.ir import Node
from archdsl.ops.base import Primitive
from archdsl.passes.analyses.shapes import FixedShape


class SizedBy(NamedTuple):
    """Height and width are ceil(n / stride) of those of an input of the network."""

    input: str
    stride: int


def sized_by(
    primitive: Primitive,
    of_inputs: Sequence[SizedBy | None],
    shapes: Sequence[FixedShape],
    shape: FixedShape,
    attrs: Mapping[str, Any],
) -> SizedBy | None:
    """What the size of an output follows; None where that is not known."""
    follows = primitive.size_follows(shapes, shape, attrs)
    if follows is None:
        return None
    port, stride = follows
    found = of_inputs[port]
    return None if found is None else SizedBy(found.input, found.stride * stride)


def zeros_of_input(
    primitive: Primitive, size: SizedBy | None, shape: FixedShape, attrs: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """The settings with which zeros are made from the input that their size follows; None: they are not."""
    if size is None or not primitive.makes_zero:
        return None
    settings = primitive.zeros_of(shape, size.stride)
    return None if settings is None else {**attrs, **settings}


def followed(
    nodes: Mapping[str, Node], inputs: Iterable[str], shapes: Mapping[str, FixedShape], wanted: Iterable[str]
) -> dict[str, SizedBy | None]:
    """What the sizes of some nodes of a network follow, and those of the nodes on the way."""
    known: dict[str, SizedBy | None] = {name: SizedBy(name, 1) for name in inputs}
    for name in wanted:
        way: list[tuple[str, int]] = []
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
            found = known[reader] = found and SizedBy(found.input, found.stride * stride)
    return known
