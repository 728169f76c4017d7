"""Convolutions: dense, grouped and depthwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archdsl.ir.expr import Pair, apply, by_axis, eq
from archdsl.ops.base import Attrs, Cost, Demand, Layer, OnnxWriter, Setting, Sizes
from archdsl.ops.geometry import (
    PADDING,
    D,
    K,
    S,
    Sliding,
    both_axes,
    lifted_window,
    onnx_window,
    padded,
    same_on_both_sides,
    strided,
    windowed,
    windows,
)
from archdsl.ops.padding import MODE, demand_room, filled, onnx_padded
from archdsl.ops.places import NotShared, Part, Parts, Places, by_group, centre, index, leading, within_group

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted, Operand

BIAS = Setting("bias", "bool", False, "whether to add a bias")


class Conv(Sliding):
    """A convolution, by default padded so that stride 1 keeps the size for odd k (see `Window`)."""

    name = "conv"
    summary = "convolution with padding d * (k - 1) // 2"
    lifts = ("conv2d",)
    keeps_places = False
    fresh = by_image = True
    settings = (
        Setting("c", "int", lambda xs: xs[0][0], "output channels", low=1),
        K,
        S,
        D,
        Setting("g", "int", 1, "groups", low=1),
        BIAS,
        PADDING,
        MODE,
    )

    def keeps_zero(self, a: Attrs) -> bool:
        return a["bias"] is False

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        demand_groups(xs[0][0], a, demand)
        demand_room(xs[0], a, demand)
        return windowed(xs[0], a["c"], a, demand)

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        weights = y[0] * (xs[0][0] // a["g"]) * taps(a)
        return Cost(weights + (y[0] if a["bias"] else 0), weights * y[1] * y[2])

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        return _conv2d(xs[0][0], y[0], a, groups=a["g"])

    def widest(self, widths: Sequence[int], most: Attrs) -> int:
        return int(most["c"])

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return leading(c) if a["g"] == 1 else by_group(c, width, a["g"])

    def kernel_size(self, a: Attrs) -> Any:
        return a["k"]

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        own = own_channels(x, width, a, most)
        return {"weight": (index(y), index(own), *kernel(a, most)), "bias": (index(y),)}

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return _applied(layer, names[0], a)

    def fused_expression(
        self, names: Sequence[str], layers: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str | None:
        gathers = a["k"] == 1 and a["s"] != 1 and _padding(a) == 0
        if a["g"] != 1 or (len(layers) == 1 and not gathers) or _padding(a) is None:
            return None
        return f"layers.convolved({names[0]}, ({', '.join(layers)},))"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return _onnx_conv(to, names[0], xs[0], y, a, groups=a["g"])

    def lifted(self, call: Call) -> Lifted | None:
        return None if _is_depthwise(call) else _lifted(call, c=call["weight"].shape[0], g=call["groups"])


class DepthwiseConv(Sliding):
    """A depthwise convolution: each output channel depends on one input channel."""

    name = "dwconv"
    summary = "depthwise convolution, one filter per channel"
    lifts = ("conv2d",)
    fresh = by_image = True
    settings = (K, S, D, BIAS, PADDING, MODE)

    def keeps_zero(self, a: Attrs) -> bool:
        return a["bias"] is False

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        demand_room(xs[0], a, demand)
        return windowed(xs[0], xs[0][0], a, demand)

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        weights = y[0] * taps(a)
        return Cost(weights + (y[0] if a["bias"] else 0), weights * y[1] * y[2])

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        return _conv2d(y[0], y[0], a, groups=y[0])

    def kernel_size(self, a: Attrs) -> Any:
        return a["k"]

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        return {"weight": (index(x), range(1), *kernel(a, most)), "bias": (index(x),)}

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return _applied(layer, names[0], a)

    def fused_expression(
        self, names: Sequence[str], layers: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str | None:
        alike = all(isinstance(a[key], int) for key in "ksd") and a.get("padding") is None
        if not alike or filled(a) is not None or a["d"] == 1 or a["k"] % 2 == 0:
            return None
        return f"layers.dilated({names[0]}, ({', '.join(layers)},))"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return _onnx_conv(to, names[0], xs[0], y, a, groups=y[0])

    def lifted(self, call: Call) -> Lifted | None:
        return _lifted(call) if _is_depthwise(call) else None


def demand_groups(c: Any, a: Attrs, demand: Demand) -> None:
    g = a["g"]
    demand(eq(c % g, 0), "ARCH310", "{c} input channels are not divisible by {g} groups", g=g, c=c)
    demand(eq(a["c"] % g, 0), "ARCH310", "{c} output channels are not divisible by {g} groups", g=g, c=a["c"])


def taps(a: Attrs) -> Any:
    """The number of kernel positions: height × width."""
    rows, columns = by_axis(a["k"])
    return rows * columns


def kernel(a: Attrs, most: Attrs) -> Part:
    """The slice of the largest kernel that a smaller kernel uses: its centre along each axis."""
    rows, columns = (
        centre(size, largest) for size, largest in zip(by_axis(a["k"]), by_axis(most["k"]), strict=True)
    )
    return rows, columns


def own_channels(x: Places, width: int, a: Attrs, most: Attrs) -> Places:
    """The indices of the input channels that each filter of a group reads. Raises NotShared."""
    if a["g"] != most["g"]:
        raise NotShared(f"a convolution has {a['g']} groups in one network and {most['g']} in another")
    return x if a["g"] == 1 else within_group(x, width, a["g"])


def _padding(a: Attrs) -> Pair | None:
    """The argument `padding` of the layer; None if the tensor is padded before the layer."""
    return None if filled(a) is not None else same_on_both_sides(a)


def _conv2d(c_in: int, c_out: int, a: Attrs, groups: int) -> Layer:
    """A `Conv2d` with the arguments that differ from its defaults, and always `bias`."""
    kwargs: dict[str, Any] = {"in_channels": c_in, "out_channels": c_out, "kernel_size": a["k"]}
    if a["s"] != 1:
        kwargs["stride"] = a["s"]
    if pad := _padding(a):
        kwargs["padding"] = pad
    if a["d"] != 1:
        kwargs["dilation"] = a["d"]
    if groups != 1:
        kwargs["groups"] = groups
    return Layer("Conv2d", {**kwargs, "bias": a["bias"]}, positional=3)


def _applied(layer: str | None, x: str, a: Attrs) -> str:
    if _padding(a) is not None or all(window.fixed == (0, 0) for window in windows(a)):
        return f"{layer}({x})"
    mode = "" if filled(a) is None else f', mode="{filled(a)}"'
    return f"{layer}({padded(x, a, mode)})"


def _onnx_conv(to: OnnxWriter, x: str, size: Sizes, y: Sizes, a: Attrs, groups: int) -> str:
    rows, columns = by_axis(a["k"])
    window = onnx_window(size, y, a)
    mode = filled(a)
    if mode is not None:
        x = onnx_padded(to, x, size, window["pads"], mode)
        window["pads"] = [0] * 4
    inputs = [x, to.weight("weight", (y[0], size[0] // groups, rows, columns))]
    if a["bias"]:
        inputs.append(to.weight("bias", (y[0],)))
    return to.node(
        "Conv", inputs, kernel_shape=window["kernel_shape"], strides=window["strides"],
        dilations=both_axes(a["d"]), pads=window["pads"], group=groups,
    )  # fmt: skip


def _is_depthwise(call: Call) -> bool:
    outputs, inputs = call["weight"].shape[:2]
    return bool(call["groups"] == outputs > 1 == inputs)


def _lifted(call: Call, **attrs: Any) -> Lifted | None:
    weight, bias = call["weight"], call["bias"]
    k: Any = apply("pair", *weight.shape[2:])
    s, d = call.pair("stride"), call.pair("dilation")
    if s is None or d is None:
        return None
    x, how = _lifted_padding(call, k, s, d)
    weights = {"weight": weight, "bias": bias}
    return (
        None if how is None else call.lifted(x, weights=weights, **attrs, **how, d=d, bias=bias is not None)
    )


def _lifted_padding(call: Call, k: Pair, s: Pair, d: Pair) -> tuple[Operand, dict[str, Any] | None]:
    """The input of a traced convolution, before a preceding `pad`, and the settings of its padded window.

    The settings are None if no setting describes the padding.
    """
    x, pad = call.x, call["padding"]
    before = x.call
    is_padded = x.sizes is None and before is not None and before.operator == "pad"
    if isinstance(pad, str) and not (is_padded and pad == "valid"):
        return x, {"k": k, "s": s, "padding": pad}
    if before is None or not is_padded or (pad != "valid" and any(pad)):
        return x, lifted_window(k, s, d, call.pair("padding"))
    x, mode = before.x, before["mode"]
    plain = mode == "constant"
    if len(before["pad"]) != 4 or (plain and before["value"]):
        return x, None
    left, right, top, bottom = before["pad"]
    if (left, top) == (right, bottom):
        window = lifted_window(k, s, d, top if top == left else (top, left))
        return x, window if plain or window is None else {**window, "padding_mode": mode}
    same = {"k": k, "s": s, "padding": "same"}
    sizes = [(n, strided(n, stride)) for n, stride in zip(x.shape[2:], by_axis(s), strict=True)]
    rows, columns = (w.pads(*size) for w, size in zip(windows({**same, "d": d}), sizes, strict=True))
    return x, same if plain and (rows, columns) == ((top, bottom), (left, right)) else None
