"""Charts as SVG text, and pages that hold them: self-contained, without scripts, links or fonts of their own.

All text is escaped, so that names from a spec can be shown as they are.  The same values always give the
same text.  Values must be finite numbers; a chart of nothing says so.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from archdsl.report.axis import Axis

INK, FAINT, GRID = "#1f2933", "#5f6c7b", "#e3e8ee"
BLUE, RED, BAND = "#3569a8", "#c2452d", "#dce8f5"
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
WIDTH = 720.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 74.0, 24.0, 40.0, 50.0
_LETTER = 6.4  # width of a letter at 11 px, for what must be kept apart
Format = Callable[[float], str]


@dataclass(frozen=True)
class Bar:
    """A bar of a chart: `spread` is drawn as ± around its end, `note` written behind it."""

    label: str
    value: float
    spread: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Point:
    """A point of a scatter chart; `tip` is shown where the pointer rests on it."""

    x: float
    y: float
    tip: str = ""
    strong: bool = False
    """Drawn in another colour, over the others."""


def bars(rows: Iterable[Bar], *, title: str, unit: str = "", format: Format | None = None) -> str:
    """Horizontal bars from zero, in the order given; negative values are not allowed."""
    rows, write = list(rows), format or short
    _demand_finite(v for r in rows for v in (r.value, r.spread))
    if any(r.value < 0 for r in rows):
        raise ValueError("a bar begins at zero and cannot be negative")
    if not rows:
        return _nothing(title)
    left = min(300.0, 16 + _LETTER * max(len(r.label) for r in rows))
    pitch, height = 18.0, _TOP + 18.0 * len(rows) + 30
    most = max(r.value + r.spread for r in rows) or 1.0
    widest = max(len(_behind(r, write, unit)) for r in rows)
    scale = (WIDTH - left - 18 - _LETTER * widest) / most
    parts = [_heading(title)]
    for n, row in enumerate(rows):
        y = _TOP + pitch * n
        middle, end = y + pitch / 2, left + scale * row.value
        parts.append(f"<g><title>{_e(row.label)}: {_e(_behind(row, write, unit))}</title>")
        parts.append(_text(left - 6, middle + 4, _cut(row.label, round((left - 16) / _LETTER)), anchor="end"))
        parts.append(_rect(left, y + 3, scale * row.value, pitch - 6, BLUE))
        if row.spread:
            low, high = (
                left + scale * max(0.0, row.value - row.spread),
                left + scale * (row.value + row.spread),
            )
            parts.append(_line(low, middle, high, middle, INK))
            end = high
        parts.append(_text(end + 5, middle + 4, _behind(row, write, unit), colour=FAINT))
        parts.append("</g>")
    parts.append(_line(left, _TOP, left, _TOP + pitch * len(rows), FAINT))
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
    """How often values fall into bins of equal width; `marks` are named places, drawn as lines."""
    values, marks, write = list(values), list(marks), format or short
    _demand_finite([*values, *(at for _, at in marks)])
    if not values:
        return _nothing(title)
    edges, counts = binned(values, bins)
    low, high = _span([edges[0], edges[-1], *(at for _, at in marks)])
    height = 300.0
    x, y = Axis(low, high, _LEFT, WIDTH - _RIGHT), Axis(0, max(counts), height - _BOTTOM, _TOP + 22)
    parts = [_heading(title), *_axes(x, y, x_label, "networks", write, whole_y=True)]
    for start, end, count in zip(edges, edges[1:], counts, strict=False):
        if count:
            what = f"{write(start)} to {write(end)}: {count:,}"
            box = _rect(x(start), y(count), max(1.0, x(end) - x(start) - 1), y(0) - y(count), BLUE)
            parts.append(f"<g><title>{_e(what)}</title>{box}</g>")
    for n, (name, at) in enumerate(marks):
        top = _TOP + 10 + 12 * (n % 2)  # neighbours are named one above the other
        parts.append(_line(x(at), top + 3, x(at), y(0), RED, dashed=True))
        anchor = "end" if x(at) > WIDTH - 120 else "start"
        parts.append(_text(x(at) + (3 if anchor == "start" else -3), top, name, anchor=anchor, colour=RED))
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
    """Points; `path` is a line through the chart.

    `band` is for a prediction against what was measured: both axes have one scale, the diagonal is drawn,
    and `band=0.1` shades what lies within ±10 % of it.
    """
    points, path, write = list(points), list(path), format or short
    _demand_finite([v for p in points for v in (p.x, p.y)] + [v for at in path for v in at])
    if not points:
        return _nothing(title)
    xs = [p.x for p in points] + [at[0] for at in path]
    ys = [p.y for p in points] + [at[1] for at in path]
    x_range, y_range = (_span(xs), _span(ys)) if band is None else (_span(xs + ys), _span(xs + ys))
    height = 420.0 if band is None else WIDTH * 0.8
    x, y = Axis(*x_range, _LEFT, WIDTH - _RIGHT), Axis(*y_range, height - _BOTTOM, _TOP)
    parts = [_heading(title)]
    if band is not None:
        parts.append(_band(x, y, x_range, band))
    parts += _axes(x, y, x_label, y_label, write)
    if band is not None:
        parts.append(_line(x(x_range[0]), y(x_range[0]), x(x_range[1]), y(x_range[1]), FAINT))
    if path:
        corners = " ".join(f"{_n(x(a))},{_n(y(b))}" for a, b in path)
        parts.append(f'<polyline points="{corners}" fill="none" stroke="{RED}" stroke-width="1.5"/>')
    for point in sorted(points, key=lambda p: p.strong):
        tip = point.tip or f"{write(point.x)}, {write(point.y)}"
        look = f'r="3.2" fill="{RED}"' if point.strong else f'r="2.6" fill="{BLUE}" fill-opacity="0.55"'
        place = f'cx="{_n(x(point.x))}" cy="{_n(y(point.y))}"'
        parts.append(f"<circle {place} {look}><title>{_e(tip)}</title></circle>")
    return _svg(title, height, parts)


@dataclass(frozen=True)
class Section:
    """A part of a page: a heading, paragraphs, charts (SVG text from here), and a table under its head."""

    heading: str
    text: Sequence[str] = ()
    charts: Sequence[str] = ()
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def page(title: str, sections: Iterable[Section]) -> str:
    """One HTML page that needs no other file.  Text is escaped; charts are taken as they are."""
    body = "".join(part for section in sections for part in _section(section))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_e(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{_e(title)}</h1>\n{body}</body>\n</html>\n"
    )


_STYLE = (
    f"body{{font:15px/1.5 {FONT};color:{INK};max-width:60rem;margin:2rem auto;padding:0 1rem}}"
    f"table{{border-collapse:collapse;font-size:13px}}td,th{{padding:2px 10px;border-bottom:1px solid {GRID};"
    "text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}"
    "svg{max-width:100%;height:auto}"
)


def _section(section: Section) -> Iterator[str]:
    yield f"<section>\n<h2>{_e(section.heading)}</h2>\n"
    yield from (f"<p>{_e(text)}</p>\n" for text in section.text)
    yield from (f"<figure>\n{chart}</figure>\n" for chart in section.charts)
    if section.head:
        yield "<table>\n<tr>" + "".join(f"<th>{_e(cell)}</th>" for cell in section.head) + "</tr>\n"
        for row in section.rows:
            yield "<tr>" + "".join(map(_cell, row)) + "</tr>\n"
        yield "</table>\n"
    yield "</section>\n"


_NO_MARKS = str.maketrans("", "", ",.-%")


def _cell(text: str) -> str:
    number = text.translate(_NO_MARKS).isdigit()
    return f'<td class="n">{_e(text)}</td>' if number else f"<td>{_e(text)}</td>"


def short(value: float) -> str:
    """A number in about three digits: `0`, `0.25`, `9.14`, `120`, `1.2k`, `38.4M`, `2.1G`."""
    size = abs(value)
    for least, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= least * 0.9995:
            return f"{value / least:.3g}{letter}"
    return f"{value:.3g}"


def binned(values: Sequence[float], bins: int) -> tuple[list[float], list[int]]:
    """The edges of bins of equal width over the values, and how many fall into each."""
    low, high = min(values), max(values)
    if low == high:
        low, high, bins = low - 0.5, high + 0.5, 1
    width = (high - low) / bins
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value - low) / width))] += 1
    return [low + width * n for n in range(bins)] + [high], counts


def _axes(x: Axis, y: Axis, x_label: str, y_label: str, write: Format, whole_y: bool = False) -> list[str]:
    parts = []
    for at in y.ticks(6, whole_y):
        parts.append(_line(x.start, y(at), x.end, y(at), GRID))
        parts.append(_text(x.start - 6, y(at) + 4, short(at) if whole_y else write(at), anchor="end"))
    for at in x.ticks(8):
        parts.append(_line(x(at), y.start, x(at), y.start + 4, FAINT))
        parts.append(_text(x(at), y.start + 17, write(at), anchor="middle"))
    parts.append(_line(x.start, y.start, x.end, y.start, FAINT))
    parts.append(_text((x.start + x.end) / 2, y.start + 36, x_label, anchor="middle", colour=FAINT))
    middle = (y.start + y.end) / 2
    turned = _text(0, 0, y_label, anchor="middle", colour=FAINT)
    parts.append(f'<g transform="translate(16 {_n(middle)}) rotate(-90)">{turned}</g>')
    return parts


def _band(x: Axis, y: Axis, both: tuple[float, float], band: float) -> str:
    low, high = both
    corners = [
        (low, low * (1 + band)),
        (high, high * (1 + band)),
        (high, high * (1 - band)),
        (low, low * (1 - band)),
    ]
    shape = " ".join(f"{_n(x(a))},{_n(y(b))}" for a, b in corners)
    frame = f"{_n(x.start)} {_n(y.end)} {_n(x.end - x.start)} {_n(y.start - y.end)}"
    inside = f'<svg x="{_n(x.start)}" y="{_n(y.end)}" width="{_n(x.end - x.start)}" '
    inside += f'height="{_n(y.start - y.end)}" viewBox="{frame}">'
    return f'{inside}<polygon points="{shape}" fill="{BAND}"/></svg>'


def _span(values: Sequence[float]) -> tuple[float, float]:
    """A range a little wider than the values; never one point."""
    low, high = min(values), max(values)
    room = (high - low) * 0.04 or abs(high) * 0.05 or 1.0
    return (max(0.0, low - room) if low >= 0 else low - room), high + room


def _demand_finite(values: Iterable[float]) -> None:
    for value in values:
        if not isfinite(value):
            raise ValueError(f"{value} cannot be drawn")


def _behind(row: Bar, write: Format, unit: str) -> str:
    spread = f" ± {write(row.spread)}" if row.spread else ""
    note = f" {row.note}" if row.note else ""
    return f"{write(row.value)}{spread}{' ' + unit if unit else ''}{note}"


def _nothing(title: str) -> str:
    return _svg(title, 90, [_heading(title), _text(12, 60, "nothing to show", colour=FAINT)])


def _svg(title: str, height: float, parts: Iterable[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(WIDTH)}" height="{_n(height)}" '
        f'viewBox="0 0 {_n(WIDTH)} {_n(height)}" font-family="{FONT}" font-size="11" role="img">\n'
        f"<title>{_e(title)}</title>\n"
        f'<rect width="{_n(WIDTH)}" height="{_n(height)}" fill="white"/>\n{body}\n</svg>\n'
    )


def _heading(title: str) -> str:
    return f'<text x="12" y="22" font-size="14" font-weight="600" fill="{INK}">{_e(title)}</text>'


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = INK) -> str:
    return f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" fill="{colour}">{_e(text)}</text>'


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    size = f'width="{_n(width)}" height="{_n(height)}"'
    return f'<rect x="{_n(x)}" y="{_n(y)}" {size} fill="{fill}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    ends = f'x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"'
    return f'<line {ends} stroke="{colour}"{dash}/>'


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else "…" + text[len(text) - letters + 1 :]


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _e(text: str) -> str:
    """Escaped, and without the control characters that XML cannot hold."""
    return html.escape(
        "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
    )
