"""Convolutions: dense, grouped and depthwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archdsl.ir.expr import eq
from archdsl.ops.base import Attrs, Cost, Demand, Layer, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.geometry import padding, window_seen, window_stride, windowed
from archdsl.ops.places import NotShared, Parts, Places, by_group, centre, index, leading, within_group

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted

_K = Setting("k", "int", 3, "kernel size", low=1)
_S = Setting("s", "int", 1, "stride", low=1)
_D = Setting("d", "int", 1, "dilation", low=1)
_BIAS = Setting("bias", "bool", False, "whether to add a bias")


class Conv(Primitive):
    """A convolution, padded so that stride 1 keeps the size for odd k."""

    name = "conv"
    summary = "convolution with padding d * (k - 1) // 2"
    lifts = ("conv2d",)
    keeps_places = False
    fresh = True
    settings = (
        Setting("c", "int", lambda xs: xs[0][0], "output channels", low=1),
        _K,
        _S,
        _D,
        Setting("g", "int", 1, "groups", low=1),
        _BIAS,
    )

    def keeps_zero(self, a: Attrs) -> bool:
        return a["bias"] is False

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        c, g = xs[0][0], a["g"]
        demand(eq(c % g, 0), "ARCH310", "{c} input channels are not divisible by {g} groups", g=g, c=c)
        demand(
            eq(a["c"] % g, 0), "ARCH310", "{c} output channels are not divisible by {g} groups", g=g, c=a["c"]
        )
        return windowed(xs[0], a["c"], a["k"], a["s"], a["d"], demand)

    def size_follows(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int] | None:
        return window_stride(a["k"], a["s"], a["d"])

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        weights = y[0] * (xs[0][0] // a["g"]) * a["k"] ** 2
        return Cost(weights + (y[0] if a["bias"] else 0), weights * y[1] * y[2])

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int]:
        return window_seen(at, a["k"], a["s"], a["d"])

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        return _conv2d(xs[0][0], y[0], a, groups=a["g"])

    def widest(self, widths: Sequence[int], most: Attrs) -> int:
        return int(most["c"])

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return leading(c) if a["g"] == 1 else by_group(c, width, a["g"])

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        if a["g"] != most["g"]:
            raise NotShared(f"it has {a['g']} groups in one network and {most['g']} in another")
        own = x if a["g"] == 1 else within_group(x, width, a["g"])
        kernel = centre(a["k"], most["k"])
        return {"weight": (index(y), index(own), kernel, kernel), "bias": (index(y),)}

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"{layer}({names[0]})"

    def fused_expression(
        self, names: Sequence[str], layers: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str | None:
        gathers = a["k"] == 1 and a["s"] > 1
        if a["g"] != 1 or (len(layers) == 1 and not gathers):
            return None
        return f"layers.convolved({names[0]}, ({', '.join(layers)},))"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return _onnx_conv(to, names[0], xs[0][0], y[0], a, groups=a["g"])

    def lifted(self, call: Call) -> Lifted | None:
        return None if _is_depthwise(call) else _lifted(call, c=call["weight"].shape[0], g=call["groups"])


class DepthwiseConv(Primitive):
    """A depthwise convolution: each channel separately."""

    name = "dwconv"
    summary = "depthwise convolution, one filter per channel"
    lifts = ("conv2d",)
    fresh = True
    settings = (_K, _S, _D, _BIAS)

    def keeps_zero(self, a: Attrs) -> bool:
        return a["bias"] is False

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return windowed(xs[0], xs[0][0], a["k"], a["s"], a["d"], demand)

    def size_follows(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int] | None:
        return window_stride(a["k"], a["s"], a["d"])

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        weights = y[0] * a["k"] ** 2
        return Cost(weights + (y[0] if a["bias"] else 0), weights * y[1] * y[2])

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int]:
        return window_seen(at, a["k"], a["s"], a["d"])

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        return _conv2d(y[0], y[0], a, groups=y[0])

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        kernel = centre(a["k"], most["k"])
        return {"weight": (index(x), range(1), kernel, kernel), "bias": (index(x),)}

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"{layer}({names[0]})"

    def fused_expression(
        self, names: Sequence[str], layers: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str | None:
        if a["d"] == 1 or a["k"] % 2 == 0:
            return None
        return f"layers.dilated({names[0]}, ({', '.join(layers)},))"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return _onnx_conv(to, names[0], y[0], y[0], a, groups=y[0])

    def lifted(self, call: Call) -> Lifted | None:
        return _lifted(call) if _is_depthwise(call) else None


def _conv2d(c_in: int, c_out: int, a: Attrs, groups: int) -> Layer:
    """The arguments of `Conv2d` that differ from its defaults, and always `bias`."""
    kwargs: dict[str, Any] = {"in_channels": c_in, "out_channels": c_out, "kernel_size": a["k"]}
    if a["s"] != 1:
        kwargs["stride"] = a["s"]
    if pad := padding(a["k"], a["d"]):
        kwargs["padding"] = pad
    if a["d"] != 1:
        kwargs["dilation"] = a["d"]
    if groups != 1:
        kwargs["groups"] = groups
    return Layer("Conv2d", {**kwargs, "bias": a["bias"]}, positional=3)


def _onnx_conv(to: OnnxWriter, name: str, c_in: int, c_out: int, a: Attrs, groups: int) -> str:
    inputs = [name, to.weight("weight", (c_out, c_in // groups, a["k"], a["k"]))]
    if a["bias"]:
        inputs.append(to.weight("bias", (c_out,)))
    return to.node(
        "Conv", inputs, kernel_shape=[a["k"]] * 2, strides=[a["s"]] * 2, dilations=[a["d"]] * 2,
        pads=[padding(a["k"], a["d"])] * 4, group=groups,
    )  # fmt: skip


def _is_depthwise(call: Call) -> bool:
    outputs, inputs = call["weight"].shape[:2]
    return bool(call["groups"] == outputs > 1 == inputs)


def _lifted(call: Call, **attrs: Any) -> Lifted | None:
    """A traced convolution, if kernel, stride and dilation are squares and the padding is the usual one."""
    weight = call["weight"]
    k, (s, d, pad) = weight.shape[2:], (call.one(name) for name in ("stride", "dilation", "padding"))
    if k[0] != k[1] or s is None or d is None or pad != padding(k[0], d):
        return None
    bias = call["bias"]
    weights = {"weight": weight, "bias": bias}
    return call.lifted(call.x, weights=weights, **attrs, k=k[0], s=s, d=d, bias=bias is not None)
