"""Charts as SVG text: self-contained, without scripts, links or embedded fonts.

All text is escaped, so that names from a spec can be used. Output is deterministic. Values must be finite
numbers; an empty chart shows a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from archdsl.render.svg import (
    BAND,
    BLUE,
    FAINT,
    INK,
    LETTER,
    RED,
    cut,
    dot,
    escaped,
    line,
    number,
    picture,
    polygon,
    polyline,
    rect,
    text,
)  # fmt: skip
from archdsl.report.axis import Axis
from archdsl.report.frame import Format, frame, span

WIDTH = 720.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 74.0, 24.0, 40.0, 50.0


@dataclass(frozen=True)
class Bar:
    """A bar of a bar chart: `spread` is an error bar (±) around its end, `note` a text after it."""

    label: str
    value: float
    spread: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Point:
    """A point of a scatter chart; `tip` is its tooltip."""

    x: float
    y: float
    tip: str = ""
    strong: bool = False
    """Whether the point is drawn in another colour, on top of the others."""


def bars(rows: Iterable[Bar], *, title: str, unit: str = "", format: Format | None = None) -> str:
    """A chart of horizontal bars as SVG, in the given order; values must not be negative."""
    rows, write = list(rows), format or short
    _demand_finite(v for r in rows for v in (r.value, r.spread))
    if any(r.value < 0 for r in rows):
        raise ValueError("a bar begins at zero and cannot be negative")
    if not rows:
        return _nothing(title)
    left = min(300.0, 16 + LETTER * max(len(r.label) for r in rows))
    pitch, height = 18.0, _TOP + 18.0 * len(rows) + 30
    most = max(r.value + r.spread for r in rows) or 1.0
    widest = max(len(_behind(r, write, unit)) for r in rows)
    scale = (WIDTH - left - 18 - LETTER * widest) / most
    parts: list[str] = []
    for n, row in enumerate(rows):
        y = _TOP + pitch * n
        middle, end = y + pitch / 2, left + scale * row.value
        parts.append(f"<g><title>{escaped(row.label)}: {escaped(_behind(row, write, unit))}</title>")
        parts.append(text(left - 6, middle + 4, cut(row.label, round((left - 16) / LETTER)), anchor="end"))
        parts.append(rect(left, y + 3, scale * row.value, pitch - 6, BLUE))
        if row.spread:
            low, high = (
                left + scale * max(0.0, row.value - row.spread),
                left + scale * (row.value + row.spread),
            )
            parts.append(line(low, middle, high, middle, INK))
            end = high
        parts.append(text(end + 5, middle + 4, _behind(row, write, unit), colour=FAINT))
        parts.append("</g>")
    parts.append(line(left, _TOP, left, _TOP + pitch * len(rows), FAINT))
    return _svg(title, height, parts)


def histogram(
    values: Iterable[float],
    *,
    title: str,
    x_label: str,
    bins: int = 40,
    marks: Iterable[tuple[str, float]] = (),
    format: Format | None = None,
) -> str:
    """A histogram as SVG, with bins of equal width; `marks` are named values, drawn as vertical lines."""
    values, marks, write = list(values), list(marks), format or short
    _demand_finite([*values, *(at for _, at in marks)])
    if not values:
        return _nothing(title)
    edges, counts = binned(values, bins)
    low, high = span([edges[0], edges[-1], *(at for _, at in marks)])
    height = 300.0
    x, y = Axis(low, high, _LEFT, WIDTH - _RIGHT), Axis(0, max(counts), height - _BOTTOM, _TOP + 22)
    parts = [*frame(x, y, (x_label, "networks"), (write, short), (False, True))]
    for start, end, count in zip(edges, edges[1:], counts, strict=False):
        if count:
            what = f"{write(start)} to {write(end)}: {count:,}"
            box = rect(x(start), y(count), max(1.0, x(end) - x(start) - 1), y(0) - y(count), BLUE)
            parts.append(f"<g><title>{escaped(what)}</title>{box}</g>")
    for n, (name, at) in enumerate(marks):
        top = _TOP + 10 + 12 * (n % 2)  # neighbours are named one above the other
        parts.append(line(x(at), top + 3, x(at), y(0), RED, 'stroke-dasharray="4 3"'))
        anchor = "end" if x(at) > WIDTH - 120 else "start"
        parts.append(text(x(at) + (3 if anchor == "start" else -3), top, name, anchor=anchor, colour=RED))
    return _svg(title, height, parts)


def scatter(
    points: Iterable[Point],
    *,
    title: str,
    x_label: str,
    y_label: str,
    band: float | None = None,
    path: Iterable[tuple[float, float]] = (),
    format: Format | None = None,
) -> str:
    """A scatter chart as SVG; `path` are the vertices of a line drawn over the points.

    `band` is for charts of predictions against measurements: both axes have the same scale, the diagonal is
    drawn, and `band=0.1` shades the area within ±10 % of the diagonal.
    """
    points, path, write = list(points), list(path), format or short
    _demand_finite([v for p in points for v in (p.x, p.y)] + [v for at in path for v in at])
    if not points:
        return _nothing(title)
    xs = [p.x for p in points] + [at[0] for at in path]
    ys = [p.y for p in points] + [at[1] for at in path]
    x_range, y_range = (span(xs), span(ys)) if band is None else (span(xs + ys), span(xs + ys))
    height = 420.0 if band is None else WIDTH * 0.8
    x, y = Axis(*x_range, _LEFT, WIDTH - _RIGHT), Axis(*y_range, height - _BOTTOM, _TOP)
    parts: list[str] = []
    if band is not None:
        parts.append(_band(x, y, x_range, band))
    parts += frame(x, y, (x_label, y_label), (write, write))
    if band is not None:
        parts.append(line(x(x_range[0]), y(x_range[0]), x(x_range[1]), y(x_range[1]), FAINT))
    if path:
        parts.append(polyline([(x(a), y(b)) for a, b in path], RED, 'stroke-width="1.5"'))
    for point in sorted(points, key=lambda p: p.strong):
        tip = point.tip or f"{write(point.x)}, {write(point.y)}"
        look = (3.2, RED, tip) if point.strong else (2.6, BLUE, tip, 'fill-opacity="0.55"')
        parts.append(dot(x(point.x), y(point.y), *look))
    return _svg(title, height, parts)


def short(value: float) -> str:
    """A number rounded to about three digits: `0`, `0.25`, `9.14`, `120`, `1.2k`, `38.4M`, `2.1G`."""
    size = abs(value)
    for least, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= least * 0.9995:
            return f"{value / least:.3g}{letter}"
    return f"{value:.3g}"


def binned(values: Sequence[float], bins: int) -> tuple[list[float], list[int]]:
    """The edges of bins of equal width that cover the values, and the number of values in each bin."""
    low, high = min(values), max(values)
    if low == high:
        half = max(0.5, abs(low) * 2**-40)  # large numbers have no neighbours as close as 0.5
        low, high, bins = low - half, high + half, 1
    width = (high - low) / bins
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value - low) / width))] += 1
    return [low + width * n for n in range(bins)] + [high], counts


def _band(x: Axis, y: Axis, both: tuple[float, float], band: float) -> str:
    low, high = both
    corners = [
        (low, low * (1 + band)),
        (high, high * (1 + band)),
        (high, high * (1 - band)),
        (low, low * (1 - band)),
    ]
    box = f"{number(x.start)} {number(y.end)} {number(x.end - x.start)} {number(y.start - y.end)}"
    inside = f'<svg x="{number(x.start)}" y="{number(y.end)}" width="{number(x.end - x.start)}" '
    inside += f'height="{number(y.start - y.end)}" viewBox="{box}">'
    return f"{inside}{polygon([(x(a), y(b)) for a, b in corners], BAND)}</svg>"


def _demand_finite(values: Iterable[float]) -> None:
    for value in values:
        if not isfinite(value):
            raise ValueError(f"{value} cannot be drawn")


def _behind(row: Bar, write: Format, unit: str) -> str:
    spread = f" ± {write(row.spread)}" if row.spread else ""
    note = f" {row.note}" if row.note else ""
    return f"{write(row.value)}{spread}{' ' + unit if unit else ''}{note}"


def _nothing(title: str) -> str:
    return _svg(title, 90, [text(12, 60, "nothing to show", colour=FAINT)])


def _svg(title: str, height: float, parts: Iterable[str]) -> str:
    return picture(title, WIDTH, height, [text(12, 22, title, size=14, strong=True), *parts])
