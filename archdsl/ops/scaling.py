"""Multiplication and addition of learned or constant scalars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archdsl.ops.base import Attrs, Cost, Demand, Layer, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.places import Parts, Places, index

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted


class Scale(Primitive):
    """Multiplies each channel by a learned factor of its own, initially 1 (C parameters)."""

    name = "scale"
    summary = "a learned factor per channel"
    lifts = ("mul",)
    keeps_size = True
    fresh = True

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return xs[0]

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        return Cost(params=y[0])

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        return Layer("ChannelScale", {"channels": y[0]}, positional=1)

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        return {"weight": (index(x),)}

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Mul", [names[0], to.weight("weight", (y[0], 1, 1))])

    def lifted(self, call: Call) -> Lifted | None:
        """Recognizes a product of a tensor with a stored factor per channel, in any layout."""
        x, weight = call["self"], call["other"]
        if getattr(x, "sizes", None) is None:
            x, weight = weight, x
        if getattr(x, "sizes", None) is None or not hasattr(weight, "weight"):
            return None
        at = [n - len(weight.shape) for n, size in enumerate(weight.shape) if size != 1]
        fits = len(at) == 1 and x.has_channels_at(at[0])
        return call.pointwise(x, weights={"weight": weight}) if fits else None


class Affine(Primitive):
    """a · x + b with constant scalars a and b."""

    # One primitive for every operator on a tensor and a number, so that identities, zeros and settings that
    # depend on decisions have one rule each.

    name = "affine"
    summary = "x * factor + offset (also written 2 * x, x / 2, x - 1, 1 - x, -x)"
    lifts = ("mul", "div", "add", "sub", "rsub", "neg")
    keeps_size = True
    fresh = True
    settings = (
        Setting("factor", "float", 1, "a constant factor"),
        Setting("offset", "float", 0, "a constant that is added to the product"),
    )

    def title(self, a: Attrs) -> str:
        """The arithmetic on x, such as `1 - x` or `0.5 x + 2`; a constant that depends on decisions is shown
        as "…".
        """
        factor, offset = (_shown(a[name]) for name in ("factor", "offset"))
        if factor == "-1":
            return "-x" if offset == "0" else f"{offset} - x"
        product = "x" if factor == "1" else f"{factor} x"
        if offset == "0":
            return product
        return f"{product} - {offset[1:]}" if offset.startswith("-") else f"{product} + {offset}"

    def keeps_zero(self, a: Attrs) -> bool:
        return type(a["offset"]) in (int, float) and bool(a["offset"] == 0)

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return bool(a["factor"] == 1 and a["offset"] == 0)

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return xs[0]

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        x, factor, offset = names[0], a["factor"], a["offset"]
        if factor == -1:
            return f"{offset!r} - {x}" if offset else f"-{x}"
        product = x if factor == 1 else f"{x} * {_literal(factor)}"
        return f"{product} + {_literal(offset)}" if offset else product

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        found, factor, offset = names[0], a["factor"], a["offset"]
        if factor == -1 and not offset:
            return to.node("Neg", names)
        if factor != 1:
            found = to.node("Mul", [found, to.filled("factor", factor, (1,))], "product" if offset else "")
        return to.node("Add", [found, to.filled("offset", offset, (1,))]) if offset else found

    def in_place(self, name: str, a: Attrs) -> str | None:
        text = name if a["factor"] == 1 else f"{name}.mul_({a['factor']!r})"
        return f"{text}.add_({a['offset']!r})" if a["offset"] else text

    def lifted(self, call: Call) -> Lifted | None:
        """Recognizes arithmetic on a tensor and a number.

        Two such calls on one source line of the model, as in `x * 2 + 1`, are one application.
        """
        found = _numbers(call)
        if found is None:
            return None
        x, (factor, offset) = call.x, found
        before = x.call
        if before and before.place == call.place and x.uses == 1 and factor == 1:
            inner = _numbers(before) if before.operator in self.lifts else None
            if inner is not None and inner[1] == 0:
                x, factor = before.x, inner[0]
        return call.pointwise(x, factor=factor, offset=offset)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "…"


def _literal(value: float) -> str:
    return repr(value) if value >= 0 else f"({value!r})"


def _numbers(call: Call) -> tuple[float, float] | None:
    """The factor and the offset of a call on a tensor and a number; None for other calls."""
    other, alpha = call["other"], call["alpha"] or 1
    if call.operator == "neg":
        return -1, 0
    if not isinstance(other, (int, float)) or isinstance(other, bool) or call["rounding_mode"]:
        return None
    if call.operator in ("mul", "div"):
        return (other, 0) if call.operator == "mul" else (1 / other, 0) if other else None
    if call.operator == "rsub":
        return -alpha, other
    return 1, other * alpha if call.operator == "add" else -other * alpha
