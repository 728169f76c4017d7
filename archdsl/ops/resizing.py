"""Resizing by interpolation.

All sizes are computed at run time from the sizes of tensors, so that a network can run, and be exported, at
sizes other than the declared one.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from archdsl.ir.expr import Apply, Pick, apply, both, eq, le, pick
from archdsl.ops.adaptive import bin_of, onnx_bins
from archdsl.ops.base import Attrs, Demand, OnnxWriter, Primitive, Setting, Sizes

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted, Operand

TARGETS = ("scale", "size", "down")
MODES = ("bilinear", "nearest", "bicubic", "area")
_ALIGNED = ("bilinear", "bicubic")
"""The modes for which `align_corners` is defined."""
LIFTED = {
    "upsample_bilinear2d": "bilinear",
    "upsample_nearest2d": "nearest",
    "upsample_bicubic2d": "bicubic",
}
"""The modes, by the ATen operators that compute them."""


class Resize(Primitive):
    """Interpolates to the size of another tensor, by a factor, to a given size, or to 1/n of the size,
    rounded down.

    Modes are those of PyTorch without antialiasing: "nearest" takes the value at floor(i h / n), "bicubic"
    has the coefficient -0.75 (TensorFlow: -0.5), "area" is the mean over bins (`adaptive_pool`).
    """

    name = "resize"
    summary = "interpolation to the size of a tensor (like), by a factor, or to a size"
    lifts = tuple(LIFTED)
    fresh = True
    settings = (
        Setting(
            "scale",
            "float",
            None,
            "scale factor of height and width; results must be integers",
            low=0,
            optional=True,
        ),
        Setting("size", "ints", None, "height and width", low=1, optional=True),
        Setting(
            "down", "int", None, "divisor of height and width; results are rounded down", low=1, optional=True
        ),
        Setting("mode", "str", "bilinear", "interpolation", choices=MODES),
        Setting(
            "align_corners",
            "bool",
            False,
            "whether to align centres of corner pixels (bilinear, bicubic)",
        ),
    )
    tensor_settings = ("like",)

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return bool(a.get("scale") == 1 or a.get("down") == 1)

    def size_follows(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int] | None:
        return (1, 1) if len(xs) > 1 else None

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        c, h, w = xs[0]
        given = [t for t in TARGETS if a.get(t) is not None] + ["like"] * (len(xs) > 1)
        if len(given) != 1:
            text = "both " + " and ".join(given) if given else "nothing"
            demand(
                False, "ARCH321", f"{self.name} needs exactly one of like, scale, size and down, got {text}"
            )
            return xs[0]
        if given == ["like"]:
            return (c, xs[1][1], xs[1][2])
        if given == ["size"]:
            if len(a["size"]) != 2:
                demand(False, "ARCH321", f"the size of {self.name} must be [height, width]")
                return xs[0]
            return (c, a["size"][0], a["size"][1])
        if given == ["down"]:
            down = a["down"]
            fits = both(le(down, h), le(down, w))
            demand(fits, "ARCH303", "{h} × {w} downsampled by {down} has no pixels left", h=h, w=w, down=down)
            return (c, h // down, w // down)
        up, down = ratio(a["scale"])
        demand(le(1, up), "ARCH303", "with the scale {scale}, no pixels are left", scale=a["scale"])
        whole = both(eq(h * up % down, 0), eq(w * up % down, 0))
        message = "{h} × {w} scaled by {scale} is not an integer size"
        demand(whole, "ARCH320", message, h=h, w=w, scale=a["scale"])
        return (c, h * up // down, w * up // down)

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int]:
        if a["mode"] == "nearest":
            return (at * x // y, at * x // y)
        if a["mode"] == "area":
            return bin_of(at, x, y)
        if a["align_corners"]:
            place = Fraction(at * (x - 1), max(y - 1, 1))
        else:
            place = Fraction((2 * at + 1) * x, 2 * y) - Fraction(1, 2)
        if a["mode"] == "bicubic":
            wide = 0 if place.denominator == 1 else 1
            return (max(floor(place) - wide, 0), min(ceil(place) + wide, x - 1))
        return (floor(max(place, Fraction(0))), ceil(max(place, Fraction(0))))

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        how = f'mode="{a["mode"]}"'
        if a["mode"] in _ALIGNED:
            how += f", align_corners={bool(a['align_corners'])}"
        return f"F.interpolate({names[0]}, size={_size(names, a)}, {how})"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        if a["mode"] == "area":
            return onnx_bins(to, names[0], xs[0], y, "avg")
        sizes = to.ints("sizes", [to.batch, *y])
        how: dict[str, Any] = {
            "mode": "nearest",
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        }
        if a["mode"] in _ALIGNED:
            grid = "align_corners" if a["align_corners"] else "half_pixel"
            how = {"mode": "linear", "coordinate_transformation_mode": grid}
        if a["mode"] == "bicubic":
            how |= {"mode": "cubic", "cubic_coeff_a": -0.75}
        return to.node("Resize", [names[0], "", "", sizes], **how)

    def lifted(self, call: Call) -> Lifted | None:
        x, mode, of = call.x, LIFTED[call.operator], call.measured
        corners = bool(call["align_corners"]) if mode in _ALIGNED else False
        scales = call["scale_factors"]
        like: tuple[Operand, ...] = ()
        how: dict[str, Any] = {}
        if scales is not None:
            if scales[0] != scales[1] or not all((n * scales[0]).is_integer() for n in x.shape[2:]):
                return None
            how = {"scale": scales[0]}
        elif of is None:
            how = {"size": call.shape[2:]}
        elif of.like is not None:
            like = (of.like,)
        else:
            how = {"down": of.down} if of.down else {"scale": of.times}
        return call.lifted(x, *like, **how, mode=mode, align_corners=corners)


class Upsample(Resize):
    """The primitive `resize` under the name that is usual for enlarging."""

    name = "upsample"
    lifts = ()


def _size(names: Sequence[str], a: Attrs) -> str:
    if len(names) > 1:
        return names[1]
    if a.get("size") is not None:
        h, w = a["size"]
        return f"({h:d}, {w:d})"
    up, down = (1, a["down"]) if a.get("down") is not None else ratio(a["scale"])
    factor = (f" * {up:d}" if up != 1 else "") + (f" // {down:d}" if down != 1 else "")
    return f"({names[0]}.shape[2]{factor}, {names[0]}.shape[3]{factor})"


def ratio(scale: Any) -> tuple[Any, Any]:
    """A scale factor as integer numerator and denominator, so that sizes stay integers: 0.5 is (1, 2)."""
    if isinstance(scale, (int, float)):
        exact = Fraction(scale).limit_denominator(1000)
        return exact.numerator, exact.denominator
    if isinstance(scale, Pick):
        parts = [(None, None) if v is None else ratio(v) for v in scale.values]
        up, down = zip(*parts, strict=True)
        return pick(scale.decision, up), pick(scale.decision, down)
    if isinstance(scale, Apply) and scale.fn == "div":
        return scale.args[0], scale.args[1]
    if isinstance(scale, Apply) and scale.fn == "if":
        then, otherwise = ratio(scale.args[1]), ratio(scale.args[2])
        return (
            apply("if", scale.args[0], then[0], otherwise[0]),
            apply("if", scale.args[0], then[1], otherwise[1]),
        )
    return scale, 1
