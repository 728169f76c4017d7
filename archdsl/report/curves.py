"""Line charts over steps or epochs, with names at the ends of the curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from statistics import fmean

from archdsl.render import svg
from archdsl.report.axis import Axis
from archdsl.report.charts import short
from archdsl.report.frame import Format, frame, nothing, span

WIDTH, HEIGHT = 560.0, 300.0
_LEFT, _TOP, _BOTTOM = 66.0, 14.0, 46.0
_MOST = 400
"""The maximum number of points drawn of a curve; more cannot be distinguished in a picture of this width."""
_MOST_DOTS = 60
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Curve:
    """A curve and its style.

    `colour` is an index of `svg.COLOURS`. A `step` curve is a step function that changes halfway between two
    points. With `dots`, points are marked if there are at most 60. A `faint` curve is drawn behind the
    others. Only `named` curves are labelled.
    """

    name: str
    points: Points
    colour: int = 0
    step: bool = False
    dashed: bool = False
    faint: bool = False
    dots: bool = False
    named: bool = True
    shift: float = 0.0
    """The number of pixels by which the curve is drawn lower, so that it does not hide another one."""


def curves(
    rows: Iterable[Curve], *, title: str, x_label: str, y_label: str, summary: str = "",
    low: float | None = None, high: float | None = None, whole: bool = False, format: Format = short,
) -> str:  # fmt: skip
    """A chart of several curves as SVG.

    The y axis includes `low` and `high`. Ticks of x are integers; with `whole`, ticks of y are integers too.
    Values must be finite.
    """
    rows = [row for row in rows if row.points]
    if not rows:
        return nothing(title, WIDTH)
    if not all(isfinite(value) for row in rows for at in row.points for value in at):
        raise ValueError("a value that is not finite cannot be drawn")
    right = 16 + svg.LETTER * max((len(_named(row)) for row in rows if row.named), default=0)
    x = Axis(*_x_range(rows), _LEFT, WIDTH - min(right, 170.0))
    y = Axis(*_y_range(rows, low, high), HEIGHT - _BOTTOM, _TOP)
    parts = frame(x, y, (x_label, y_label), (short, format), (True, whole))
    for row in sorted(rows, key=lambda r: not r.faint):
        parts += _drawn(row, x, y, format)
    return svg.picture(title, WIDTH, HEIGHT, [*parts, *_names(rows, y, x.end + 7)], summary)


def _x_range(rows: Sequence[Curve]) -> tuple[float, float]:
    values = [at[0] for row in rows for at in row.points]
    low, high = min(values), max(values)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _y_range(rows: Sequence[Curve], low: float | None, high: float | None) -> tuple[float, float]:
    values = [at[1] for row in rows for at in row.points]
    return span([*values, *(end for end in (low, high) if end is not None)])


def _drawn(row: Curve, x: Axis, y: Axis, format: Format) -> list[str]:
    colour = _colour(row)
    points = row.points if row.step else thinned(row.points)  # means of steps would be no steps
    places = [(x(a), y(b) + row.shift) for a, b in points]
    look = 'stroke-width="1" stroke-opacity="0.28"' if row.faint else 'stroke-width="2"'
    look += ' stroke-dasharray="3 3"' if row.dashed else ""
    parts = [svg.polyline(_stairs(places) if row.step else places, colour, look)]
    if (row.dots and len(row.points) <= _MOST_DOTS) or len(row.points) == 1:
        for (a, b), (across, down) in zip(points, places, strict=True):
            parts.append(svg.dot(across, down, 2.6, colour, f"{row.name}: {format(b)} at {short(a)}"))
    return parts


def _stairs(places: Points) -> list[tuple[float, float]]:
    """The vertices of a step function through the points, which changes halfway between two of them."""
    made = [places[0]]
    for (left, before), (right, after) in pairwise(places):
        made += [((left + right) / 2, before), ((left + right) / 2, after)]
    return [*made, places[-1]]


def thinned(points: Points, most: int = _MOST) -> Points:
    """The points, or, if there are more than `most`, the means of `most` groups of neighbouring points."""
    if len(points) <= most:
        return points
    edges = [round(n * len(points) / most) for n in range(most + 1)]
    groups = [points[a:b] for a, b in pairwise(edges)]
    return [(fmean(at[0] for at in group), fmean(at[1] for at in group)) for group in groups]


def _names(rows: Sequence[Curve], y: Axis, left: float) -> list[str]:
    """The names of the curves at their right ends, moved apart where they would overlap."""
    named = sorted((row for row in rows if row.named), key=lambda row: -row.points[-1][1])
    places = _apart([y(row.points[-1][1]) + row.shift for row in named], y)
    return [
        svg.text(left, at + 4, _named(row), colour=_colour(row), strong=not row.dashed)
        for at, row in zip(places, named, strict=True)
    ]


def _apart(places: Sequence[float], y: Axis, pitch: float = 14.0) -> list[float]:
    """Vertical positions of labels, moved down so that none overlap, and not below the x axis."""
    made: list[float] = []
    for place in places:
        made.append(max(place, made[-1] + pitch) if made else place)
    return [min(place, y.start - pitch * (len(made) - 1 - n)) for n, place in enumerate(made)]


def _colour(row: Curve) -> str:
    return svg.COLOURS[row.colour % len(svg.COLOURS)]


def _named(row: Curve) -> str:
    return svg.cut(row.name, 24)
