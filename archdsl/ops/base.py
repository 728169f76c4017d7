"""The interface of primitives: settings, shape rule, cost, module, expression, ONNX nodes.

Shape rules are ordinary arithmetic that works on integers and on values that depend on decisions
(`archdsl.ir.expr`), so one rule serves networks and spaces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from archdsl.ir.expr import Pair, Pick, any_of, apply, by_axis, kind, maximum
from archdsl.ops.places import Parts, Places, leading

if TYPE_CHECKING:
    from archdsl.ops.lifting import Applied, Call, Composed, Layout, Lifted

Attrs = Mapping[str, Any]

Sizes = tuple[Any, Any, Any]
"""Channels, height, width: integers, or values that depend on decisions."""


class Demand(Protocol):
    """Adds a constraint for well-typedness: a condition, and the message if it fails.

    `code` is the diagnostic's code; `message` is a format string, filled with the keyword arguments' values
    in the failing network.
    """

    def __call__(self, condition: Any, code: str, message: str, /, **values: Any) -> None: ...


@dataclass(frozen=True)
class Setting:
    """A setting of a primitive.

    `default` may be a function of the input shapes. None: the setting is required, or, if it is `optional`,
    omitted from a node's attrs. `kind` is one of "int", "float", "bool", "str", "ints", and "pair": an
    integer for both axes, or two, for rows and columns (`archdsl.ir.expr.by_axis`). `choices` are the values
    of a str, or the words that a pair may be instead; `low` and `high` the minimum and maximum. `implied` is
    the value that an optional setting has where it is omitted; a node's attrs never contain it.
    """

    name: str
    kind: str
    default: Any = None
    doc: str = ""
    choices: tuple[str, ...] = ()
    low: int | float | None = None
    high: int | float | None = None
    optional: bool = False
    implied: Any = None

    def entries(self, value: Any) -> tuple[Any, ...]:
        """The numbers or words of a value, each of which has to be within the limits."""
        if self.kind == "pair":
            rows, columns = by_axis(value) if value != () else (value, value)
            return (rows,) if rows is columns else (rows, columns)
        return value if isinstance(value, tuple) else (value,)

    def demands(self, owner: str, value: Any) -> Iterator[tuple[Any, str]]:
        """The constraints on an entry of a value of the right type, with messages for {value}."""
        what = f"`{self.name}` of `{owner}`"
        if self.kind == "pair":
            yield from self._pair_demands(what, value)
            return
        if self.kind in ("int", "ints"):
            yield apply("whole", value), what + " must be an integer, got {value}"
        limits = f"at least {self.low}" if self.high is None else f"from {self.low} to {self.high}"
        if self.low is not None:
            yield apply("le", self.low, value), what + " is {value}, and must be " + limits
        if self.high is not None:
            yield apply("le", value, self.high), what + " is {value}, and must be " + limits
        if self.choices:
            known = any_of([apply("eq", value, choice) for choice in self.choices])
            yield known, what + " is {value}, and must be one of " + ", ".join(self.choices)

    def _pair_demands(self, what: str, value: Any) -> Iterator[tuple[Any, str]]:
        """The constraints on one entry of a pair, which may be a word; see `demands`."""
        limits = f"at least {self.low}"
        if not self.choices or kind(value) in ("int", "number"):
            yield apply("whole", value), what + " must be an integer, got {value}"
        else:
            known = any_of([apply("eq", value, choice) for choice in self.choices])
            words = ", ".join(f'"{choice}"' for choice in self.choices)
            yield (
                apply("or", known, apply("whole", value)),
                what + " is {value}, and must be an integer, or one of " + words,
            )
            value = apply("if", apply("whole", value), value, self.low or 0)
        if self.low is not None and kind(value) in ("int", "number"):
            yield apply("le", self.low, value), what + " is {value}, and must be " + limits

    def is_fine(self, value: Any) -> bool:
        """Whether a constant is an integer in its range, or a boolean; a fast path."""
        if self.kind == "bool":
            return type(value) is bool
        low, high = self.low, self.high
        return type(value) is int and (low is None or low <= value) and (high is None or value <= high)

    def repaired(self, owner: str, value: Any) -> Any:
        """The value, or a valid replacement with which shapes can still be computed."""
        items = self.entries(value)
        if all(holds is not False for item in items for holds, _ in self.demands(owner, item)):
            return value
        if self.choices:
            return self.choices[0]
        single = self.kind == "pair" or not isinstance(value, tuple)
        return max(1, self.low or 1) if single else (1,) * len(value)


@dataclass(frozen=True)
class Cost:
    """Per image: trainable parameters, multiply-accumulates (FLOPs = 2 × MACs)."""

    params: int = 0
    macs: int = 0


@dataclass(frozen=True)
class Layer:
    """A module to construct: a class of `torch.nn` or of `archdsl.ops.layers`, and its arguments.

    The first `positional` arguments are written without their names in emitted Python.
    """

    cls: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    positional: int = 0


class OnnxWriter(Protocol):
    """Collects the ONNX nodes and constants of one application of a primitive, and returns their names.

    Names are derived from the application, with the suffix `.label` if there is a label.
    """

    @property
    def batch(self) -> int:
        """The number of images that the model takes."""

    def node(self, operator: str, inputs: Sequence[str], label: str = "", **attributes: Any) -> str:
        """A node with one output; an omitted input is an empty name."""

    def nodes(
        self, operator: str, inputs: Sequence[str], labels: Sequence[str], **attributes: Any
    ) -> list[str]:
        """The outputs, by labels, of a node with several."""

    def weight(self, name: str, shape: Sequence[int]) -> str:
        """A parameter or buffer of the application's layer, by its name there; shared if it is tied."""

    def ints(self, label: str, values: Sequence[int]) -> str:
        """A vector of int64: sizes, axes, pads."""

    def filled(self, label: str, value: float, shape: Sequence[int]) -> str:
        """A float32 tensor with equal values."""


