"""Pooling over windows, and over the entire map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archdsl.ops.base import Attrs, Demand, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.geometry import padding, window_seen, window_stride, windowed

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted


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

    def lifted(self, call: Call) -> Lifted | None:
        k, pad = call.one("kernel_size"), call.one("padding", 0)
        s = call.one("stride", k or 1)
        if k is None or s is None or pad != padding(k) or call["ceil_mode"]:
            return None
        return call.lifted(call.x, k=k, s=s)


class MaxPool(Pool):
    """The maximum of each window; padding is -inf."""

    name = "max_pool"
    summary = "maximum over windows"
    lifts = ("max_pool2d",)
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

    def lifted(self, call: Call) -> Lifted | None:
        return super().lifted(call) if call.one("dilation") == 1 else None


class AvgPool(Pool):
    """The mean of each window, excluding padding."""

    name = "avg_pool"
    summary = "mean over windows, excluding padding"
    lifts = ("avg_pool2d",)
    fresh = True

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"F.avg_pool2d({names[0]}, {a['k']:d}, {a['s']:d}, {padding(a['k'])}, count_include_pad=False)"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("AveragePool", names, **_window(a), count_include_pad=0)

    def lifted(self, call: Call) -> Lifted | None:
        counted = call["count_include_pad"] and call.one("padding", 0) != 0
        return None if counted or call["divisor_override"] is not None else super().lifted(call)


class GlobalPool(Primitive):
    """The mean over height and width, as a map of 1 × 1."""

    name = "global_pool"
    summary = "global mean over height and width, to 1 × 1"
    lifts = ("mean", "adaptive_avg_pool2d")

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

    def lifted(self, call: Call) -> Lifted | None:
        """A mean over all of height and width, in any layout."""
        x = call.x
        if x.sizes is None:
            return None
        if call.operator == "adaptive_avg_pool2d":
            return call.lifted(x) if call.one("output_size") == 1 else None
        dims = [call["dim"]] if isinstance(call["dim"], int) else call["dim"] or range(len(x.shape))
        gone = {dim % len(x.shape) for dim in dims}
        axes = [{axis for axis, _, _ in dimension} for dimension in x.layout]
        if any(axes[dim] - {"h", "w"} for dim in gone):
            return None
        if any(axes[dim] & {"h", "w"} for dim in range(len(axes)) if dim not in gone):
            return None
        left = [() if dim in gone else own for dim, own in enumerate(x.layout)]
        layout = tuple(left) if call["keepdim"] else tuple(own for n, own in enumerate(left) if n not in gone)
        return call.lifted(x, layout=layout)


def _window(a: Attrs) -> dict[str, Any]:
    """The attributes of an ONNX node that pools over windows."""
    return {"kernel_shape": [a["k"]] * 2, "strides": [a["s"]] * 2, "pads": [padding(a["k"])] * 4}
