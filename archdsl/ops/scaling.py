"""Learned factors."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.ops.base import Attrs, Cost, Demand, Layer, OnnxWriter, Primitive, Sizes
from archdsl.ops.places import Parts, Places, index


class Scale(Primitive):
    """Multiplies every channel by a learned factor, initially 1."""

    name = "scale"
    summary = "a learned factor per channel"
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

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"{layer}({names[0]})"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Mul", [names[0], to.weight("weight", (y[0], 1, 1))])
