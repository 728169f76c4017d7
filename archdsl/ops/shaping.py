"""Primitives that rearrange values without arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archdsl.ir.expr import Pair, by_axis, eq
from archdsl.ops.base import Attrs, Demand, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.geometry import S, strided
from archdsl.ops.places import Places, leading

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Layout, Lifted


class Identity(Primitive):
    name = "identity"
    summary = "identity"
    keeps_size = True

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return True

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return xs[0]

    def traffic(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int]:
        return 0, 0

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return names[0]

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return names[0]


class Zero(Primitive):
    """Zeros with the shape of the output of a convolution with stride s, whatever the values of the input."""

    name = "zero"
    summary = "zeros; height and width are ceil(n / s)"
    lifts = ("new_zeros", "zeros_like")
    keeps_places = False
    settings = (
        Setting("c", "int", lambda xs: xs[0][0], "channels", low=1),
        S,
    )
    makes_zero = True

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        (_, h, w), (down, across) = xs[0], by_axis(a["s"])
        return (a["c"], strided(h, down), strided(w, across))

    def size_follows(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, Pair]:
        return (0, a["s"])

    def widest(self, widths: Sequence[int], most: Attrs) -> int:
        return int(most["c"])

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return leading(c)

    def zeros_of(self, y: Sizes, s: Pair) -> Attrs:
        return {"c": y[0], "s": s}

    def traffic(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int]:
        return 0, y[0] * y[1] * y[2]

    def sees(self, at: int, x: int, y: int, a: Attrs) -> None:
        return None

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        x, s = names[0], a["s"]
        if s == 1:
            return f"{x}.new_zeros(({x}.shape[0], {y[0]:d}, {x}.shape[2], {x}.shape[3]))"
        h, w = (f"({x}.shape[{axis}] + {n - 1}) // {n}" for axis, n in zip((2, 3), by_axis(s), strict=True))
        return f"{x}.new_zeros(({x}.shape[0], {y[0]:d}, {h}, {w}))"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.filled("", 0.0, (to.batch, *y))

    def lifted(self, call: Call) -> Lifted | None:
        x, y = call.x.shape, call.shape
        if len(y) != 4 or len(x) != 4:
            return None
        fits = (s for s in range(1, x[2] + 1) if y[2:] == (strided(x[2], s), strided(x[3], s)))
        s = next(fits, None)
        return None if s is None else call.lifted(call.x, c=y[1], s=s)


class Tile(Primitive):
    """Repeats the channels cyclically until there are c channels."""

    name = "tile"
    summary = "cyclic repetition of the channels"
    lifts = ("repeat",)
    keeps_places = False
    keeps_size = True
    settings = (Setting("c", "int", None, "output channels, a multiple of the input's", low=1),)

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return bool(xs[0][0] == y[0])

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        c, h, w = xs[0]
        whole = eq(a["c"] % c, 0)  # and so at least as many, as there is at least one
        demand(whole, "ARCH311", "{target} channels are not a multiple of {c}", target=a["c"], c=c)
        return (a["c"], h, w)

    def widest(self, widths: Sequence[int], most: Attrs) -> int:
        return int(most["c"])

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return leading(c)

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        times = y[0] // xs[0][0]
        return f"{names[0]}.repeat(1, {times}, 1, 1)" if times != 1 else names[0]

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Tile", [names[0], to.ints("times", [1, y[0] // xs[0][0], 1, 1])])

    def lifted(self, call: Call) -> Lifted | None:
        times = call["repeats"]
        along = len(times) == 4 and (times[0], *times[2:]) == (1, 1, 1)
        return call.lifted(call.x, c=call.shape[1]) if along else None


class Shift(Primitive):
    """Moves the map up and left by one pixel, with zeros in the last row and column.

    A strided convolution of the shifted map reads the positions that one of the original map skips (the
    second half of a factorized reduction), for even and odd sizes.
    """

    name = "shift"
    summary = "shift by one pixel: drops the first row and column, appends zeros"
    lifts = ("pad",)
    keeps_size = True
    fresh = True

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return xs[0]

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int] | None:
        return (at + 1, at + 1) if at + 1 < x else None

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"F.pad({names[0]}, (-1, 1, -1, 1))"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Pad", [names[0], to.ints("pads", [0, 0, -1, -1, 0, 0, 1, 1])])

    def lifted(self, call: Call) -> Lifted | None:
        how = tuple(call["pad"]), call["mode"], call["value"] or 0
        return call.lifted(call.x) if how == ((-1, 1, -1, 1), "constant", 0) else None


class ChannelShuffle(Primitive):
    """Interleaves g groups of channels, by a transposition (ShuffleNet, arXiv:1707.01083, figure 1)."""

    name = "channel_shuffle"
    summary = "interleaves groups of channels"
    lifts = ("channel_shuffle", "native_channel_shuffle")
    keeps_places = False
    keeps_size = True
    settings = (Setting("g", "int", None, "groups", low=1),)

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return a["g"] in (1, y[0])

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        c, g = xs[0][0], a["g"]
        demand(eq(c % g, 0), "ARCH310", "{c} channels are not divisible by {g} groups", g=g, c=c)
        return xs[0]

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        x = xs[0] or ()
        each = c // a["g"]
        return tuple(x[group * each + n] for n in range(each) for group in range(a["g"]))

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"{names[0]}.unflatten(1, ({a['g']:d}, {y[0] // a['g']:d})).transpose(1, 2).flatten(1, 2)"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        (c, h, w), g = y, a["g"]
        apart = to.ints("apart", [to.batch, g, c // g, h, w])
        whole = to.ints("whole", [to.batch, c, h, w])
        grouped = to.node("Reshape", [names[0], apart], "1")
        return to.node("Reshape", [to.node("Transpose", [grouped], "2", perm=[0, 2, 1, 3, 4]), whole])

    def lifted(self, call: Call) -> Lifted | None:
        return call.lifted(call.x, g=call["groups"])

    def rearranged(self, x: tuple[int, int, int], layout: Layout) -> Attrs | None:
        if len(layout) != 4 or len(layout[1]) != 2:
            return None
        (_, inner, each), (_, outer, groups) = layout[1]
        rest = tuple(((axis, 1, n),) if n > 1 else () for axis, n in zip("hw", x[1:], strict=True))
        fits = (inner, outer, each * groups, layout[2:]) == (1, each, x[0], rest)
        return {"g": groups} if fits else None


class PixelShuffle(Primitive):
    """Rearranges r * r channels to a map that is r times as high and wide (arXiv:1609.05158, equation 4)."""

    name = "pixel_shuffle"
    summary = "rearranges r * r channels to an r times larger map"
    lifts = ("pixel_shuffle",)
    keeps_places = False
    settings = (Setting("r", "int", None, "upscale factor of height and width", low=1),)

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return bool(a["r"] == 1)

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        (c, h, w), r = xs[0], a["r"]
        message = "{c} channels are not a multiple of {r} × {r}"
        demand(eq(c % (r * r), 0), "ARCH312", message, c=c, r=r)
        return (c // (r * r), h * r, w * r)

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int]:
        return (at // a["r"], at // a["r"])

    def widest(self, widths: Sequence[int], most: Attrs) -> int:
        return max(1, int(widths[0] // most["r"] ** 2))

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return leading(c)

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"F.pixel_shuffle({names[0]}, {a['r']:d})"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("DepthToSpace", names, blocksize=a["r"], mode="CRD")

    def lifted(self, call: Call) -> Lifted | None:
        return call.lifted(call.x, r=call["upscale_factor"])
