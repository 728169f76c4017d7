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
    """A function that adds a constraint for well-typedness: a condition, and the message if it fails.

    `code` is the code of the diagnostic; `message` is a format string, filled with the values of the keyword
    arguments in the failing network.
    """

    def __call__(self, condition: Any, code: str, message: str, /, **values: Any) -> None: ...


@dataclass(frozen=True)
class Setting:
    """A setting of a primitive.

    `default` may be a function of the input shapes; if it is None, the setting is required, or, if
    `optional`, omitted from a node's attrs. `kind` is one of "int", "float", "bool", "str", "ints", and
    "pair": an integer for both axes, or two, for rows and columns (`archdsl.ir.expr.by_axis`). `choices` are
    the values of a str, or the words that a pair may be instead of numbers; `low` and `high` are the minimum
    and maximum. `implied` is the value that an omitted optional setting has; a node's attrs never contain it.
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
        """The numbers or words in a value, each of which must satisfy the limits."""
        if self.kind == "pair":
            rows, columns = by_axis(value) if value != () else (value, value)
            return (rows,) if rows is columns else (rows, columns)
        return value if isinstance(value, tuple) else (value,)

    def demands(self, owner: str, value: Any) -> Iterator[tuple[Any, str]]:
        """Yields pairs of a condition and a message for an entry of the right type.

        `{value}` in a message stands for the value.
        """
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
        """Yields the constraints on one entry of a pair, which may be a word (see `demands`)."""
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
        """Whether a value is an integer within the limits, or a boolean: a fast test instead of `demands`."""
        if self.kind == "bool":
            return type(value) is bool
        low, high = self.low, self.high
        return type(value) is int and (low is None or low <= value) and (high is None or value <= high)

    def repaired(self, owner: str, value: Any) -> Any:
        """Returns the value, or if it is invalid, a valid one with which shapes can still be computed."""
        items = self.entries(value)
        if all(holds is not False for item in items for holds, _ in self.demands(owner, item)):
            return value
        if self.choices:
            return self.choices[0]
        single = self.kind == "pair" or not isinstance(value, tuple)
        return max(1, self.low or 1) if single else (1,) * len(value)


@dataclass(frozen=True)
class Cost:
    """Trainable parameters, and multiply-accumulates per image (FLOPs = 2 × MACs)."""

    params: int = 0
    macs: int = 0


@dataclass(frozen=True)
class Layer:
    """A module to construct: a class of `torch.nn` or of `archdsl.ops.layers`, and its arguments.

    The first `positional` arguments are written without names in emitted Python.
    """

    cls: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    positional: int = 0


class OnnxWriter(Protocol):
    """Collects the ONNX nodes and constants of one application of a primitive; methods return tensor names.

    Names are derived from the application, with the suffix `.label` if there is a label.
    """

    @property
    def batch(self) -> int:
        """The batch size of the ONNX model."""

    def node(self, operator: str, inputs: Sequence[str], label: str = "", **attributes: Any) -> str:
        """Adds a node with one output and returns its name. An omitted optional input is an empty name."""

    def nodes(
        self, operator: str, inputs: Sequence[str], labels: Sequence[str], **attributes: Any
    ) -> list[str]:
        """Adds a node with several outputs, one for each label; returns their names."""

    def weight(self, name: str, shape: Sequence[int]) -> str:
        """The name of a parameter or buffer, given its name in the layer; tied layers share it."""

    def ints(self, label: str, values: Sequence[int]) -> str:
        """Adds a constant vector of int64, such as sizes, axes or pads; returns its name."""

    def filled(self, label: str, value: float, shape: Sequence[int]) -> str:
        """Adds a constant float32 tensor whose elements all equal `value`; returns its name."""


class Primitive:
    """A primitive op: one class that defines every rule of the op; passes never depend on its name.

    `arity` is the minimum and maximum number of tensors (None: no limit). `tensor_settings` are optional
    settings whose value is a tensor (`like`); these tensors follow the positional ones in a node's inputs,
    and only their height and width are read.

    Properties used by simplification: `makes_zero`: the output is zeros for any values of the inputs, of
    which only the size matters; `keeps_zero`: zero inputs give a zero output; `zero_is_neutral`: inputs that
    are zeros can be omitted, as `contributing` defines; `is_identity`: the output is the first input.
    `keeps_size`: height and width are those of the first input. `commutes`: the order of the inputs does not
    matter, up to rounding. `stacks`: the channels of the inputs add up, so that a missing input has no
    channels. `stateless`: the layer has neither parameters nor statistics. `over_batch`: in training, a
    channel is normalized by its values in the batch, and a single value is not enough. `keeps_places`: output
    channel i belongs to channel i of the first input. `fresh`: the output is a new tensor that the gradient
    of this op does not need, so that its only reader may overwrite it. `by_image`: the layer computes each
    image of a batch separately, in training as well, and a call costs more than copying a small map.

    `lifts` are the ATen operators, without overloads, that `archdsl lift` may translate to this primitive.
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
        """The number of positional tensors among a node's inputs; the other inputs are tensor settings."""
        most = self.arity[1]
        return inputs if most is None or not self.tensor_settings else min(inputs, most)

    @property
    def has_weights(self) -> bool:
        """Whether nodes of this primitive have parameters or running statistics, which can be tied."""
        return self.has_layer and not self.stateless

    @property
    def has_layer(self) -> bool:
        """Whether nodes of this primitive have parameters, statistics or random state.

        If they do, equal nodes may compute different results.
        """
        return type(self).layer is not Primitive.layer

    @property
    def is_shared(self) -> bool:
        """Whether simplification merges equal nodes of this primitive: those without weights or state.

        Zeros are not merged although they are equal, since this would create dependences between unrelated
        parts of a space.
        """
        return not (self.has_layer or self.makes_zero)

    def written(self, a: Attrs) -> Attrs:
        """The settings that source text must contain: without optional ones that have their implied value."""
        implied = [s for s in self.settings if s.implied is not None and a.get(s.name) == s.implied]
        return {k: v for k, v in a.items() if k not in {s.name for s in implied}} if implied else a

    def declared(self, xs: Sequence[Sizes], a: Attrs) -> Attrs:
        """The settings to write in a spec to avoid advice (`ADVISORY`) for a network with these input sizes.

        They have the same effect as `a`, and `written` returns `a` for them.
        """
        return a

    def along(self, a: Attrs, axis: int) -> Attrs:
        """The settings for one axis, rows (0) or columns (1): pairs are replaced by their entry."""
        pairs = [s.name for s in self.settings if s.kind == "pair" and isinstance(a.get(s.name), tuple)]
        return {**a, **{name: by_axis(a[name])[axis] for name in pairs}} if pairs else a

    def title(self, a: Attrs) -> str:
        """The title of a node's box in a diagram; kernel, dilation and stride are appended to it."""
        return self.name

    def keeps_zero(self, a: Attrs) -> bool:
        return False

    def contributing(self, zero: Sequence[bool], xs: Sequence[Sizes], y: Sizes) -> Sequence[int]:
        """The positions of the inputs that determine the output if the inputs marked in `zero` are zeros.

        At least one. For concrete shapes. Called only if `zero_is_neutral`.
        """
        return range(len(xs))

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        """Whether the output equals the first input; for concrete shapes and settings."""
        return False

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        """The output shape; all constraints are added through `demand`."""
        raise NotImplementedError

    def sizes(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        """The output shape, even if constraints fail: invalid settings are reported to `demand` and replaced.

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
        """The position of the input that determines the output size, and a stride s; None if no input does.

        Height and width of the output are ceil(n / s) of those of that input, at every image size. For
        concrete shapes and settings.
        """
        return (0, 1) if self.keeps_size else None

    def zeros_of(self, y: Sizes, s: Pair) -> Attrs | None:
        """The settings of a `zero` node of shape y that reads a tensor s times as high and wide.

        None if not every tensor of that size gives shape y. Defined for the primitive `zero` only.
        """
        return None

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        """Parameters and MACs of one application, for concrete shapes."""
        return Cost()

    def traffic(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int]:
        """The numbers of activation values read and written in eval mode; (0, 0) if nothing is copied.

        For concrete shapes. A value that several sliding windows read counts once.
        """
        read = 0
        for c, h, w in xs[: self.tensors(len(xs))]:
            read += c * h * w
        return read, y[0] * y[1] * y[2]

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int] | None:
        """The first and last of x input rows (or columns) on which output row `at` of y depends.

        None if the output row reads none. Rows outside of the input are padding. Settings that are pairs have
        their value for the axis.
        """
        return (0, 0) if x == 1 else (at, at)

    def sees_in(self, port: int, at: int, x: int, y: int, a: Attrs) -> tuple[int, int] | None:
        """The result of `sees` for the input at position `port`, for primitives that read their inputs
        differently.
        """
        return self.sees(at, x, y, a)

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer | None:
        """The module that holds the weights or state, for concrete shapes; None if there are none."""
        return None

    def widest(self, widths: Sequence[int], most: Attrs) -> int | None:
        """The number of output channels at the largest size, for these input widths and maximum settings.

        None stands for the maximum over the networks of the space.
        """
        return widths[0]

    def kernel_size(self, a: Attrs) -> Any:
        """The size of the kernel, whose positions are the last two axes of the weight.

        A number, or a pair (rows, columns); also for settings that depend on decisions. None if there is no
        kernel.
        """
        return None

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        """The indices of the output channels of one network among the output channels at the largest size.

        The network has `c` output channels, the largest size `width`. `xs` are those indices for the inputs,
        None for an input that the network lacks; `widths` are the numbers of channels of the inputs at the
        largest size. Raises NotShared if different channels would have the same index.
        """
        found = next(x for x in xs if x is not None)
        return found if len(found) == c else leading(c)

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        """The slices of the shared weights that the layer of one network uses; other weights are used whole.

        `x` and `y` are the channel indices of the first input and of the output, `width` is the maximum
        number of input channels, `most` are the maximum values of the settings. Raises NotShared if the
        weights cannot be shared.
        """
        return {}

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        """The Python expression of the output, over `torch` and `F` (torch.nn.functional).

        `names` are the variables of the positional tensors, followed by expressions of the run-time (height,
        width) of the tensors passed as settings; `layer` is the expression of the module. By default the
        module is applied to the first tensor.
        """
        if layer is None:
            raise NotImplementedError
        return f"{layer}({names[0]})"

    def weighted_expression(
        self, names: Sequence[str], layer: str | None, weight: str, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str | None:
        """The Python expression of the output times a number; None if an ordinary product is needed.

        The expression may refer to `layers` (archdsl.ops.layers). If the number is 1, the result is exactly
        the output.
        """
        return None

    def fused_expression(
        self, names: Sequence[str], layers: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str | None:
        """The Python expression that computes several nodes with equal inputs and settings in one call.

        Its value is the sequence of their outputs. `names` are the variables of the inputs, `layers` the
        expressions of the nodes' modules, one per node; for a primitive without a module, `layers` is empty,
        and there is a single node. The expression may call functions of the module archdsl.ops.layers by the
        name `layers`. Results are equal to those of `expression` up to rounding. None if `expression` is as
        fast.
        """
        return None

    @property
    def has_onnx(self) -> bool:
        """Whether the primitive has an ONNX lowering; others need PyTorch's exporter, which takes seconds."""
        return type(self).onnx is not Primitive.onnx

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        """Writes the ONNX nodes (opset 18) of an application; returns the name of the output.

        For concrete shapes; `names` are those of the positional tensors.
        """
        raise NotImplementedError

    def in_place(self, name: str, a: Attrs) -> str | None:
        """A Python expression that overwrites the only input with the output; None if there is none."""
        return None

    def lifted(self, call: Call) -> Lifted | None:
        """The application of this primitive that a traced call of an operator in `lifts` computes, or None.

        The inverse of `expression`. By default, the primitive has one input, no settings and no weights, and
        is applied to each value separately.
        """
        return call.pointwise(call.x)

    def composed(self, last: Applied) -> Composed | None:
        """Recognizes an application of this primitive that several recognized nodes compute together.

        `last` is the last of these nodes. None if they compute something else.
        """
        return None

    def rearranged(self, x: tuple[int, int, int], layout: Layout) -> Attrs | None:
        """The settings for which the output, given an input of shape x, has this layout, or None.

        For primitives that only rearrange values. A layout lists the factors of each dimension.
        """
        return None


def at_least_one(shape: Sizes) -> Sizes:
    """The shape with at least 1 in each dimension; used if the constraints of a shape rule failed."""
    if type(shape[0]) is type(shape[1]) is type(shape[2]) is int and min(shape) >= 1:
        return shape
    c, h, w = (maximum(n, 1) if isinstance(n, (int, float, Pick)) and _below_one(n) else n for n in shape)
    return c, h, w


def _below_one(size: Any) -> bool:
    values = size.values if isinstance(size, Pick) else (size,)
    return any(value is not None and value < 1 for value in values)


ADVISORY = frozenset({"ARCH330"})
"""Codes of constraints that a network may violate: it is well-defined, but may differ from what was meant."""
