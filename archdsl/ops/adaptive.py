"""Adaptive pooling: pooling to a given size, over bins of nearly equal size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archdsl.ir.expr import by_axis
from archdsl.ops.base import Attrs, Demand, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.padding import onnx_rows

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted

MODES = {"avg": "adaptive_avg_pool2d", "max": "adaptive_max_pool2d"}
_REDUCTIONS = {"avg": "ReduceMean", "max": "ReduceMax"}


def bin_of(at: int, x: int, y: int) -> tuple[int, int]:
    """The first and last of x input rows that are pooled to output row `at` of y, as in PyTorch.

    Neighbouring bins overlap by at most one row; if y is larger than x, several bins read the same row.
    """
    return at * x // y, ((at + 1) * x - 1) // y


def onnx_bins(to: OnnxWriter, x: str, size: Sizes, y: Sizes, mode: str) -> str:
    """Writes adaptive pooling as slices and reductions, first along rows, then along columns.

    Returns the name of the output. ONNX has no operator for adaptive pooling to more than one bin. `mode` is
    "mean" or "max".
    """
    reduction = _REDUCTIONS[mode]
    for axis in (2, 3):
        rows, bins = size[axis - 1], y[axis - 1]
        if rows == bins:
            continue
        found, axes = [], to.ints(f"{axis}.axes", [axis])
        for at in range(bins):
            first, last = bin_of(at, rows, bins)
            part = onnx_rows(to, x, axis, f"{axis}.{at}.bin", first, last + 1)
            found.append(to.node(reduction, [part, axes], f"{axis}.{at}", keepdims=1))
        x = to.node("Concat", found, f"{axis}", axis=axis)
    return to.node("Identity", [x])


class AdaptivePool(Primitive):
    """The mean or maximum over size × size bins of the map: PyTorch's adaptive pooling.

    Bin i of n over h rows covers rows floor(i h / n) to ceil((i + 1) h / n) - 1, so bins are of nearly equal
    size, and overlap where n does not divide h. TensorFlow has no such operator.
    """

    name = "adaptive_pool"
    summary = "mean or maximum over a given number of bins"
    lifts = tuple(MODES.values())
    fresh = True
    settings = (
        Setting(
            "size", "pair", None, "number of bins along height and width each, or [rows, columns]", low=1
        ),
        Setting("mode", "str", "avg", "mean or maximum", choices=tuple(MODES)),
    )

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return (xs[0][0], *by_axis(a["size"]))

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int]:
        return bin_of(at, x, y)

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"F.{MODES[a['mode']]}({names[0]}, {by_axis(a['size'])})"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return onnx_bins(to, names[0], xs[0], y, a["mode"])

    def lifted(self, call: Call) -> Lifted | None:
        size = call.pair("output_size")
        if size is None or (size == 1 and call.operator == MODES["avg"]):
            return None  # the latter is `global_pool`
        mode = next(mode for mode, name in MODES.items() if name == call.operator)
        return call.lifted(call.x, size=size, mode=mode)
