"""Unpooling to the positions of maxima."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from archdsl.ir.expr import both, by_axis, eq
from archdsl.ops.base import Attrs, Demand, OnnxWriter, Primitive, Sizes
from archdsl.ops.geometry import K, both_axes
from archdsl.ops.places import Places, one_origin

_SIZES = "max_unpool: {c} × {h} × {w} is not {c2} × {h2} × {w2} pooled by {k} × {k2}"


class MaxUnpool(Primitive):
    """Puts each value at the position of the maximum of a window of the second tensor; zeros elsewhere.

    The second tensor is what was pooled by `max_pool(k = k, s = k, padding = "valid")`; for k = 2 that is
    `max_pool(k = 2, s = 2)`. Indices are those of its maxima; of equal maxima the first one in rows, as in
    PyTorch. TensorFlow has no such operator; ONNX has MaxUnpool. Badrinarayanan et al., "SegNet",
    arXiv:1511.00561, section 3.
    """

    name = "max_unpool"
    summary = "x at the positions of the maxima of y, before it was pooled; zeros elsewhere"
    arity = (2, 2)
    fresh = True
    settings = (replace(K, default=2, doc="size of the windows, which do not overlap, or [rows, columns]"),)

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        (c, h, w), (c2, h2, w2), (k, k2) = *xs, by_axis(a["k"])
        pooled = both(eq(c, c2), both(eq(h, h2 // k), eq(w, w2 // k2)))
        demand(pooled, "ARCH118", _SIZES, c=c, h=h, w=w, c2=c2, h2=h2, w2=w2, k=k, k2=k2)
        return xs[1]

    def size_follows(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int] | None:
        return (1, 1)

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return one_origin("max_unpool", [x for x in xs if x is not None])

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int] | None:
        k: int = a["k"]
        window = at // k
        if window >= y // k:  # rows left over by the windows
            return None
        return (window, window) if x < y else (window * k, window * k + k - 1)

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        k = by_axis(a["k"])
        found = f"F.max_pool2d({names[1]}, {k}, {k}, return_indices=True)[1]"
        return f"F.max_unpool2d({names[0]}, {found}, {k}, {k}, output_size={names[1]}.shape[2:])"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        window: dict[str, Any] = {"kernel_shape": both_axes(a["k"]), "strides": both_axes(a["k"])}
        _, indices = to.nodes("MaxPool", [names[1]], ("pooled", "indices"), **window)
        size = to.ints("size", [to.batch, *y])
        return to.node("MaxUnpool", [names[0], indices, size], **window)