class Primitive:
    """A primitive op: one class that owns every rule of the op; passes never depend on its name.

    `arity` is the minimum and maximum number of tensors (None: no limit). `tensor_settings` are optional
    settings whose value is a tensor (`like`); they follow the positional tensors in a node's inputs, and only
    the height and width of such a tensor are read.

    Properties used by simplification: `makes_zero`: the output is zeros for any values of the inputs, of
    which only the size matters; `keeps_zero`: zero inputs give a zero output; `zero_is_neutral`: inputs that
    are zeros can be omitted, as `contributing` says; `is_identity`: the output is the first input.
    `keeps_size`: height and width are those of the first input. `commutes`: the order of the inputs does not
    matter, up to rounding. `stacks`: the channels of its inputs add up, so that a missing input has no
    channels. `stateless`: its layer holds neither parameters nor statistics. `over_batch`: in training, a
    channel is normalized by its values in the batch, and a single value is not enough. `keeps_places`: its
    channels are those of its first input, one by one. `fresh`: the output is a new tensor that its own
    gradient does not need, so that its only reader may overwrite it. `by_image`: its layer computes each
    image of a batch by itself, in training, too, and a call costs more than copying a small map.

    `lifts` are the ATen operators that it may stand for, without overloads (`archdsl lift`).
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    settings: ClassVar[tuple[Setting, ...]] = ()
    tensor_settings: ClassVar[tuple[str, ...]] = ()
    makes_zero: ClassVar[bool] = False
    zero_is_neutral: ClassVar[bool] = False
    keeps_size: ClassVar[bool] = False
    commutes: ClassVar[bool] = False
    stacks: ClassVar[bool] = False
    stateless: ClassVar[bool] = False
    over_batch: ClassVar[bool] = False
    keeps_places: ClassVar[bool] = True
    fresh: ClassVar[bool] = False
    by_image: ClassVar[bool] = False
    lifts: ClassVar[tuple[str, ...]] = ()

    def tensors(self, inputs: int) -> int:
        """How many of a node's inputs are positional tensors; the rest are tensor settings."""
        most = self.arity[1]
        return inputs if most is None or not self.tensor_settings else min(inputs, most)

    @property
    def has_weights(self) -> bool:
        """Whether its nodes have parameters or running statistics, which can be tied."""
        return self.has_layer and not self.stateless

    @property
    def has_layer(self) -> bool:
        """Whether its nodes have weights or state, so that two equal nodes compute different results."""
        return type(self).layer is not Primitive.layer

    @property
    def is_shared(self) -> bool:
        """Whether equal nodes are computed once: nodes without weights or state.

        Not zeros, which are created where they are read: all zeros of a size are equal, and sharing them
        would create dependences between unrelated parts of a space.
        """
        return not (self.has_layer or self.makes_zero)

    def written(self, a: Attrs) -> Attrs:
        """The settings of a node without those that have the value that they have where they are omitted."""
        implied = [s for s in self.settings if s.implied is not None and a.get(s.name) == s.implied]
        return {k: v for k, v in a.items() if k not in {s.name for s in implied}} if implied else a

    def along(self, a: Attrs, axis: int) -> Attrs:
        """The settings for one axis, rows (0) or columns (1): pairs replaced by their entry."""
        pairs = [s.name for s in self.settings if s.kind == "pair" and isinstance(a.get(s.name), tuple)]
        return {**a, **{name: by_axis(a[name])[axis] for name in pairs}} if pairs else a

    def title(self, a: Attrs) -> str:
        """What its box in a diagram is called; kernel, dilation and stride are added to it."""
        return self.name

    def keeps_zero(self, a: Attrs) -> bool:
        return False

    def contributing(self, zero: Sequence[bool], xs: Sequence[Sizes], y: Sizes) -> Sequence[int]:
        """The inputs that are sufficient where some are zeros, at least one; for concrete shapes.

        Asked only if `zero_is_neutral`.
        """
        return range(len(xs))

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        """Whether the output is the first input; for concrete shapes and settings."""
        return False

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        """The output shape; adds all constraints through `demand`."""
        raise NotImplementedError

    def sizes(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        """The output shape even if constraints fail: settings outside their ranges are reported, and
        replaced.

        No dimension is below 1, so that the shape rules of readers can divide by it.
        """
        for setting in self.settings:
            value = a.get(setting.name)
            if value is None or setting.is_fine(value):
                continue
            for item in setting.entries(value):
                for condition, message in setting.demands(self.name, item):
                    demand(condition, "ARCH208", message, value=item)
            a = {**a, setting.name: setting.repaired(self.name, value)}
        return at_least_one(self.shape(xs, a, demand))

    def size_follows(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, Pair] | None:
        """The input that determines its size, and s: height and width are ceil(n / s) of that input's.

        For concrete shapes and settings, at every image size. None if this does not hold.
        """
        return (0, 1) if self.keeps_size else None

    def zeros_of(self, y: Sizes, s: Pair) -> Attrs | None:
        """For zeros: the settings of zeros with the size of y, made from a tensor s times as high and wide.

        None if it cannot be applied to every tensor of such a size.
        """
        return None

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        """Parameters and MACs of one application, for concrete shapes."""
        return Cost()

    def traffic(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int]:
        """How many activation values it reads and writes in evaluation; (0, 0) if its output is its input.

        For concrete shapes; values in several sliding windows count once.
        """
        read = 0
        for c, h, w in xs[: self.tensors(len(xs))]:
            read += c * h * w
        return read, y[0] * y[1] * y[2]

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int] | None:
        """The first and last of its x input rows (or columns) that row `at` of its y output rows depends on.

        They may be outside of the input, in the padding. None: it reads no values. Settings that are pairs
        have the value of that axis.
        """
        return (0, 0) if x == 1 else (at, at)

    def sees_in(self, port: int, at: int, x: int, y: int, a: Attrs) -> tuple[int, int] | None:
        """`sees` for one of several inputs, by its position; where they differ in more than their size."""
        return self.sees(at, x, y, a)

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer | None:
        """The module that holds its weights or state, for concrete shapes; None without any."""
        return None

    def widest(self, widths: Sequence[int], most: Attrs) -> int | None:
        """The maximum number of channels, from those of its inputs and the maximum values of its settings.

        None for the largest number of channels that it has in some network.
        """
        return widths[0]

    def kernel_size(self, a: Attrs) -> Any:
        """The size of the kernel whose positions are the last two axes of its weight; None without one.

        A number, or a pair (rows, columns); also for settings that depend on decisions.
        """
        return None

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        """Where its c channels lie in its widest form; for one network.

        `xs` are the places of the channels of its inputs, None where a network lacks one; `widths` are how
        many channels these have at most, and `width` how many it has itself.  Raises NotShared where
        channels of several origins would be one.
        """
        found = next(x for x in xs if x is not None)
        return found if len(found) == c else leading(c)

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        """The slices of the shared weights that a subnetwork uses; weights not returned are used in full.

        `x` and `y` are the channel indices of its first input and its output, `width` is the maximum number
        of input channels, `most` are the maximum values of its settings.  Raises NotShared.
        """
        return {}

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        """The Python expression of its output, over `torch` and `F` (torch.nn.functional).

        `names` are the variables of the positional tensors, followed by expressions of the run-time (height,
        width) of the tensors passed as settings; `layer` is the expression of its module. By default the
        module is applied to the first tensor.
        """
        if layer is None:
            raise NotImplementedError
        return f"{layer}({names[0]})"

    def weighted_expression(
        self, names: Sequence[str], layer: str | None, weight: str, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str | None:
        """The expression of its output times a number; None if an ordinary product is needed.

        It may use `layers` (archdsl.ops.layers); exactly its output if the number is 1.
        """
        return None

    def fused_expression(
        self, names: Sequence[str], layers: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str | None:
        """The expression of a sequence of outputs: of nodes with the same inputs and these settings.

        It may use `layers` (archdsl.ops.layers); the argument `layers` holds the expressions of their
        modules, and is empty for a primitive without a module, of which there is one node. Results are equal
        up to rounding. None without an advantage over `expression`.
        """
        return None

    @property
    def has_onnx(self) -> bool:
        """Whether it has an ONNX lowering; other primitives use PyTorch's exporter, which takes seconds."""
        return type(self).onnx is not Primitive.onnx

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        """Writes its ONNX nodes (opset 18), and returns the name of its output.

        For concrete shapes; `names` are those of the positional tensors.
        """
        raise NotImplementedError

    def in_place(self, name: str, a: Attrs) -> str | None:
        """An expression that overwrites its only input with its output; None if there is none."""
        return None

    def lifted(self, call: Call) -> Lifted | None:
        """The inverse of `expression`: the application that a call of an operator in `lifts` stands for.

        None if the call computes something else. By default, the primitive has one input, no settings and no
        weights, and applies to each value alone.
        """
        return call.pointwise(call.x)

    def composed(self, last: Applied) -> Composed | None:
        """The inverse of `expression` where other primitives were recognized in parts of it.

        `last` is the last of these nodes. None if it is not one that this primitive computes.
        """
        return None

    def rearranged(self, x: tuple[int, int, int], layout: Layout) -> Attrs | None:
        """The settings with which its output, for an input of sizes x, is a map of that layout; else None.

        For primitives that only rearrange values: a layout lists the factors of each dimension.
        """
        return None


def at_least_one(shape: Sizes) -> Sizes:
    """The shape with at least 1 in each dimension, for a rule whose constraints failed."""
    if type(shape[0]) is type(shape[1]) is type(shape[2]) is int and min(shape) >= 1:
        return shape
    c, h, w = (maximum(n, 1) if isinstance(n, (int, float, Pick)) and _below_one(n) else n for n in shape)
    return c, h, w


def _below_one(size: Any) -> bool:
    values = size.values if isinstance(size, Pick) else (size,)
    return any(value is not None and value < 1 for value in values)


ADVISORY = frozenset({"ARCH330"})
"""Codes of demands whose failure leaves a network well-defined: it runs, but maybe not as meant."""
