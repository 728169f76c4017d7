"""Pooling over windows, and over the entire map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from archdsl.ir.expr import apply, both, eq, le
from archdsl.ops.base import Attrs, Demand, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.geometry import (
    PADDING,
    K,
    S,
    Sliding,
    argument,
    lifted_window,
    onnx_window,
    padded,
    same_on_both_sides,
    windowed,
    windows,
)

CEIL = Setting(
    "ceil",
    "bool",
    None,
    "whether the output size is rounded up, with a last window that is partly outside of the map",
    optional=True,
    implied=False,
)

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted


class Pool(Sliding):
    """Base class of pooling over windows: sizes as of a convolution, default padding (k - 1) // 2."""

    settings: ClassVar[tuple[Setting, ...]] = (K, S, PADDING, CEIL)

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return bool(a["k"] == a["s"] == 1)

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        demand_half(self.name, a, demand)
        return windowed(xs[0], xs[0][0], a, demand)

    def lifted(self, call: Call) -> Lifted | None:
        k = call.pair("kernel_size")
        window = lifted_window(k, call.pair("stride", k), 1, call.pair("padding", 0))
        return None if window is None else call.lifted(call.x, **window, **_true(call, ceil="ceil_mode"))


def _true(call: Call, **names: str) -> dict[str, Any]:
    """The boolean settings that are true in a traced call; `names` maps settings to arguments of the call."""
    return {name: True for name, argument in names.items() if call[argument]}


def demand_half(owner: str, a: Attrs, demand: Demand) -> None:
    """Adds the constraint that padding is at most half of the window, so that no window is only padding."""
    if a.get("padding") is None:
        return
    rows, columns = windows(a)
    fits = both(*(apply("or", w.same, le(2 * w.pad, w.k)) for w in (rows, columns)))
    message = "the padding {p} × {p2} is more than half of the window of {k} × {k2}"
    demand(fits, "ARCH116", f"{owner}: {message}", p=rows.pad, p2=columns.pad, k=rows.k, k2=columns.k)


