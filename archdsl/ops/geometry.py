"""Arithmetic and constraints shared by shape rules."""

from __future__ import annotations

from typing import Any

from archdsl.ir.expr import both, eq, le
from archdsl.ops.base import Demand, Sizes


def padding(k: Any, d: Any = 1) -> Any:
    """The padding on each side: d * (k - 1) // 2, which keeps the size if d * (k - 1) is even.

    If it is odd (an even kernel, undilated), the padding is half a pixel less, as usual for 2 × 2 pooling:
    stride 1 reduces the size by one, stride 2 halves it and rounds down.
    """
    return d * (k - 1) // 2


def windowed(x: Sizes, c: Any, k: Any, s: Any, d: Any, demand: Demand) -> Sizes:
    """The shape with c channels after a sliding window of size k and stride s: ceil(n / s) for odd k."""
    _, h, w = x
    demand_divisible(x, s, demand)
    missing = d * (k - 1) - 2 * padding(k, d)
    if missing == 0:
        return (c, strided(h, s), strided(w, s))
    fits = both(le(missing + 1, h), le(missing + 1, w))
    demand(fits, "ARCH303", "a window of {k} is larger than {h} × {w}", k=k, h=h, w=w)
    return (c, strided(h - missing, s), strided(w - missing, s))


def window_stride(k: int, s: int, d: int) -> tuple[int, int] | None:
    """`Primitive.size_follows` of sliding windows: ceil(n / s), unless the padding is half a pixel less."""
    return (0, s) if d * (k - 1) % 2 == 0 else None


def window_seen(at: int, k: int, s: int, d: int) -> tuple[int, int]:
    """The first and last position that a window reads for output position `at` (see `Primitive.sees`)."""
    first = at * s - padding(k, d)
    return first, first + d * (k - 1)


def strided(n: Any, s: Any) -> Any:
    """ceil(n / s)."""
    return (n - 1) // s + 1


def demand_divisible(x: Sizes, s: Any, demand: Demand) -> None:
    _, h, w = x
    even = both(eq(h % s, 0), eq(w % s, 0))
    demand(even, "ARCH330", "{h} × {w} is not divisible by the stride {s}", s=s, h=h, w=w)
