"""Charts of many points: point clouds, lines and bands over two axes, with a legend.

Points of a cloud that would overlap are drawn once, so that a chart of a hundred thousand points is as small
as one of a thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from archdsl.render import svg
from archdsl.report.axis import Axis, LogAxis, is_wide
from archdsl.report.charts import Point, short
from archdsl.report.frame import frame, nothing, span

WIDTH, HEIGHT = 640.0, 380.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 70.0, 18.0, 12.0, 46.0
_MOST_DOTS = 2500
"""The maximum number of dots drawn for a cloud; of a larger cloud, overlapping dots are drawn once."""
_PITCH, _GAP = 17.0, 26.0

Places = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Series:
    """The elements of a chart that share a name in the legend and a colour, an index of `svg.COLOURS`.

    `cloud` are faint dots, `line` the vertices of a line, `marks` dots with tooltips, and `band` the area
    between two curves, as tuples (x, low, high).
    """

    name: str
    cloud: Places = ()
    line: Places = ()
    marks: Sequence[Point] = ()
    band: Sequence[tuple[float, float, float]] = ()
    colour: int = 0
    dashed: bool = False

    @property
    def places(self) -> list[tuple[float, float]]:
        """The points (x, y) of the series, which the axes must cover: of cloud, line and marks, and both
        edges of the band.
        """
        marks = [(mark.x, mark.y) for mark in self.marks]
        edges = [(x, y) for x, *ends in self.band for y in ends]
        return [*self.cloud, *self.line, *marks, *edges]


def clouds(
    rows: Iterable[Series], *, title: str, x_label: str, y_label: str, summary: str = "",
    counted_x: bool = False,
) -> str:  # fmt: skip
    """A chart of several series as SVG, later ones on top.

    An axis is logarithmic if its values are positive and max >= 30 · min; with `counted_x`, the x axis is
    linear, with integer ticks. Values must be finite.
    """
    parts, height = panel(rows, x_label=x_label, y_label=y_label, counted_x=counted_x)
    return svg.picture(title, WIDTH, height, parts, summary) if parts else nothing(title, WIDTH)


def panel(
    rows: Iterable[Series], *, x_label: str, y_label: str, counted_x: bool = False
) -> tuple[list[str], float]:
    """The SVG elements of a chart as drawn by `clouds`, and its height; empty if there are no points.

    For several charts in one image.
    """
    rows = [row for row in rows if row.places]
    if not rows:
        return [], 0.0
    places = [at for row in rows for at in row.places]
    if not all(isfinite(value) for at in places for value in at):
        raise ValueError("a value that is not finite cannot be drawn")
    legend, top = _legend(rows)
    xs, ys = [at[0] for at in places], [at[1] for at in places]
    x = _axis(xs, _LEFT, WIDTH - _RIGHT, logarithmic=not counted_x and is_wide(xs))
    y = _axis(ys, top + HEIGHT - _BOTTOM, top + _TOP, logarithmic=is_wide(ys))
    labels = tuple(
        f"{label}, logarithmic" if isinstance(axis, LogAxis) else label
        for label, axis in ((x_label, x), (y_label, y))
    )
    parts = frame(x, y, (labels[0], labels[1]), (short, short), (counted_x, False))
    for row in rows:
        parts += _drawn(row, x, y)
    return [*parts, *legend], top + HEIGHT


def _axis(values: Sequence[float], start: float, end: float, *, logarithmic: bool) -> Axis:
    if not logarithmic:
        return Axis(*span(values), start, end)
    room = (max(values) / min(values)) ** 0.04
    return LogAxis(min(values) / room, max(values) * room, start, end)


def _drawn(row: Series, x: Axis, y: Axis) -> list[str]:
    colour = svg.COLOURS[row.colour % len(svg.COLOURS)]
    parts = []
    if row.band:
        edges = [(at, high) for at, _, high in row.band] + [(at, low) for at, low, _ in reversed(row.band)]
        parts.append(svg.polygon([(x(a), y(b)) for a, b in edges], colour, 'fill-opacity="0.15"'))
    parts += [
        f'<circle cx="{svg.number(a)}" cy="{svg.number(b)}" r="2" fill="{colour}" fill-opacity="0.4"/>'
        for a, b in apart([(x(a), y(b)) for a, b in row.cloud])
    ]
    if row.line:
        look = 'stroke-width="1.8"' + (' stroke-dasharray="5 4"' if row.dashed else "")
        parts.append(svg.polyline([(x(a), y(b)) for a, b in row.line], colour, look))
    for mark in row.marks:
        tip = mark.tip or f"{short(mark.x)}, {short(mark.y)}"
        parts.append(svg.dot(x(mark.x), y(mark.y), 4.2 if mark.strong else 3.0, colour, tip))
    return parts


def apart(places: Places, most: int = _MOST_DOTS) -> Places:
    """At most `most` of the points, given in pixels: one for each cell of a grid as fine as possible."""
    cell, found = 0.5, places
    while len(found) > most:
        cell *= 2
        found = list({(int(x // cell), int(y // cell)): (x, y) for x, y in places}.values())
    return found


def _legend(rows: Sequence[Series]) -> tuple[list[str], float]:
    """The legend, with a sample and the name of each series, and its height in pixels."""
    parts, left, middle = [], _LEFT, 14.0
    for row in rows:
        name = svg.cut(row.name, 60)
        width = 30 + svg.LETTER * len(name)
        if left > _LEFT and left + width > WIDTH:
            left, middle = _LEFT, middle + _PITCH
        parts += [*_sample(row, left, middle), svg.text(left + 24, middle + 4, name)]
        left += width + _GAP
    return parts, middle + 8


def _sample(row: Series, left: float, middle: float) -> list[str]:
    """SVG elements for the legend: a small drawing in the style of a series."""
    right, centre, low, high = left + 18, (left + 9, middle), middle - 5, middle + 5
    look = replace(
        row,
        cloud=[centre] if row.cloud else (),
        line=[(left, middle), (right, middle)] if row.line else (),
        marks=[Point(*centre, row.name)] if row.marks else (),
        band=[(left, low, high), (right, low, high)] if row.band else (),
    )
    pixels = Axis(0.0, 1.0, 0.0, 1.0)
    return _drawn(look, pixels, pixels)
