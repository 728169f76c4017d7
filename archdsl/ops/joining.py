"""Joining tensors: concatenation, sum, product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archdsl.ir.expr import Value, apply, both, eq, maximum
from archdsl.ops.base import Attrs, Demand, OnnxWriter, Primitive, Sizes
from archdsl.ops.places import NotShared, Places, stacked

_BOTH = "{c1} × {h1} × {w1} and {c2} × {h2} × {w2}"


class Concat(Primitive):
    """Concatenates tensors of equal height and width along their channels."""

    name = "concat"
    summary = "concatenation along channels"
    stacks = True
    keeps_size = True
    fresh = True
    arity = (1, None)

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return len(xs) == 1

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        channels, h, w = xs[0]
        for x in xs[1:]:
            _demand_same_size("concat", xs[0], x, demand)
            channels = channels + x[0]
        return (channels, h, w)

    def widest(self, widths: Sequence[int], most: Attrs) -> int:
        return sum(widths)

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return stacked(xs, widths)

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"torch.cat(({', '.join(names)}), 1)" if len(names) > 1 else names[0]

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Concat", names, axis=1)


class Add(Primitive):
    """The sum of tensors of equal shape."""

    name = "add"
    summary = "sum (also written +)"
    fresh = True
    arity = (1, None)
    zero_is_neutral = True
    keeps_size = True
    commutes = True

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return len(xs) == 1

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        for x in xs[1:]:
            _demand_same_channels(xs[0], x, demand)
            _demand_same_size("add", xs[0], x, demand)
        return xs[0]

    def widest(self, widths: Sequence[int], most: Attrs) -> int:
        return max(widths)

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return _one_origin("sum", [x for x in xs if x is not None])

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return " + ".join(names)

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        total = names[0]
        for n, name in enumerate(names[1:], start=1):
            total = to.node("Add", [total, name], str(n) if n < len(names) - 1 else "")
        return total


class Mul(Primitive):
    """The product of two tensors; each dimension is equal, or 1 in one of them."""

    name = "mul"
    summary = "product; sizes of 1 are broadcast"
    fresh = True
    arity = (2, 2)

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        p, q = xs
        demand(_fits(p[0], q[0]), "ARCH301", f"mul: channels differ: {_BOTH}", **_named(p, q))
        sizes = both(_fits(p[1], q[1]), _fits(p[2], q[2]))
        demand(sizes, "ARCH302", f"mul: sizes differ, and neither is 1 × 1: {_BOTH}", **_named(p, q))
        return (maximum(p[0], q[0]), maximum(p[1], q[1]), maximum(p[2], q[2]))

    def size_follows(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int] | None:
        """The size of a factor that is not broadcast, if it is always larger than 1 × 1."""
        whole = [port for port, x in enumerate(xs) if x[1:] == y[1:] and x[1] * x[2] > 1]
        return (whole[0], 1) if whole else None

    def widest(self, widths: Sequence[int], most: Attrs) -> int:
        return max(widths)

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return _one_origin("product", [x for x in xs if x is not None and len(x) == c])

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return " * ".join(names)

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Mul", names)


def _one_origin(what: str, xs: Sequence[Places]) -> Places:
    """The places of operands, which have to be the same.  Raises NotShared."""
    if any(x != xs[0] for x in xs):
        raise NotShared(f"channels of different origins meet in a {what}")
    return xs[0]


def _named(p: Sizes, q: Sizes) -> dict[str, Value]:
    return {"c1": p[0], "h1": p[1], "w1": p[2], "c2": q[0], "h2": q[1], "w2": q[2]}


def _demand_same_channels(p: Sizes, q: Sizes, demand: Demand) -> None:
    demand(eq(p[0], q[0]), "ARCH301", f"add: channels differ: {_BOTH}", **_named(p, q))


def _demand_same_size(op: str, p: Sizes, q: Sizes, demand: Demand) -> None:
    same = both(eq(p[1], q[1]), eq(p[2], q[2]))
    demand(same, "ARCH302", f"{op}: heights or widths differ: {_BOTH}", **_named(p, q))


def _fits(m: Any, n: Any) -> Any:
    return apply("or", eq(m, n), apply("or", eq(m, 1), eq(n, 1)))
