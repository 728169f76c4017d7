"""Unpooling: values are put at the positions of the maxima of a max pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archdsl.ir.expr import both, eq
from archdsl.ops.base import Attrs, Demand, OnnxWriter, Primitive, Sizes
from archdsl.ops.geometry import (
    PADDING,
    K,
    S,
    Window,
    argument,
    lifted_window,
    onnx_window,
    same_on_both_sides,
    windows,
)
from archdsl.ops.places import Places, one_origin
from archdsl.ops.pooling import demand_half

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted

_SIZES = (
    "max_unpool: the first input has {c} × {h} × {w}, but the second one, {c2} × {h2} × {w2}, has "
    "{c2} × {pooled_h} × {pooled_w} after pooling by {k} × {k2} with stride {s} × {s2}"
)


class MaxUnpool(Primitive):
    """Puts each value of the first tensor at the position of the maximum of its window in the second; zeros
    elsewhere.

    The second tensor is the input of a `max_pool` with the same settings. Of equal maxima in a window, the
    first in row-major order counts. If windows share a position, the last window in row-major order is
    written, which is guaranteed on one CPU thread only. This is as in PyTorch and ONNX; TensorFlow has no
    such operator. Badrinarayanan et al., "SegNet", arXiv:1511.00561, section 3.
    """

    name = "max_unpool"
    summary = "values of x at the positions of the maxima of each window of y; zeros elsewhere"
    lifts = ("max_unpool2d",)
    arity = (2, 2)
    fresh = True
    settings = (
        replace(K, default=2),
        replace(S, default=2),
        replace(PADDING, choices=(), doc="rows and columns added on each side; if omitted (k - 1) // 2"),
    )

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        (c, h, w), (c2, h2, w2), (rows, columns) = *xs, windows(a)
        demand_half(self.name, a, demand)
        pooled_h, pooled_w = rows.size(h2), columns.size(w2)
        pooled = both(eq(c, c2), both(eq(h, pooled_h), eq(w, pooled_w)))
        values = {"k": rows.k, "k2": columns.k, "s": rows.s, "s2": columns.s}
        values |= {"pooled_h": pooled_h, "pooled_w": pooled_w}
        demand(pooled, "ARCH118", _SIZES, c=c, h=h, w=w, c2=c2, h2=h2, w2=w2, **values)
        return xs[1]

    def size_follows(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int] | None:
        return (1, 1)

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return one_origin("max_unpool", [x for x in xs if x is not None])

    def sees_in(self, port: int, at: int, x: int, y: int, a: Attrs) -> tuple[int, int] | None:
        """The first and last row that output row `at` depends on; None if it depends on none.

        Of the values, these are the windows that contain it; of the second tensor, all rows that those
        windows read.
        """
        window = windows(a)[0]
        count, behind = window.size(y), at + window.pad
        first, last = max(0, -(-(behind - window.k + 1) // window.s)), min(behind // window.s, count - 1)
        if first > last:
            return None
        if port == 0:
            return (first, last)
        begin, end = first * window.s - window.pad, last * window.s - window.pad + window.k - 1
        return (max(begin, 0), min(end, x - 1))

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        window = ", ".join(argument(value) for value in (a["k"], a["s"], same_on_both_sides(a) or 0))
        found = f"F.max_pool2d({names[1]}, {window}, return_indices=True)[1]"
        return f"F.max_unpool2d({names[0]}, {found}, {window}, output_size={names[1]}.shape[2:])"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        window: dict[str, Any] = onnx_window(xs[1], xs[0], a)
        _, indices = to.nodes("MaxPool", [names[1]], ("pooled", "indices"), **window)
        size = to.ints("size", [to.batch, *y])
        rows, columns = (_implied(*axis) for axis in zip(xs[0][1:], y[1:], windows(a), strict=True))
        kernel, strides, pads = zip(rows, columns, strict=True)
        return to.node(
            "MaxUnpool", [names[0], indices, size], kernel_shape=kernel, strides=strides, pads=(*pads, *pads)
        )

    def lifted(self, call: Call) -> Lifted | None:
        """Recognizes unpooling by the indices of a `max_pool`; the second tensor is the input of that
        pooling.
        """
        pool = call["indices"].call
        if pool is None or pool.operator != "max_pool2d_with_indices" or pool.one("dilation") != 1:
            return None
        k = pool.pair("kernel_size")
        window = lifted_window(k, pool.pair("stride", k), 1, pool.pair("padding", 0))
        return None if window is None or pool["ceil_mode"] else call.lifted(call.x, pool.x, **window)


def _implied(small: int, large: int, window: Window) -> tuple[int, int, int]:
    """The kernel, stride and padding of the ONNX node along an axis.

    The indices and the output size determine the result, but onnxruntime rejects a window that implies an
    output of less than one row, or of more rows than given. In these cases, another window that implies a
    valid size is returned.
    """
    if 1 <= (small - 1) * window.s + window.k - 2 * window.pad <= large:
        return window.k, window.s, window.pad
    over = max(small - large, 0)
    return over + 1, 1, over
