"""The inverse of `expression`: recognizes primitives among the calls of a traced PyTorch program.

A tensor of a program is often not a map of channels × height × width itself, but such a map in another
arrangement: the tokens of a transformer, N × (height · width) × channels, are a map whose axes were merged
and permuted. A `Layout` describes the arrangement, so that rules can refer to the map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from archdsl.ir.expr import Pair, Scalar, apply

FixedSizes = tuple[int, int, int]
"""Channels, height and width of a map."""

Factor = tuple[str, int, int]
"""A part of an axis ("n", "c", "h" or "w"): its stride in positions of that axis, and its size.

The channels of a map of 12 channels are ("c", 1, 12); in three groups of four they are ("c", 4, 3) and ("c",
1, 4).
"""

Layout = tuple[tuple[Factor, ...], ...]
"""For each dimension of a tensor, the factors that are merged in it, beginning with the slowest-varying."""


def map_layout(batch: int, sizes: FixedSizes) -> Layout:
    """The layout of a map as N × C × H × W."""
    return tuple(
        ((axis, 1, size),) if size > 1 else ()
        for axis, size in zip("nchw", (batch, *sizes), strict=True)
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Operand:
    """A tensor that a call reads; `shape` includes the batch.

    `name` is the tensor of the network that this tensor equals up to its layout, and `sizes` are the
    channels, height and width of that tensor; both are None for values that are not part of the network.
    `weight` is the name of a parameter or buffer. `call` is the call that returned the tensor, `uses` the
    number of its readers.
    """

    shape: tuple[int, ...]
    name: str | None = None
    sizes: FixedSizes | None = None
    layout: Layout = ()
    weight: str | None = None
    call: Call | None = None
    uses: int = 1

    @property
    def batch(self) -> int:
        found = [size for dimension in self.layout for axis, _, size in dimension if axis == "n"]
        return found[0] if found else 1

    @property
    def is_map(self) -> bool:
        """Whether this is a tensor of the network in its usual layout, N × C × H × W."""
        return self.sizes is not None and self.layout == map_layout(self.batch, self.sizes)

    def zeros(self, c: int) -> Lifted | None:
        """An application of `zero` with c channels and the height and width of this tensor, as an input in
        `Call.lifted`.

        None if c is 0.
        """
        return Lifted((self,), {"c": c}, op="zero") if c else None

    def has_channels_at(self, dimension: int) -> bool:
        """Whether a dimension of the tensor consists of all channels, in order."""
        if self.sizes is None or not self.layout:
            return False
        c = self.sizes[0]
        return self.layout[dimension] == ((("c", 1, c),) if c > 1 else ()) and self.shape[dimension] == c

    def slowest_channels(self, dimension: int) -> Factor | None:
        """The factor of a dimension that has no other and is the slowest-varying one of the channels; else
        None.
        """
        if self.sizes is None or not self.layout or len(self.layout[dimension]) != 1:
            return None
        (found,) = self.layout[dimension]
        axis, stride, count = found
        return found if axis == "c" and stride * count == self.sizes[0] else None

    def with_channels(self, dimension: int, c: int) -> Layout:
        """The layout of this tensor with c channels, in order, as this dimension."""
        own = (("c", 1, c),) if c > 1 else ()
        at = dimension % len(self.layout)
        return (*self.layout[:at], own, *self.layout[at + 1 :])


@dataclass(frozen=True, eq=False)
class Measured:
    """The origin of a (height, width) argument: the size of a tensor, or a multiple or fraction of the
    input's size.

    `like` is the tensor. `times` is the factor, `down` the divisor (rounding down) of the size of the tensor
    that is resized.
    """

    like: Operand | None = None
    times: int | float | None = None
    down: int | None = None


@dataclass(frozen=True, eq=False)
class Call:
    """A call of an ATen operator; `operator` is its name without overload and final underscore.

    `arguments` are by name, with defaults filled in; tensors are `Operand`s. `shape` is the shape of the
    result, `index` its position in a list of results, `place` the source line of the call.
    """

    operator: str
    arguments: Mapping[str, Any]
    shape: tuple[int, ...]
    index: int = 0
    place: str | None = None
    measured: Measured | None = None

    def __getitem__(self, name: str) -> Any:
        """An argument; None if the operator has no argument of that name."""
        return self.arguments.get(name)

    @property
    def x(self) -> Operand:
        """The first argument of the call."""
        first = next(iter(self.arguments.values()))
        return first if isinstance(first, Operand) else Operand(())

    def one(self, name: str, default: int = 1) -> int | None:
        """The common value of a list argument, such as the kernel size of a square kernel; None if values
        differ.

        `default` is returned for an empty list.
        """
        values = self[name]
        if isinstance(values, int):
            return values
        if values is None or isinstance(values, str) or any(v != values[0] for v in values):
            return None
        return int(values[0]) if values else default

    def pair(self, name: str, default: Pair | None = 1) -> Pair | None:
        """The value of a list argument for rows and columns; one number if they are equal.

        `default` is returned for an empty list, None for anything else, such as a padding given as a word.
        """
        values = self[name]
        if isinstance(values, int):
            return values
        if values is None or isinstance(values, str):
            return None
        return cast(Pair, apply("pair", values[0], values[-1])) if values else default

    def lifted(
        self,
        *inputs: Any,
        weights: Mapping[str, Any] | None = None,
        layout: Layout | None = None,
        **attrs: Any,
    ) -> Lifted | None:
        """An application of the primitive to maps; with `layout`, one whose result has that layout.

        None if an input is not a tensor of the network, or a weight is computed rather than stored.
        """
        found = {name: w for name, w in (weights or {}).items() if w is not None}
        if not all(isinstance(w, Operand) and w.weight for w in found.values()):
            return None
        operands = [x for x in inputs if not isinstance(x, Lifted)]
        if not all(isinstance(x, Operand) and x.sizes and (layout is not None or x.is_map) for x in operands):
            return None
        return Lifted(inputs, attrs, found, layout)

    def pointwise(
        self, *inputs: Any, weights: Mapping[str, Any] | None = None, **attrs: Any
    ) -> Lifted | None:
        """An application of the primitive to each value separately: to maps, or to inputs that share another
        layout.

        None if the inputs are neither all maps nor tensors of the network with one common layout.
        """
        operands = [x for x in inputs if isinstance(x, Operand)]
        alike = len({(x.layout, x.sizes) for x in operands}) == 1
        return self.lifted(*inputs, weights=weights, layout=operands[0].layout if alike else None, **attrs)


@dataclass(frozen=True)
class Rows:
    """A stored tensor, or its rows from `first` to `end` - 1."""

    stored: str
    first: int = 0
    last: int | None = None

    def part(self, first: int, last: int) -> Rows:
        return Rows(self.stored, self.first + first, self.first + last)


@dataclass(frozen=True, eq=False)
class Applied:
    """A node of a recognized network, as input of `Primitive.composed`.

    `inputs` are the nodes of its tensors, `weights` the stored tensors by their names in its layer.
    """

    name: str
    op: str
    attrs: Mapping[str, Any]
    sizes: FixedSizes
    inputs: tuple[Applied, ...]
    weights: Mapping[str, Rows]

    def composed(
        self, *inputs: Applied, parts: Iterable[Applied], weights: Mapping[str, Rows | None], **attrs: Any
    ) -> Composed:
        """The result of `Primitive.composed`: this node and `parts` together are one application to
        `inputs`.
        """
        absorbed = frozenset(part.name for part in parts)
        return Composed(tuple(x.name for x in inputs), attrs, weights, absorbed)


@dataclass(frozen=True)
class Composed:
    """An application of a primitive that several nodes compute together.

    Consists of the inputs, settings, weights, and the other nodes.
    """

    inputs: tuple[str, ...]
    attrs: Mapping[str, Any]
    weights: Mapping[str, Rows | None]
    absorbed: frozenset[str]


@dataclass(frozen=True, eq=False)
class Lifted:
    """The application of a primitive that a call computes.

    `inputs` are the positional tensors, followed by those of tensor settings; an input can itself be an
    application, of the primitive `op`. `attrs` are settings; those with default values may be omitted.
    `weights` are parameters and buffers by their names in the primitive's layer. `layout` is the layout of
    the result; None for a map.
    """

    inputs: tuple[Operand | Lifted, ...]
    attrs: Mapping[str, Scalar | tuple[Scalar, ...]] = field(default_factory=dict)
    weights: Mapping[str, Operand] = field(default_factory=dict)
    layout: Layout | None = None
    op: str = ""
