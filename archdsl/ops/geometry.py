"""Sliding windows: their padding, sizes, and which rows they read.

Every setting of a window is one value for rows and columns, or a pair. Along each axis, `padding` is

* omitted: d * (k - 1) // 2 on each side, which keeps the size if d * (k - 1) is even. If it is odd (an even
  kernel, undilated), that is half a pixel less, as usual for 2 × 2 pooling: stride 1 reduces the size by one,
  stride 2 halves it and rounds down;
* "same": as much as gives ceil(n / s), half of it on each side, an odd row at the end, as TensorFlow does
  (PyTorch has it for stride 1 only);
* "valid": none; or a number of rows on each side.

`ceil` adds a last window that is partly beyond the padded map if a stride leaves rows over, unless it begins
beyond the map and the padding before it, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.ir.expr import Expr, Pair, apply, both, by_axis, eq, le
from archdsl.ops.base import Attrs, Demand, Primitive, Setting, Sizes

K = Setting("k", "pair", 3, "size of the kernel or window, or [rows, columns]", low=1)
S = Setting("s", "pair", 1, "stride, or [rows, columns]", low=1)
D = Setting("d", "pair", 1, "dilation, or [rows, columns]", low=1)
PADDING = Setting(
    "padding",
    "pair",
    None,
    "rows and columns added on each side; if omitted d * (k - 1) // 2",
    choices=("same", "valid"),
    low=0,
    optional=True,
)


@dataclass(frozen=True)
class Window:
    """A sliding window along one axis.

    `pad` is the number of rows of padding on each side; `same`, a boolean or a condition over decisions, says
    that the padding depends on the size instead.
    """

    k: Any
    s: Any
    d: Any
    same: Any
    pad: Any
    ceil: Any

    @property
    def span(self) -> Any:
        """The number of rows from the first to the last that a window reads."""
        return self.d * (self.k - 1) + 1

    @property
    def missing(self) -> Any:
        """The number of rows by which the padded map is too small for stride 1 to keep the size.

        It is d * (k - 1) minus the padding.
        """
        return self.span - 1 - 2 * self.pad

    def size(self, n: Any) -> Any:
        """The number of windows on a map of n rows, which is the number of output rows."""
        if self.same is True:
            return strided(n, self.s)
        missing = self.missing
        inside = n if missing == 0 else n - missing
        size = strided(inside, self.s)
        if self.ceil is not False:
            over = (inside + self.s - 2) // self.s + 1
            begins_inside = le((over - 1) * self.s + 1, n + self.pad)
            size = apply("if", self.ceil, apply("if", begins_inside, over, over - 1), size)
        return size if self.same is False else apply("if", self.same, strided(n, self.s), size)

    def fits(self, n: Any) -> Any:
        """Whether at least one window fits on the padded map.

        With `ceil`, up to s - 1 rows of the window may be outside the map.
        """
        least = self.missing + 1
        if self.ceil is not False:
            least = apply("if", self.ceil, least + 1 - self.s, least)
        fits = le(least, n)
        return fits if self.same is False else apply("or", self.same, fits)

    @property
    def keeps(self) -> bool:
        """Whether there are ceil(n / s) windows for every n; for concrete settings."""
        return bool(self.same or (self.missing == 0 and not self.ceil))

    def pads(self, n: int, size: int) -> tuple[int, int]:
        """The rows of padding before and after a map of n rows with `size` windows; for concrete settings."""
        total = (size - 1) * self.s + self.span - n
        if self.same:
            return max(total, 0) // 2, (max(total, 0) + 1) // 2
        return self.pad, max(total - self.pad, self.pad)

    @property
    def fixed(self) -> tuple[int, int] | None:
        """The rows of padding before and after a map, without those that `ceil` adds.

        None if they depend on the size of the map.
        """
        if not self.same:
            return self.pad, self.pad
        if self.s == 1 or self.span == 1:
            return (self.span - 1) // 2, self.span // 2
        return None

    def pads_text(self, n: str) -> tuple[str, str]:
        """Python expressions of the padding before and after a map of n rows."""
        if self.fixed is not None:
            return str(self.fixed[0]), str(self.fixed[1])
        total = f"{self.span - 1} - ({n} - 1) % {self.s}"
        if self.span < self.s:
            return f"max({total}, 0) // 2", f"(max({total}, 0) + 1) // 2"
        return f"({total}) // 2", f"({self.span} - ({n} - 1) % {self.s}) // 2"

    def reads(self, at: int, n: int, size: int, mode: str = "zeros") -> tuple[int, int] | None:
        """The first and last input row on which output row `at` depends; None if it depends on none (see
        `Primitive.sees`).
        """
        first = at * self.s - self.pads(n, size)[0]
        rows = range(first, first + self.span, self.d)
        begin, end = max(0, -(first // self.d)), max(0, (n - 1 - first) // self.d + 1)
        inside = rows[begin:end]
        ends = [inside[0], inside[-1]] if inside else []
        if mode == "replicate":  # rows of one side are copies of one row
            ends += [copied(row, n, mode) for row in (rows[0], rows[-1])]
        elif mode != "zeros":  # paddings are smaller than the map
            ends += [copied(row, n, mode) for row in (*rows[:begin], *rows[end:])]
        ends = [row for row in ends if 0 <= row < n]
        return (min(ends), max(ends)) if ends else None


def windows(a: Attrs) -> tuple[Window, Window]:
    """The windows along rows and along columns for these settings."""
    settings = (a["k"], a["s"], a.get("d", 1), a.get("padding"))
    rows, columns = zip(*map(by_axis, settings), strict=True)
    ceil = a.get("ceil", False)
    first = _window(rows, ceil)
    alike = all(one is other for one, other in zip(rows, columns, strict=True))
    return first, first if alike else _window(columns, ceil)


def _window(settings: Sequence[Any], ceil: Any) -> Window:
    k, s, d, padding = settings
    if padding is None:
        return Window(k, s, d, False, half(k, d), ceil)
    if isinstance(padding, Expr):
        number = apply("whole", padding)
        return Window(k, s, d, eq(padding, "same"), apply("if", number, padding, 0), ceil)
    return Window(k, s, d, padding == "same", 0 if isinstance(padding, str) else padding, ceil)


def half(k: Any, d: Any = 1) -> Any:
    """The default padding on each side: d * (k - 1) // 2."""
    return d * (k - 1) // 2


