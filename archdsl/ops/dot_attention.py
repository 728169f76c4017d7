"""Attention of queries over keys and values, which are given as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING, Any

from archdsl.ir.expr import both, eq
from archdsl.ops.base import Attrs, Cost, Demand, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.places import NotShared, Places, leading

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Layout, Lifted, Operand

HEADS = Setting("heads", "int", 1, "number of heads: groups of channels with separate attention", low=1)


class DotAttention(Primitive):
    """Attention without weights: softmax(q k^T / sqrt(c / heads)) v for each head; positions are the rows of
    q, k, v.

    arXiv:1706.03762, equation 1. The first tensor is q, which has the height and width of the output; k and v
    follow, which have equal sizes.
    """

    name = "dot_attention"
    summary = "attention of queries x over the positions of keys y and values z, without weights"
    lifts = ("scaled_dot_product_attention", "matmul")
    arity = (3, 3)
    keeps_places = False
    settings = (HEADS,)

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        q, k, v = xs
        message = "dot_attention: {c1} channels of queries, and {c2} of keys"
        demand(eq(q[0], k[0]), "ARCH301", message, c1=q[0], c2=k[0])
        same = both(eq(k[1], v[1]), eq(k[2], v[2]))
        message = "dot_attention: keys of {h1} × {w1}, and values of {h2} × {w2}"
        demand(same, "ARCH302", message, h1=k[1], w1=k[2], h2=v[1], w2=v[2])
        demand_heads(q[0], a["heads"], demand)
        demand_heads(v[0], a["heads"], demand)
        return (v[0], q[1], q[2])

    def size_follows(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int]:
        return (0, 1)

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        (c, h, w), (_, rows, columns) = xs[0], xs[1]
        return Cost(macs=h * w * rows * columns * (c + y[0]))

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int]:
        return (0, x - 1)

    def sees_in(self, port: int, at: int, x: int, y: int, a: Attrs) -> tuple[int, int]:
        """As `Primitive.sees_in`: all rows of keys and values, but only row `at` of the queries (port 0)."""
        return (at, at) if port == 0 else self.sees(at, x, y, a)

    def widest(self, widths: Sequence[int], most: Attrs) -> int:
        return widths[2]

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        """The channel indices of the values. Raises NotShared unless queries and keys have equal channel
        indices.
        """
        if xs[0] != xs[1]:
            raise NotShared("queries and keys would use different channels of the shared weights")
        return xs[2] or leading(c)

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        heads = a["heads"]
        rows = [f"{x}.unflatten(1, ({heads:d}, -1)).flatten(3).mT.contiguous()" for x in names]
        found = f"F.scaled_dot_product_attention({', '.join(rows)})"
        return f"{found}.mT.flatten(1, 2).unflatten(2, {names[0]}.shape[2:])"

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        heads = a["heads"]

        def by_head(at: int, label: str, transposed: bool) -> str:
            c, h, w = xs[at]
            apart = to.ints(f"{label}.apart", [to.batch, heads, c // heads, h * w])
            found = to.node("Reshape", [names[at], apart], f"{label}.heads")
            return to.node("Transpose", [found], label, perm=[0, 1, 3, 2]) if transposed else found

        query, key, value = by_head(0, "query", True), by_head(1, "key", False), by_head(2, "value", True)
        found = attended(to, query, key, value, xs[0][0] // heads)
        last = to.node("Transpose", [found], "last", perm=[0, 1, 3, 2])
        return to.node("Reshape", [last, to.ints("whole", [to.batch, *y])])

    def lifted(self, call: Call) -> Lifted | None:
        """Recognizes a fused attention call, or softmax(q k^T / sqrt(channels per head)) v written as
        products.
        """
        found = _fused(call) if call.operator == "scaled_dot_product_attention" else _unfused(call)
        if found is None:
            return None
        q, k, v = found
        heads = q.shape[1]
        parted = by_head(v, heads)
        if parted is None or any(x.layout != by_head(x, heads) for x in found):
            return None
        layout = (*q.layout[:1], parted[1], q.layout[2], parted[3])
        return call.lifted(q, k, v, layout=layout, heads=heads)


def demand_heads(c: Any, heads: Any, demand: Demand) -> None:
    demand(eq(c % heads, 0), "ARCH310", "{c} channels are not divisible by {heads} heads", c=c, heads=heads)


def attended(to: OnnxWriter, query: str, key: str, value: str, channels: int) -> str:
    """Writes attention of queries (by rows), keys (by columns) and values (by rows); returns the output's
    name.

    `channels` is the number of channels of a head.
    """
    scaled = to.node("Mul", [query, to.filled("scale", channels**-0.5, (1,))], "scaled")
    weights = to.node("Softmax", [to.node("MatMul", [scaled, key], "scores")], "softmax", axis=-1)
    return to.node("MatMul", [weights, value], "attended")


def by_head(x: Operand, heads: int) -> Layout | None:
    """The layout of a map as N × heads × positions × channels of a head; None if heads do not divide the
    channels.
    """
    if x.sizes is None or x.sizes[0] % heads:
        return None
    c, h, w = x.sizes
    each = c // heads
    parts = ((("n", 1, x.batch),), (("c", each, heads),), (("h", 1, h), ("w", 1, w)), (("c", 1, each),))
    return tuple(tuple(factor for factor in part if factor[2] > 1) for part in parts)


def _fused(call: Call) -> tuple[Operand, Operand, Operand] | None:
    q, k, v = call["query"], call["key"], call["value"]
    scale = call["scale"]
    plain = call["attn_mask"] is None and not call["is_causal"] and not call["enable_gqa"]
    fits = scale is None or _is_usual(scale, q.shape[-1])
    return (q, k, v) if plain and fits and len(q.shape) == 4 else None


def _unfused(call: Call) -> tuple[Operand, Operand, Operand] | None:
    weights, v = call["self"], call["other"]
    made = weights.call
    while made is not None and made.operator in ("dropout", "to", "contiguous"):
        made = made.x.call
    if made is None or made.operator != "softmax" or made["dim"] not in (-1, 3) or len(call.shape) != 4:
        return None
    scale, scores = 1.0, made.x.call
    while scores is not None and scores.operator in ("mul", "div") and not hasattr(scores["other"], "shape"):
        scale = scale * scores["other"] if scores.operator == "mul" else scale / scores["other"]
        scores = scores.x.call
    if scores is None or scores.operator != "matmul":
        return None
    q, k = scores["self"], scores["other"]
    (q, before), (k, beside) = _unscaled(q), _unscaled(k)
    scale = scale * before * beside
    turned = replace(k, shape=(*k.shape[:2], k.shape[3], k.shape[2]), layout=_turned(k.layout))
    return (q, turned, v) if _is_usual(scale, q.shape[-1]) else None


def _unscaled(x: Operand) -> tuple[Operand, float]:
    """The tensor from which x was computed by multiplication with numbers, and their product."""
    factor = 1.0
    while (made := x.call) is not None and made.operator in ("mul", "div"):
        other = made["other"]
        if not isinstance(other, int | float) or made.x.name is None or made.x.sizes != x.sizes:
            break
        factor = factor * other if made.operator == "mul" else factor / other
        x = replace(x, name=made.x.name, call=made.x.call)
    return x, factor


def _turned(layout: Layout) -> Layout:
    return (*layout[:-2], *reversed(layout[-2:]))


def _is_usual(scale: float, channels: int) -> bool:
    return abs(scale * sqrt(channels) - 1) < 1e-6
