"""The trajectory of a search in two quantities: connected points, coloured from early to late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

from archdsl.render import svg
from archdsl.render.svg import FAINT
from archdsl.report.axis import Axis
from archdsl.report.charts import short
from archdsl.report.curves import HEIGHT, WIDTH
from archdsl.report.frame import Format, frame, nothing, span

_EARLY, _LATE = (108, 92, 190), (232, 119, 34)
_LEFT, _RIGHT, _TOP, _BOTTOM = 66.0, 26.0, 30.0, 46.0


@dataclass(frozen=True)
class Stop:
    """A point of the trajectory: the values of the two quantities after an epoch."""

    x: float
    y: float
    epoch: int


def journey(
    stops: Sequence[Stop], *, title: str, x_label: str, y_label: str, summary: str = "",
    format: Format = short,
) -> str:  # fmt: skip
    """A chart of the trajectory as SVG, with points connected in the given order. Values must be finite."""
    if not stops:
        return nothing(title, WIDTH)
    if not all(isfinite(value) for stop in stops for value in (stop.x, stop.y)):
        raise ValueError("a value that is not finite cannot be drawn")
    x = Axis(*span([s.x for s in stops]), _LEFT, WIDTH - _RIGHT)
    y = Axis(*span([s.y for s in stops]), HEIGHT - _BOTTOM, _TOP)
    parts = frame(x, y, (x_label, y_label), (format, short))
    places = [(x(s.x), y(s.y)) for s in stops]
    colours = [_colour(n / max(1, len(stops) - 1)) for n in range(len(stops))]
    for (start, end), colour in zip(pairwise(places), colours, strict=False):
        parts.append(svg.polyline([start, end], colour, 'stroke-width="1.6" stroke-opacity="0.75"'))
    for stop, place, colour in zip(stops, places, colours, strict=True):
        tip = f"epoch {stop.epoch}: {x_label} {format(stop.x)}, {y_label} {short(stop.y)}"
        parts.append(svg.dot(*place, 4.2, colour, tip))
    return svg.picture(title, WIDTH, HEIGHT, [*parts, *_key(stops)], summary)


def _key(stops: Sequence[Stop]) -> list[str]:
    """SVG elements of a colour scale, labelled with the first and the last epoch."""
    first, last = f"epoch {stops[0].epoch}", str(stops[-1].epoch)
    right = WIDTH - _RIGHT - svg.LETTER * len(last) - 6
    left = right - 100
    strip = [svg.rect(left + 5 * n, 8, 100 - 5 * n, 9, _colour(n / 19)) for n in range(20)]
    return [
        svg.text(left - 6, 16.5, first, anchor="end", colour=FAINT), *strip,
        svg.text(right + 6, 16.5, last, colour=FAINT),
    ]  # fmt: skip


def _colour(share: float) -> str:
    mixed = (round(a + (b - a) * share) for a, b in zip(_EARLY, _LATE, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)
