"""Primitives over the channels at each position: linear layers, reductions, convolutions, slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from archdsl.ir.expr import apply, both, eq, le
from archdsl.ops.base import Attrs, Cost, Demand, Layer, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.places import Parts, Places, centre, index, leading

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted


class Linear(Primitive):
    """A linear layer over the channels at each position; equal to a convolution with k = 1."""

    name = "linear"
    summary = "linear layer over the channels at each position"
    lifts = ("linear",)
    keeps_places = False
    keeps_size = True
    fresh = True
    settings = (
        Setting("c", "int", lambda xs: xs[0][0], "output channels", low=1),
        Setting("bias", "bool", True, "whether to add a bias"),
    )

    def keeps_zero(self, a: Attrs) -> bool:
        return a["bias"] is False

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return (a["c"], xs[0][1], xs[0][2])

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        weights = xs[0][0] * y[0]
        return Cost(weights + (y[0] if a["bias"] else 0), weights * y[1] * y[2])

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        kwargs = {"in_channels": xs[0][0], "out_channels": y[0], "kernel_size": 1, "bias": a["bias"]}
        return Layer("Conv2d", kwargs, positional=3)

    def widest(self, widths: Sequence[int], most: Attrs) -> int:
        return int(most["c"])

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return leading(c)

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        return {"weight": (index(y), index(x), range(1), range(1)), "bias": (index(y),)}

    def fused_expression(
        self, names: Sequence[str], layers: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str | None:
        return f"layers.convolved({names[0]}, ({', '.join(layers)},))" if len(layers) > 1 else None

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        inputs = [names[0], to.weight("weight", (y[0], xs[0][0], 1, 1))]
        if a["bias"]:
            inputs.append(to.weight("bias", (y[0],)))
        return to.node("Conv", inputs, kernel_shape=[1, 1])

    def lifted(self, call: Call) -> Lifted | None:
        """Recognizes a linear layer in any layout whose last dimension is the channels."""
        x, weight, bias = call.x, call["weight"], call["bias"]
        if not x.has_channels_at(-1):
            return None
        weights, c = {"weight": weight, "bias": bias}, weight.shape[0]
        return call.lifted(x, weights=weights, layout=x.with_channels(-1, c), c=c, bias=bias is not None)


class Reduction(Primitive):
    """Base class of reductions of all channels to one; `function` is the method of torch.Tensor, such as
    "mean".
    """

    function: ClassVar[str]
    operator: ClassVar[str]
    keeps_places = False
    keeps_size = True
    fresh = True

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return bool(xs[0][0] == 1)

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return (1, xs[0][1], xs[0][2])

    def widest(self, widths: Sequence[int], most: Attrs) -> int:
        return 1

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return leading(1)

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"{names[0]}.{self.function}(1, keepdim=True)"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node(self.operator, [names[0], to.ints("axes", [1])], keepdims=1)

    def lifted(self, call: Call) -> Lifted | None:
        x, dims = call.x, call["dim"] if isinstance(call["dim"], tuple) else (call["dim"],)
        if len(dims) != 1 or dims[0] is None or not x.has_channels_at(dims[0]):
            return None
        layout = list(x.with_channels(dims[0], 1))
        if not call["keepdim"]:
            del layout[dims[0]]
        return call.lifted(x, layout=tuple(layout))


class ChannelSum(Reduction):
    """The sum of all channels at each position, as one channel."""

    name = "channel_sum"
    summary = "sum over channels, to one channel"
    lifts = ("sum",)
    function = "sum"
    operator = "ReduceSum"


class ChannelMean(Reduction):
    """The mean of all channels at each position, as one channel."""

    name = "channel_mean"
    summary = "mean over channels, to one channel"
    lifts = ("mean",)
    function = "mean"
    operator = "ReduceMean"


class ChannelMax(Reduction):
    """The maximum of all channels at each position, as one channel."""

    name = "channel_max"
    summary = "maximum over channels, to one channel"
    lifts = ("amax",)
    function = "amax"
    operator = "ReduceMax"


class ChannelConv(Primitive):
    """A convolution along the channels at each position, with one kernel for all positions and channels.

    On a map of 1 × 1 it is the gate of efficient channel attention: Wang et al., "ECA-Net", arXiv:1910.03151,
    equation 5.
    """

    name = "channel_conv"
    summary = "convolution along the channels, with one kernel for all positions"
    lifts = ("conv2d", "conv1d")
    keeps_size = True
    fresh = True
    settings = (Setting("k", "int", 3, "size of the kernel in channels, odd", low=1),)

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        demand(eq(a["k"] % 2, 1), "ARCH232", "the kernel of channel_conv is {k}, and must be odd", k=a["k"])
        return xs[0]

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        return Cost(a["k"], a["k"] * y[0] * y[1] * y[2])

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        return Layer("ChannelConv", {"kernel_size": a["k"]}, positional=1)

    def kernel_size(self, a: Attrs) -> Any:
        return apply("pair", a["k"], 1)

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        return {"weight": (range(1), range(1), centre(a["k"], most["k"]), range(1))}

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        (c, h, w), k = y, a["k"]
        apart, whole = to.ints("apart", [to.batch, 1, c, h * w]), to.ints("whole", [to.batch, c, h, w])
        map_of_channels = to.node("Reshape", [names[0], apart], "1")
        inputs = [map_of_channels, to.weight("weight", (1, 1, k, 1))]
        convolved = to.node("Conv", inputs, "2", kernel_shape=[k, 1], pads=[k // 2, 0, k // 2, 0])
        return to.node("Reshape", [convolved, whole])

    def lifted(self, call: Call) -> Lifted | None:
        """Recognizes a 1-D or 2-D convolution with one kernel over a map whose rows are the channels."""
        x, weight, pad = call.x, call["weight"], call["padding"]
        if len(x.layout) < 3 or x.layout[1] or not x.has_channels_at(2) or call["bias"] is not None:
            return None
        k = weight.shape[2]
        plain = call.one("stride") == call.one("dilation") == 1 and set(weight.shape[3:]) <= {1} and k % 2
        padded = pad == "same" or (not isinstance(pad, str) and [*pad] == [k // 2, 0][: len(pad)])
        return call.lifted(x, weights={"weight": weight}, layout=x.layout, k=k) if plain and padded else None


class Slice(Primitive):
    """The channels from `first` to `last`, counted from 1, both included."""

    name = "slice"
    summary = "channels from the first to the last one given, counted from 1"
    lifts = ("slice", "narrow", "select", "unbind", "split", "split_with_sizes", "chunk")
    keeps_places = False
    keeps_size = True
    settings = (
        Setting("first", "int", 1, "the first channel", low=1),
        Setting("last", "int", lambda xs: xs[0][0], "the last channel", low=1),
    )

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return bool(xs[0][0] == y[0])

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        (c, h, w), first, last = xs[0], a["first"], a["last"]
        inside = both(le(first, last), le(last, c))
        message = "channels {first} to {last} of {c} channels do not exist"
        demand(inside, "ARCH230", message, first=first, last=last, c=c)
        return (last - first + 1, h, w)

    def traffic(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int]:
        return (y[0] * y[1] * y[2],) * 2

    def widest(self, widths: Sequence[int], most: Attrs) -> None:
        return None

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return leading(c)

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"{names[0]}[:, {a['first'] - 1:d}:{a['last']:d}]"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        bounds = [to.ints("start", [a["first"] - 1]), to.ints("end", [a["last"]]), to.ints("axes", [1])]
        return to.node("Slice", [names[0], *bounds])

    def lifted(self, call: Call) -> Lifted | None:
        x, dim = call.x, call["dim"] or 0
        part = x.slowest_channels(dim)
        if part is None or (call["step"] or 1) != 1:
            return None
        (_, stride, count), at = part, dim % len(x.layout)
        if call.operator in ("select", "unbind"):
            first = call["index"] % count if call.operator == "select" else call.index
            layout, size = (*x.layout[:at], *x.layout[at + 1 :]), 1
        else:
            first, size = self._range(call, count), call.shape[dim]
            own = (("c", stride, size),) if size > 1 else ()
            layout = (*x.layout[:at], own, *x.layout[at + 1 :])
        return call.lifted(x, layout=layout, first=first * stride + 1, last=(first + size) * stride)

    @staticmethod
    def _range(call: Call, count: int) -> int:
        """The first index of a slice, or of a part of a split, of `count` indices."""
        if call.operator in ("slice", "narrow"):
            start = call["start"] or 0
            return int(min(start + count if start < 0 else start, count))
        if call.operator == "chunk":
            return int(call.index * -(-count // call["chunks"]))
        sizes = call["split_sizes"] or call["split_size"]
        return int(call.index * sizes if isinstance(sizes, int) else sum(sizes[: call.index]))
