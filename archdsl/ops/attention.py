"""Self-attention over the positions of a feature map, with its linear layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archdsl.ir.expr import both, le
from archdsl.ops.base import Attrs, Cost, Demand, Layer, OnnxWriter, Primitive, Setting, Sizes
from archdsl.ops.dot_attention import HEADS, attended, demand_heads
from archdsl.ops.places import NotShared, Parts, Places, by_group, index, leading

if TYPE_CHECKING:
    from archdsl.ops.lifting import Applied, Composed, Rows


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
        HEADS,
        Setting("reduction", "int", 1, "divisor of height and width of the keys and values", low=1),
        Setting("bias", "bool", True, "whether the linear layers add a bias"),
    )

    def keeps_zero(self, a: Attrs) -> bool:
        return False

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        (c, h, w), heads, r = xs[0], a["heads"], a["reduction"]
        demand_heads(c, heads, demand)
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
        found = to.node("Transpose", [attended(to, query, key, value, c // heads)], "last", perm=[0, 2, 1, 3])
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