def windowed(x: Sizes, c: Any, a: Attrs, demand: Demand) -> Sizes:
    """The shape after a sliding window over a map of shape x, with c channels.

    Adds the constraints of the window to `demand`.
    """
    _, h, w = x
    rows, columns = windows(a)
    if a.get("padding") is None and a.get("ceil", False) is False:
        demand_divisible(x, a["s"], demand)
    if rows is columns and rows.same is False and rows.missing == 0:
        return (c, rows.size(h), columns.size(w))
    fits = both(rows.fits(h), columns.fits(w))
    window, values = _described(rows, columns, a)
    demand(fits, "ARCH303", f"{window} is larger than {{h}} × {{w}}", h=h, w=w, **values)
    return (c, rows.size(h), columns.size(w))


def _described(rows: Window, columns: Window, a: Attrs) -> tuple[str, dict[str, Any]]:
    """A description of the windows as a format string, and the values of its fields."""
    text, values = "a window of {k}", {"k": rows.k}
    if rows is not columns:
        text, values = "a window of {k} × {k2}", {"k": rows.k, "k2": columns.k}
    if a.get("padding") is not None:
        text += " with padding {p} × {p2}"
        values |= {"p": rows.pad, "p2": columns.pad}
    return text, values


class Sliding(Primitive):
    """Base class of the primitives with a sliding window."""

    def size_follows(self, xs: Sequence[Sizes], y: Sizes, a: Attrs) -> tuple[int, Pair] | None:
        return (0, a["s"]) if all(window.keeps for window in windows(a)) else None

    def sees(self, at: int, x: int, y: int, a: Attrs) -> tuple[int, int] | None:
        return windows(a)[0].reads(at, x, y, a.get("padding_mode", "zeros"))

    def written(self, a: Attrs) -> Attrs:
        a = super().written(a)
        if a.get("padding") is not None and a["padding"] == _default_padding(a):
            return {name: value for name, value in a.items() if name != "padding"}
        return a

    def declared(self, xs: Sequence[Sizes], a: Attrs) -> Attrs:
        """Implements `Primitive.declared`: adds the default padding unless the strides divide the sizes."""
        _, h, w = xs[0]
        down, across = by_axis(a["s"])
        if a.get("padding") is not None or not (h % down or w % across):
            return a
        return {**a, "padding": _default_padding(a)}


