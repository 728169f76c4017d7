"""Attention between the positions of feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING, Any

from archdsl.ir.expr import both, eq, le
from archdsl.ops.base import Attrs, Cost, Demand, Layer, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.places import NotShared, Parts, Places, by_group, index, leading

if TYPE_CHECKING:
    from archdsl.ops.lifting import Applied, Call, Composed, Layout, Lifted, Operand, Rows

_HEADS = Setting("heads", "int", 1, "number of heads: groups of channels with separate attention", low=1)


class Attention(Primitive):
    """Multi-head self-attention over all positions: arXiv:1706.03762; reduced as in arXiv:2105.15203.

    Query, key and value are linear layers of all channels. Keys and values are computed from a map that is
    `reduction` times smaller, rounded down: a convolution with k = s = reduction and a bias, then layer
    normalization (eps 1e-5). Each head has c / heads channels, and computes softmax(q k^T / sqrt(c / heads))
    v of them. A linear layer of the heads' channels gives the output.
    """

    name = "attention"
    summary = "self-attention over all positions, with the linear layers of query, key, value and output"
    keeps_places = False
    keeps_size = True
    settings = (
        _HEADS,
        Setting("reduction", "int", 1, "divisor of height and width of the keys and values", low=1),
        Setting("bias", "bool", True, "whether the linear layers add a bias"),
    )

    def keeps_zero(self, a: Attrs) -> bool:
        return False

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        (c, h, w), heads, r = xs[0], a["heads"], a["reduction"]
        _demand_heads(c, heads, demand)
        fits = both(le(r, h), le(r, w))
        demand(fits, "ARCH303", "{h} × {w} reduced by a factor of {r} has no pixels left", h=h, w=w, r=r)
        return xs[0]

    def cost(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Cost:
        (c, h, w), r = xs[0], a["reduction"]
        n, m = h * w, (h // r) * (w // r)
        params = 4 * c * c + (4 * c if a["bias"] else 0)
        macs = 2 * c * c * (n + m) + 2 * n * m * c
        if r == 1:
            return Cost(params, macs)
        return Cost(params + c * c * r * r + 3 * c, macs + m * c * c * r * r)

    def traffic(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int]:
        """The values that the linear layers and the reduction read and write, without the attention
        matrix.
        """
        (c, h, w), r = xs[0], a["reduction"]
        whole, reduced = c * h * w, c * (h // r) * (w // r)
        both_ways = 2 * whole + 2 * reduced  # queries and their results, keys and values
        if r == 1:
            return both_ways + whole, both_ways + whole
        return both_ways + 2 * whole + 2 * reduced, both_ways + whole + 2 * reduced

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int]:
        """The first and last of x input rows on which output row `at` depends.

        These are the rows that the reduction reads, all except a remainder of fewer than `reduction` rows,
        and row `at` itself.
        """
        return (0, max(at, x // a["reduction"] * a["reduction"] - 1))

    def layer(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> Layer:
        kwargs: dict[str, Any] = {"channels": y[0], "heads": a["heads"]}
        if a["reduction"] != 1:
            kwargs["reduction"] = a["reduction"]
        if not a["bias"]:
            kwargs["bias"] = False
        return Layer("SelfAttention", kwargs, positional=2)

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return leading(c)

    def parts(self, x: Places, y: Places, width: int, a: Attrs, most: Attrs) -> Parts:
        """The slices of the weights: for queries, keys and values the first channels of each head.

        For the reduced map, the slices are the first channels.
        """
        for name in ("heads", "reduction"):
            if a[name] != most[name]:
                raise NotShared(
                    f"`{name}` of `{self.name}` is {a[name]} in one network, {most[name]} in another"
                )
        own, reduced = index(by_group(len(x), width, a["heads"])), a["reduction"] > 1
        kernel = range(a["reduction"])
        read = index(leading(len(x))) if reduced else index(x)
        found: dict[str, Any] = {"query_weight": (own, index(x)), "output_weight": (index(y), own)}
        found |= dict.fromkeys(("key_weight", "value_weight"), (own, read))
        found |= dict.fromkeys(("query_bias", "key_bias", "value_bias"), (own,))
        found["output_bias"] = (index(y),)
        if reduced:
            found["reduction_weight"] = (read, index(x), kernel, kernel)
            found |= dict.fromkeys(("reduction_bias", "norm_weight", "norm_bias"), (read,))
        return found

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        (c, h, w), r, heads, batch = xs[0], a["reduction"], a["heads"], to.batch
        n, m = h * w, (h // r) * (w // r)

        def rows(x: str, label: str) -> str:
            """Writes a map as a matrix with a row for each position; returns its name."""
            last = to.node("Transpose", [x], f"{label}.last", perm=[0, 2, 3, 1])
            return to.node("Reshape", [last, to.ints(f"{label}.rows", [-1, c])], label)

        def linear(x: str, label: str) -> str:
            inputs = [x, to.weight(f"{label}_weight", (c, c))]
            if a["bias"]:
                inputs.append(to.weight(f"{label}_bias", (c,)))
            return to.node("Gemm", inputs, label, transB=1)

        def by_head(x: str, label: str, perm: list[int], count: int) -> str:
            apart = to.ints(f"{label}.apart", [batch, count, heads, c // heads])
            parted = to.node("Reshape", [linear(x, label), apart], f"{label}.heads")
            return to.node("Transpose", [parted], f"{label}.first", perm=perm)

        tokens = reduced = rows(names[0], "tokens")
        if r > 1:
            kernel = [to.weight("reduction_weight", (c, c, r, r)), to.weight("reduction_bias", (c,))]
            small = to.node("Conv", [names[0], *kernel], "reduction", kernel_shape=[r, r], strides=[r, r])
            norm = [rows(small, "reduced"), to.weight("norm_weight", (c,)), to.weight("norm_bias", (c,))]
            reduced = to.node("LayerNormalization", norm, "norm", axis=-1, epsilon=1e-5)
        query = by_head(tokens, "query", [0, 2, 1, 3], n)
        key = by_head(reduced, "key", [0, 2, 3, 1], m)
        value = by_head(reduced, "value", [0, 2, 1, 3], m)
        found = to.node(
            "Transpose", [_attended(to, query, key, value, c // heads)], "last", perm=[0, 2, 1, 3]
        )
        flat = to.node("Reshape", [found, to.ints("flat", [-1, c])], "rows")
        whole = to.ints("whole", [batch, h, w, c])
        return to.node(
            "Transpose", [to.node("Reshape", [linear(flat, "output"), whole], "map")], perm=[0, 3, 1, 2]
        )

    def composed(self, last: Applied) -> Composed | None:
        """Recognizes three linear layers (or slices of one), the attention between them, and the output's
        linear layer.
        """
        output, inner = _linear(last), last.inputs[0] if last.inputs else None
        if output is None or inner is None or inner.op != "dot_attention":
            return None
        layers = {name: _linear(x) for name, x in zip(("query", "key", "value"), inner.inputs, strict=True)}
        layers["output"] = output
        found = [layer for layer in layers.values() if layer is not None]
        c = last.sizes[0]
        if len(found) != 4 or any(layer.x.sizes[0] != c or layer.c != c for layer in found):
            return None
        query, key, value, _ = found
        reduced = () if key.x is query.x else _reduction(key.x, query.x)
        biased = {layer.bias is not None for layer in found}
        if reduced is None or key.x is not value.x or len(biased) != 1:
            return None
        named = list(zip(layers, found, strict=True))
        weights: dict[str, Rows | None] = {f"{name}_weight": layer.weight for name, layer in named}
        weights |= {f"{name}_bias": layer.bias for name, layer in named}
        parts = [inner, *(part for layer in found for part in layer.parts if part is not last), *reduced]
        attrs: dict[str, Any] = {"heads": inner.attrs["heads"], "bias": biased == {True}}
        if reduced:
            norm, conv = reduced
            attrs["reduction"] = conv.attrs["k"]
            weights |= {"reduction_weight": conv.weights["weight"], "reduction_bias": conv.weights["bias"]}
            weights |= {"norm_weight": norm.weights["weight"], "norm_bias": norm.weights["bias"]}
        return last.composed(query.x, parts=parts, weights=weights, **attrs)


@dataclass(frozen=True)
class _Linear:
    """A linear layer of channels: its input, weights, number of outputs, and the nodes that compute it."""

    x: Applied
    weight: Rows
    bias: Rows | None
    c: int
    parts: tuple[Applied, ...]


def _linear(node: Applied) -> _Linear | None:
    """The linear layer that a node computes, or whose outputs it slices; None for any other node."""
    if node.op == "slice":
        whole = _linear(node.inputs[0])
        if whole is None or whole.parts[0].op == "slice":
            return None
        first, last = node.attrs["first"] - 1, node.attrs["last"]
        weight, bias = whole.weight.part(first, last), whole.bias and whole.bias.part(first, last)
        return _Linear(whole.x, weight, bias, last - first, (node, *whole.parts))
    plain = node.op == "linear" or (node.op == "conv" and _is_pointwise(node))
    if not plain or "weight" not in node.weights:
        return None
    c = node.sizes[0]
    return _Linear(node.inputs[0], node.weights["weight"], node.weights.get("bias"), c, (node,))


def _is_pointwise(conv: Applied) -> bool:
    a = conv.attrs
    return a["k"] == a["s"] == a["g"] == 1 and a.get("padding", 0) in (0, "same", "valid")


def _reduction(z: Applied, x: Applied) -> tuple[Applied, Applied] | None:
    """The nodes of the layer normalization and the convolution that reduce the map x to z; None if z is not
    that.
    """
    conv = z.inputs[0] if z.op == "layer_norm" and z.attrs["eps"] == 1e-5 and z.attrs["affine"] else None
    if conv is None or conv.op != "conv" or not conv.attrs["bias"] or conv.inputs[0] is not x:
        return None
    a = conv.attrs
    r, pad = a["k"], a.get("padding", (a["k"] - 1) // 2 if isinstance(a["k"], int) else None)
    fits = isinstance(r, int) and a["s"] == r and a["d"] == a["g"] == 1 and pad in (0, "valid")
    return (z, conv) if fits and conv.sizes[0] == x.sizes[0] else None


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
    settings = (_HEADS,)

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        q, k, v = xs
        message = "dot_attention: {c1} channels of queries, and {c2} of keys"
        demand(eq(q[0], k[0]), "ARCH301", message, c1=q[0], c2=k[0])
        same = both(eq(k[1], v[1]), eq(k[2], v[2]))
        message = "dot_attention: keys of {h1} × {w1}, and values of {h2} × {w2}"
        demand(same, "ARCH302", message, h1=k[1], w1=k[2], h2=v[1], w2=v[2])
        _demand_heads(q[0], a["heads"], demand)
        _demand_heads(v[0], a["heads"], demand)
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
        found = _attended(to, query, key, value, xs[0][0] // heads)
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


def _demand_heads(c: Any, heads: Any, demand: Demand) -> None:
    demand(eq(c % heads, 0), "ARCH310", "{c} channels are not divisible by {heads} heads", c=c, heads=heads)


def _attended(to: OnnxWriter, query: str, key: str, value: str, channels: int) -> str:
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
