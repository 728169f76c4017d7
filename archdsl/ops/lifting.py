"""The inverse of `expression`: recognizing primitives among the calls of a traced PyTorch program.

A tensor of a program is often not a map of channels × height × width itself, but such a map in another
arrangement: a transformer's tokens, N × (height · width) × channels, are a map whose axes were merged and
permuted.  A `Layout` describes that, so that rules see the map behind a tensor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from archdsl.ir.expr import Pair, Scalar, apply

FixedSizes = tuple[int, int, int]
"""Channels, height, width."""

Factor = tuple[str, int, int]
"""A part of an axis ("n", "c", "h" or "w"): its stride in positions of that axis, and its size.

The channels of a map are ("c", 1, 12); in three groups of four they are ("c", 4, 3) and ("c", 1, 4).
"""

Layout = tuple[tuple[Factor, ...], ...]
"""For each dimension of a tensor, the factors merged in it, the slowest first."""


def map_layout(batch: int, sizes: FixedSizes) -> Layout:
    """The layout of N × C × H × W."""
    return tuple(
        ((axis, 1, size),) if size > 1 else ()
        for axis, size in zip("nchw", (batch, *sizes), strict=True)
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Operand:
    """A tensor that a call reads; `shape` includes the batch.

    `name` is the tensor of the network that it is, up to its layout, and `sizes` are that tensor's; None for
    what is not part of the network. `weight` is the name of a parameter or buffer. `call` is the call that
    returned it, `uses` how often it is read.
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
        """Whether it is a tensor of the network in its usual layout, N × C × H × W."""
        return self.sizes is not None and self.layout == map_layout(self.batch, self.sizes)

    def zeros(self, c: int) -> Lifted | None:
        """An input of `call.lifted` of c channels of zeros, as high and wide; None for no channels."""
        return Lifted((self,), {"c": c}, op="zero") if c else None

    def has_channels_at(self, dimension: int) -> bool:
        """Whether a dimension consists of all channels, in order."""
        if self.sizes is None or not self.layout:
            return False
        c = self.sizes[0]
        return self.layout[dimension] == ((("c", 1, c),) if c > 1 else ()) and self.shape[dimension] == c

    def slowest_channels(self, dimension: int) -> Factor | None:
        """The factor that a dimension is, if its indices count channels, or groups of neighbouring ones."""
        if self.sizes is None or not self.layout or len(self.layout[dimension]) != 1:
            return None
        (found,) = self.layout[dimension]
        axis, stride, count = found
        return found if axis == "c" and stride * count == self.sizes[0] else None

    def with_channels(self, dimension: int, c: int) -> Layout:
        """Its layout with another number of channels, which are one dimension."""
        own = (("c", 1, c),) if c > 1 else ()
        at = dimension % len(self.layout)
        return (*self.layout[:at], own, *self.layout[at + 1 :])


@dataclass(frozen=True, eq=False)
class Measured:
    """Where the height and width that a call is given are from: a tensor, or multiples of the input's.

    `times` are the factors, `down` the divisor by which the input's are divided, rounded down.
    """

    like: Operand | None = None
    times: int | float | None = None
    down: int | None = None


@dataclass(frozen=True, eq=False)
class Call:
    """A call of an ATen operator; `operator` is its name without overload and underscore at the end.

    `arguments` are by the names of its schema, defaults filled in; tensors are `Operand`s. `shape` is that of
    the result, `index` its place in a list of results. `place` is the line of source that made it.
    """

    operator: str
    arguments: Mapping[str, Any]
    shape: tuple[int, ...]
    index: int = 0
    place: str | None = None
    measured: Measured | None = None

    def __getitem__(self, name: str) -> Any:
        """An argument; None where the operator has none of that name."""
        return self.arguments.get(name)

    @property
    def x(self) -> Operand:
        """The first argument."""
        first = next(iter(self.arguments.values()))
        return first if isinstance(first, Operand) else Operand(())

    def one(self, name: str, default: int = 1) -> int | None:
        """The value of a list whose items are equal, as of a kernel with as many rows as columns.

        The default for an empty list, None for different items.
        """
        values = self[name]
        if isinstance(values, int):
            return values
        if values is None or isinstance(values, str) or any(v != values[0] for v in values):
            return None
        return int(values[0]) if values else default

    def pair(self, name: str, default: Pair | None = 1) -> Pair | None:
        """The value of a list for rows and columns: a number if they are equal.

        The default for an empty list, None for anything else, as a padding that is a word.
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
        """An application to maps, or one whose result has a layout.

        None if an input is not a tensor of the network, or a weight is computed instead of stored.
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
        """An application to each value alone: to maps, or in any other layout that all inputs share."""
        operands = [x for x in inputs if isinstance(x, Operand)]
        alike = len({(x.layout, x.sizes) for x in operands}) == 1
        return self.lifted(*inputs, weights=weights, layout=operands[0].layout if alike else None, **attrs)


@dataclass(frozen=True)
class Rows:
    """A stored tensor, or the rows of one from `first` to before `last`."""

    stored: str
    first: int = 0
    last: int | None = None

    def part(self, first: int, last: int) -> Rows:
        return Rows(self.stored, self.first + first, self.first + last)


@dataclass(frozen=True, eq=False)
class Applied:
    """A node of a recognized network, as a primitive sees it that may be composed of such nodes.

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
        """A primitive of these inputs that this node and the other `parts` compute together."""
        absorbed = frozenset(part.name for part in parts)
        return Composed(tuple(x.name for x in inputs), attrs, weights, absorbed)


@dataclass(frozen=True)
class Composed:
    """A primitive that several nodes compute together: its inputs, settings, weights, and the other nodes."""

    inputs: tuple[str, ...]
    attrs: Mapping[str, Any]
    weights: Mapping[str, Rows | None]
    absorbed: frozenset[str]


@dataclass(frozen=True, eq=False)
class Lifted:
    """The application of a primitive that a call stands for.

    `inputs` are the positional tensors, followed by those of tensor settings. `attrs` are settings, where
    defaults may be omitted. `weights` are parameters and buffers by their names in the primitive's layer.
    `layout` is that of the result; None: the result is a map. An input can be another application, of the
    primitive `op`, to maps.
    """

    inputs: tuple[Operand | Lifted, ...]
    attrs: Mapping[str, Scalar | tuple[Scalar, ...]] = field(default_factory=dict)
    weights: Mapping[str, Operand] = field(default_factory=dict)
    layout: Layout | None = None
    op: str = ""
