"""Pooling over windows, and over the entire map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archdsl.ops.base import Attrs, Demand, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.geometry import padding, window_seen, window_stride, windowed


class Pool(Primitive):
    """Base class of pooling over windows: padding (k - 1) // 2, and sizes as of a convolution."""

    settings = (
        Setting("k", "int", 3, "window size", low=1),
        Setting("s", "int", 1, "stride", low=1),
    )

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return bool(a["k"] == a["s"] == 1)

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return windowed(xs[0], xs[0][0], a["k"], a["s"], 1, demand)

    def size_follows(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int] | None:
        return window_stride(a["k"], a["s"], 1)

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int]:
        return window_seen(at, a["k"], a["s"], 1)


class MaxPool(Pool):
    """The maximum of each window; padding is -inf."""

    name = "max_pool"
    summary = "maximum over windows"
    fresh = True

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"F.max_pool2d({names[0]}, {a['k']:d}, {a['s']:d}, {padding(a['k'])})"

    def fused_expression(
        self, names: Sequence[str], layers: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"(layers.max_pool({names[0]}, {a['k']:d}, {a['s']:d}, {padding(a['k'])}),)"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("MaxPool", names, **_window(a))


class AvgPool(Pool):
    """The mean of each window, excluding padding."""

    name = "avg_pool"
    summary = "mean over windows, excluding padding"
    fresh = True

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"F.avg_pool2d({names[0]}, {a['k']:d}, {a['s']:d}, {padding(a['k'])}, count_include_pad=False)"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("AveragePool", names, **_window(a), count_include_pad=0)


class GlobalPool(Primitive):
    """The mean over height and width, as a map of 1 × 1."""

    name = "global_pool"
    summary = "global mean over height and width, to 1 × 1"

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return False  # a map of 1 × 1 at the declared input is a larger one at other inputs

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return (xs[0][0], 1, 1)

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int]:
        return (0, x - 1)

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"{names[0]}.mean((2, 3), keepdim=True)"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("ReduceMean", [names[0], to.ints("axes", [2, 3])], keepdims=1)


def _window(a: Attrs) -> dict[str, Any]:
    """The attributes of an ONNX node that pools over windows."""
    return {"kernel_shape": [a["k"]] * 2, "strides": [a["s"]] * 2, "pads": [padding(a["k"])] * 4}
