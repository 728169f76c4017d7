"""Transposed convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING, Any

from archdsl.ir.expr import Pair, apply, both, by_axis, le, maximum
from archdsl.ops.base import Attrs, Cost, Demand, Layer, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.convolution import BIAS, demand_groups, kernel, own_channels, taps
from archdsl.ops.geometry import D, K, both_axes
from archdsl.ops.places import Parts, Places, by_group, index, leading, within_group

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted


@dataclass(frozen=True)
class Spread:
    """The windows of a transposed convolution along one axis: input row i adds to output rows i · s to i · s
    + d * (k - 1).

    `pad` rows are cut off at each side, and `extra` rows are added at the end. `usual` means that the padding
    is the default, with which the output is s times as large.
    """

    k: Any
    s: Any
    d: Any
    pad: Any
    extra: Any
    usual: bool

    @property
    def span(self) -> Any:
        return self.d * (self.k - 1) + 1

    def size(self, n: Any) -> Any:
        """The number of output rows for n input rows."""
        return n * self.s if self.usual else (n - 1) * self.s + self.span - 2 * self.pad + self.extra

    def reads(self, at: int, n: int) -> tuple[int, int] | None:
        """The first and last input row on which output row `at` depends; None if it depends on none."""
        behind, d = at + self.pad, self.d
        least, most = max(0, -(((n - 1) * self.s - behind) // d)), min(self.k - 1, behind // d)
        common = gcd(d, self.s)
        if behind % common:
            return None  # no tap of the kernel is a multiple of the stride behind
        every = self.s // common  # taps of one input row and of the next
        tap = behind // common * pow(d // common, -1, every) % every
        least, most = least + (tap - least) % every, most - (most - tap) % every
        return ((behind - most * d) // self.s, (behind - least * d) // self.s) if least <= most else None


def spreads(a: Attrs) -> tuple[Spread, Spread]:
    """The windows along rows and along columns for these settings."""
    settings = (a["k"], a["s"], a["d"], a.get("padding"), a.get("output_padding", 0))
    rows, columns = zip(*map(by_axis, settings), strict=True)
    return _spread(*rows), _spread(*columns)


def _spread(k: Any, s: Any, d: Any, padding: Any, extra: Any) -> Spread:
    if padding is not None:
        return Spread(k, s, d, padding, extra, False)
    excess = d * (k - 1) + 1 - s  # rows beyond s times the size
    pad: Any = maximum(excess, 0)
    pad = (pad + 1) // 2
    return Spread(k, s, d, pad, 2 * pad - excess, True)


class ConvTranspose(Primitive):
    """A transposed convolution; by default, the output is s times as high and wide as the input.

    If `padding` is omitted, it is ceil((d * (k - 1) + 1 - s) / 2), at least 0, and output_padding supplies
    the missing rows, as in the usual settings of PyTorch: k = 3, s = 2 has padding 1 and output_padding 1.
    TensorFlow's `same` gives the same size, but puts the additional row of an odd padding on the other side.
    """

    name = "conv_transpose"
    summary = "transposed convolution, to s times the height and width"
    lifts = ("conv_transpose2d",)
    keeps_places = False
    fresh = by_image = True
    settings = (
        Setting("c", "int", lambda xs: xs[0][0], "output channels", low=1),
        K,
        Setting("s", "pair", 2, "stride: factor of height and width, or [rows, columns]", low=1),
        D,
        Setting("g", "int", 1, "groups", low=1),
        BIAS,
        Setting(
            "padding",
            "pair",
            None,
            "rows and columns removed on each side; by default, such that the output has s times the size",
            low=0,
            optional=True,
        ),
        Setting(
            "output_padding",
            "pair",
            None,
            "rows and columns added at the end, with a padding; less than the stride",
            low=0,
            optional=True,
            implied=0,
        ),
    )

    def keeps_zero(self, a: Attrs) -> bool:
        return a["bias"] is False

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        _, h, w = xs[0]
        demand_groups(xs[0][0], a, demand)
        if "padding" not in a and "output_padding" in a:
            demand(False, "ARCH117", "conv_transpose: output_padding needs a padding to be set")
        rows, columns = spreads(a)
        small = both(*(le(one.extra + 1, one.s) for one in (rows, columns)))
        values = {"s": rows.s, "s2": columns.s}
        if "padding" in a:
            message = "output_padding {e} × {e2} is not less than the stride {s} × {s2}"
            values |= {"e": rows.extra, "e2": columns.extra}
        else:
            message = "a kernel of {k} × {k2} does not give {s} × {s2} times the size: set its padding"
            values |= {"k": rows.k, "k2": columns.k}
        demand(small, "ARCH117", message, **values)
        size = (rows.size(h), columns.size(w))
        if "padding" in a:
            fits = both(le(1, size[0]), le(1, size[1]))
            values = {"h": h, "w": w, "p": rows.pad, "p2": columns.pad}
            demand(fits, "ARCH303", "nothing of {h} × {w} is left after cutting off {p} × {p2}", **values)
        return (a["c"], *size)

    def size_follows(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, Pair] | None:
        return (0, 1) if all(one.usual and one.s == 1 for one in spreads(a)) else None

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        c, h, w = xs[0]
        weights = c * (y[0] // a["g"]) * taps(a)
        return Cost(weights + (y[0] if a["bias"] else 0), weights * h * w)

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int] | None:
        return spreads(a)[0].reads(at, x)

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        kwargs: dict[str, Any] = {"in_channels": xs[0][0], "out_channels": y[0], "kernel_size": a["k"]}
        pad, extra = _sides(a)
        given = {"stride": a["s"], "padding": pad, "output_padding": extra}
        kwargs |= {name: value for name, value in given.items() if value != (1 if name == "stride" else 0)}
        kwargs |= {name: a[key] for name, key in (("dilation", "d"), ("groups", "g")) if a[key] != 1}
        return Layer("ConvTranspose2d", {**kwargs, "bias": a["bias"]}, positional=3)

    def widest(self, widths: Sequence[int], most: Attrs) -> int:
        return int(most["c"])

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return leading(c) if a["g"] == 1 else by_group(c, width, a["g"])

    def kernel_size(self, a: Attrs) -> Any:
        return a["k"]

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        g, own = a["g"], own_channels(x, width, a, most)
        inputs = x if g == 1 else tuple(n * (width // g) + place for n in range(g) for place in own)
        outputs = y if g == 1 else within_group(y, int(most["c"]), g)
        return {"weight": (index(inputs), index(outputs), *kernel(a, most)), "bias": (index(y),)}

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        rows, columns = axes = spreads(a)
        inputs = [names[0], to.weight("weight", (xs[0][0], y[0] // a["g"], rows.k, columns.k))]
        if a["bias"]:
            inputs.append(to.weight("bias", (y[0],)))
        # What is added at the end is cut off less there: onnxruntime refuses some larger output paddings.
        pads, ends = [axis.pad for axis in axes], [axis.pad - axis.extra for axis in axes]
        return to.node(
            "ConvTranspose", inputs, kernel_shape=both_axes(a["k"]), strides=both_axes(a["s"]),
            dilations=both_axes(a["d"]), pads=[*pads, *(max(pad, 0) for pad in ends)], group=a["g"],
            output_padding=[max(-pad, 0) for pad in ends],
        )  # fmt: skip

    def lifted(self, call: Call) -> Lifted | None:
        weight, bias, g = call["weight"], call["bias"], call["groups"]
        k: Any = apply("pair", *weight.shape[2:])
        s, d, pad = (call.pair(name) for name in ("stride", "dilation", "padding"))
        extra = call.pair("output_padding", 0)
        if s is None or d is None or pad is None or extra is None:
            return None
        how: dict[str, Any] = {"k": k, "s": s, "d": d}
        if (pad, extra) != _sides(how):
            how |= {"padding": pad} | ({"output_padding": extra} if extra else {})
        weights = {"weight": weight, "bias": bias}
        return call.lifted(call.x, weights=weights, c=weight.shape[1] * g, g=g, bias=bias is not None, **how)


def _sides(a: Attrs) -> tuple[Any, Any]:
    """The arguments `padding` and `output_padding` of the layer."""
    rows, columns = spreads(a)
    return apply("pair", rows.pad, columns.pad), apply("pair", rows.extra, columns.extra)