def _default_padding(a: Attrs) -> Any:
    """The padding of a window for which none is set, as a number or a pair."""
    axes = zip(by_axis(a["k"]), by_axis(a.get("d", 1)), strict=True)
    return apply("pair", *(half(k, d) for k, d in axes))


def copied(row: int, n: int, mode: str) -> int:
    """The row of a map of n rows that a padding row copies; in the mode "zeros", a row outside of the map."""
    if mode == "reflect":
        return abs(row) if row < n else 2 * (n - 1) - row
    if mode == "circular":
        return row % n
    return min(max(row, 0), n - 1) if mode == "replicate" else row


def same_on_both_sides(a: Attrs) -> Pair | None:
    """The padding of each axis if it is equal on both sides; None if it is unequal or depends on the size."""
    found = [window.fixed for window in windows(a)]
    if any(sides is None or sides[0] != sides[1] for sides in found):
        return None
    (rows, _), (columns, _) = found  # type: ignore[misc]
    return rows if rows == columns else (rows, columns)


def padded(x: str, a: Attrs, how: str = "") -> str:
    """The Python expression that pads tensor x for these windows; `how` are further arguments of F.pad."""
    rows, columns = windows(a)
    sides = *columns.pads_text(f"{x}.shape[3]"), *rows.pads_text(f"{x}.shape[2]")
    return f"F.pad({x}, ({', '.join(sides)}){how})"


def lifted_window(k: Pair | None, s: Pair | None, d: Pair | None, pad: Pair | None) -> dict[str, Any] | None:
    """The settings of a traced window, without a default `padding`; None if an argument is None."""
    if k is None or s is None or d is None or pad is None:
        return None
    usual = _default_padding({"k": k, "d": d})
    return {"k": k, "s": s} if pad == usual else {"k": k, "s": s, "padding": pad}


def both_axes(value: Pair) -> list[int]:
    """A pair as a list [rows, columns]."""
    return list(by_axis(value))


def onnx_window(x: Sizes, y: Sizes, a: Attrs) -> dict[str, Any]:
    """The attributes of an ONNX node with sliding windows, with all padding as numbers."""
    rows, columns = windows(a)
    (top, bottom), (left, right) = rows.pads(x[1], y[1]), columns.pads(x[2], y[2])
    return {
        "kernel_shape": both_axes(a["k"]),
        "strides": both_axes(a["s"]),
        "pads": [top, left, max(bottom, 0), max(right, 0)],
    }


def strided(n: Any, s: Any) -> Any:
    """ceil(n / s)."""
    return (n - 1) // s + 1


def demand_divisible(x: Sizes, s: Any, demand: Demand) -> None:
    _, h, w = x
    down, across = by_axis(s)
    even = both(eq(h % down, 0), eq(w % across, 0))
    stride, values = "{s}", {"s": down}
    if down is not across:
        stride, values = "{s} × {s2}", {"s": down, "s2": across}
    demand(even, "ARCH330", f"{{h}} × {{w}} is not divisible by the stride {stride}", h=h, w=w, **values)


def argument(value: Pair) -> str:
    """A pair as the text of an argument of torch.nn.functional."""
    return f"{value:d}" if isinstance(value, int) else str(tuple(value))