class MaxPool(Pool):
    """The maximum of each window; padding is -inf."""

    name = "max_pool"
    summary = "maximum over windows"
    lifts = ("max_pool2d", "max_pool2d_with_indices")
    fresh = True

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"F.max_pool2d({_max_arguments(names[0], a)})"

    def fused_expression(
        self, names: Sequence[str], layers: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"(layers.max_pool({_max_arguments(names[0], a)}),)"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("MaxPool", names, **onnx_window(xs[0], y, a))

    def lifted(self, call: Call) -> Lifted | None:
        return super().lifted(call) if call.one("dilation") == 1 and call.index == 0 else None


def _max_arguments(x: str, a: Attrs) -> str:
    pad = same_on_both_sides(a)
    tensor = padded(x, a, ', value=float("-inf")') if pad is None else x
    ceil = ", ceil_mode=True" if a.get("ceil") else ""
    return f"{tensor}, {argument(a['k'])}, {argument(a['s'])}, {argument(pad or 0)}{ceil}"


class AvgPool(Pool):
    """The mean of each window, by default without the padding, unlike PyTorch (see `count_padding`).

    Rows beyond the padding, which `ceil` adds, are always excluded.
    """

    name = "avg_pool"
    summary = "mean over windows, excluding padding"
    lifts = ("avg_pool2d",)
    fresh = True
    settings = (
        *Pool.settings,
        Setting(
            "count_padding",
            "bool",
            None,
            "whether padding counts as zeros",
            optional=True,
            implied=False,
        ),
    )

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        (x, *_), window = names, f"{argument(a['k'])}, {argument(a['s'])}"
        ceil, counts = ", ceil_mode=True" if a.get("ceil") else "", bool(a.get("count_padding"))
        pad = same_on_both_sides(a)
        if pad is not None:
            excluded = "" if counts else ", count_include_pad=False"
            return f"F.avg_pool2d({x}, {window}, {argument(pad)}{ceil}{excluded})"
        total = f"F.avg_pool2d({padded(x, a)}, {window}{ceil})"
        share = f"F.avg_pool2d({padded(f'torch.ones_like({x}[:1, :1])', a)}, {window}{ceil})"
        return total if counts else f"{total} / {share}"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        window, (x, *_) = onnx_window(xs[0], y, a), names
        if not a.get("count_padding"):
            return to.node("AveragePool", [x], **window, count_include_pad=0)
        if not a.get("ceil"):
            return to.node("AveragePool", [x], **window, count_include_pad=1)
        rows, columns = windows(a)  # what `ceil` adds is left to AveragePool, which does not count it
        down, across = (
            w.fixed or w.pads(n, m) for w, n, m in zip((rows, columns), xs[0][1:], y[1:], strict=True)
        )
        zeros = to.ints("pads", [0, 0, down[0], across[0], 0, 0, down[1], across[1]])
        x = to.node("Pad", [x, zeros], "padded")
        bottom, right = window["pads"][2:]
        window["pads"] = [0, 0, bottom - down[1], right - across[1]]
        return to.node("AveragePool", [x], **window, count_include_pad=0)

    def lifted(self, call: Call) -> Lifted | None:
        found = super().lifted(call)
        if found is None or call["divisor_override"] is not None:
            return None
        counts = _true(call, count_padding="count_include_pad") if call.pair("padding", 0) != 0 else {}
        return replace(found, attrs={**found.attrs, **counts})


_DIMENSIONS = {"both": (2, 3), "rows": (2,), "columns": (3,)}
"""The dimensions of a tensor that are pooled, by the value of `over`."""


class GlobalPool(Primitive):
    """The mean over height and width (1 × 1 per channel), or with `over` over rows or columns only."""

    name = "global_pool"
    summary = "global mean over height and width, to 1 × 1"
    lifts = ("mean", "adaptive_avg_pool2d")
    settings = (
        Setting(
            "over",
            "str",
            None,
            "dimension of the mean: rows gives 1 × width, columns height × 1",
            choices=tuple(_DIMENSIONS),
            optional=True,
            implied="both",
        ),
    )

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return False  # a map of 1 × 1 at the declared input is a larger one at other inputs

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        (c, h, w), over = xs[0], a.get("over", "both")
        return (c, apply("if", eq(over, "columns"), h, 1), apply("if", eq(over, "rows"), w, 1))

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int]:
        return (0, x - 1) if y == 1 else (at, at)

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"{names[0]}.mean({_DIMENSIONS[a.get('over', 'both')]}, keepdim=True)"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        axes = to.ints("axes", _DIMENSIONS[a.get("over", "both")])
        return to.node("ReduceMean", [names[0], axes], keepdims=1)

    def lifted(self, call: Call) -> Lifted | None:
        """Recognizes a mean over height and width, or over one of them, in any layout."""
        x = call.x
        if x.sizes is None:
            return None
        if call.operator == "adaptive_avg_pool2d":
            return call.lifted(x) if call.one("output_size") == 1 else None
        dims = [call["dim"]] if isinstance(call["dim"], int) else call["dim"] or range(len(x.shape))
        gone = {dim % len(x.shape) for dim in dims}
        over = {axis for dim in gone for axis, _, _ in x.layout[dim]}
        kept = {axis for dim, own in enumerate(x.layout) if dim not in gone for axis, _, _ in own}
        if over - {"h", "w"} or over & kept or {"h", "w"} <= kept:
            return None
        left = [() if dim in gone else own for dim, own in enumerate(x.layout)]
        layout = tuple(left) if call["keepdim"] else tuple(own for n, own in enumerate(left) if n not in gone)
        if kept & {"h", "w"}:
            return call.lifted(x, layout=layout, over="rows" if "w" in kept else "columns")
        return call.lifted(x, layout=layout)
