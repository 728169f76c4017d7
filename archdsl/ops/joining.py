"""Joining tensors: concatenation, sum, difference, product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from archdsl.ir.expr import Value, apply, both, eq, maximum
from archdsl.ops.base import Attrs, Demand, OnnxWriter, Primitive, Sizes
from archdsl.ops.places import Places, one_origin, stacked

if TYPE_CHECKING:
    from archdsl.ops.lifting import Call, Lifted


_BOTH = "{c1} × {h1} × {w1} and {c2} × {h2} × {w2}"


class Concat(Primitive):
    """Concatenates tensors of equal height and width along their channels."""

    name = "concat"
    summary = "concatenation along channels"
    lifts = ("cat", "concat", "pad")
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

    def lifted(self, call: Call) -> Lifted | None:
        if call.operator == "pad":
            return _padded(call)
        xs, dim = call["tensors"], call["dim"] % len(call.shape)
        if not all(x.has_channels_at(dim) for x in xs):
            return None
        total = sum(x.sizes[0] for x in xs)
        layouts = {x.with_channels(dim, total) for x in xs}
        return call.lifted(*xs, layout=layouts.pop()) if len(layouts) == 1 else None


def _padded(call: Call) -> Lifted | None:
    """Recognizes zeros before and after the channels of a map, else None; `pad` begins with the last
    dimension.
    """
    x, pad = call.x, [*call["pad"], 0, 0, 0, 0, 0, 0]
    plain = call["mode"] in (None, "constant") and not call["value"]
    if not plain or any(pad[:4] + pad[6:]) or min(pad) < 0 or not any(pad) or not x.is_map:
        return None
    before, behind = (x.zeros(c) for c in pad[4:6])
    return call.lifted(*(part for part in (before, x, behind) if part is not None))


class Broadcast(Primitive):
    """Base class of arithmetic on tensors whose dimensions are equal, or 1 and then broadcast."""

    what: ClassVar[str]
    sign: ClassVar[str]
    fresh = True

    def keeps_zero(self, a: Attrs) -> bool:
        return True

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        y = xs[0]
        for x in xs[1:]:
            if x == y:  # the common case
                demand(True, "ARCH301", "")
                demand(True, "ARCH302", "")
            else:
                y = self._joined(y, x, demand)
        return y

    def _joined(self, p: Sizes, q: Sizes, demand: Demand) -> Sizes:
        demand(_fits(p[0], q[0]), "ARCH301", f"{self.name}: channels differ: {_BOTH}", **_named(p, q))
        sizes = both(_fits(p[1], q[1]), _fits(p[2], q[2]))
        demand(sizes, "ARCH302", f"{self.name}: heights or widths differ: {_BOTH}", **_named(p, q))
        return _larger(p[0], q[0]), _larger(p[1], q[1]), _larger(p[2], q[2])

    def size_follows(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, int] | None:
        """Position 0 and stride 1 if all operands have the height and width of the output.

        Otherwise, the position of an operand that has them and is larger than 1 × 1, so that it is never
        broadcast; None without one.
        """
        if all(x[1:] == y[1:] for x in xs):
            return (0, 1)
        whole = [port for port, x in enumerate(xs) if x[1:] == y[1:] and x[1] * x[2] > 1]
        return (whole[0], 1) if whole else None

    def widest(self, widths: Sequence[int], most: Attrs) -> int:
        return max(widths)

    def places(
        self, xs: Sequence[Places | None], widths: Sequence[int], c: int, width: int, a: Attrs
    ) -> Places:
        return one_origin(self.what, [x for x in xs if x is not None and len(x) == c])

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f" {self.sign} ".join(names)

    def lifted(self, call: Call) -> Lifted | None:
        return call.pointwise(call.x, call["other"]) if call["alpha"] in (None, 1) else None


class Add(Broadcast):
    """The sum of tensors; each dimension is equal in all of them, or 1 and then broadcast."""

    name = "add"
    summary = "sum (also written +); sizes of 1 are broadcast"
    lifts = ("add",)
    what = "sum"
    sign = "+"
    arity = (1, None)
    zero_is_neutral = True
    commutes = True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return len(xs) == 1

    def contributing(self, zero: Sequence[bool], xs: Sequence[Sizes], y: Sizes) -> Sequence[int]:
        kept = [port for port in range(len(xs)) if not zero[port]] or [0]
        return kept if _shape([xs[port] for port in kept]) == y else range(len(xs))

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        total = names[0]
        for n, name in enumerate(names[1:], start=1):
            total = to.node("Add", [total, name], str(n) if n < len(names) - 1 else "")
        return total

    def lifted(self, call: Call) -> Lifted | None:
        """Recognizes sums; several additions in one source line become one `add` of all operands."""
        first, before = call.x, call.x.call
        if before and before.operator == "add" and before.place == call.place and first.uses == 1:
            inner = self.lifted(before)
            if inner is not None and call["alpha"] == 1:
                return call.pointwise(*inner.inputs, call["other"])
        return super().lifted(call)


class Sub(Broadcast):
    """The difference of two tensors; each dimension is equal, or 1 in one of them and then broadcast."""

    name = "sub"
    summary = "difference (also written -); sizes of 1 are broadcast"
    lifts = ("sub",)
    what = "difference"
    sign = "-"
    arity = (2, 2)
    zero_is_neutral = True

    def is_identity(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> bool:
        return len(xs) == 1

    def contributing(self, zero: Sequence[bool], xs: Sequence[Sizes], y: Sizes) -> Sequence[int]:
        return [0] if zero[1] and xs[0] == y else [0, 1]

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Sub", names)


class Mul(Broadcast):
    """The product of two tensors; each dimension is equal, or 1 in one of them and then broadcast."""

    name = "mul"
    summary = "product (also written *); sizes of 1 are broadcast"
    lifts = ("mul",)
    what = "product"
    sign = "*"
    arity = (2, 2)

    def onnx(self, to: OnnxWriter, names: Sequence[str], xs: Sequence[Sizes], y: Sizes, a: Attrs) -> str:
        return to.node("Mul", names)


def _named(p: Sizes, q: Sizes) -> dict[str, Value]:
    return {"c1": p[0], "h1": p[1], "w1": p[2], "c2": q[0], "h2": q[1], "w2": q[2]}


def _demand_same_size(op: str, p: Sizes, q: Sizes, demand: Demand) -> None:
    same = both(eq(p[1], q[1]), eq(p[2], q[2]))
    demand(same, "ARCH302", f"{op}: heights or widths differ: {_BOTH}", **_named(p, q))


def _fits(m: Any, n: Any) -> Any:
    return apply("or", eq(m, n), apply("or", eq(m, 1), eq(n, 1)))


def _larger(m: Any, n: Any) -> Any:
    """The size of a dimension after broadcasting sizes m and n, which are equal unless one is 1."""
    if m == n or (type(n) is int and n == 1):
        return m
    return n if type(m) is int and m == 1 else maximum(m, n)


def _shape(xs: Sequence[Sizes]) -> Sizes:
    """The shape of the result of broadcasting, for concrete shapes."""
    c, h, w = (max(sizes) for sizes in zip(*xs, strict=True))
    return c, h, w
