"""The frame of a chart: axes with ticks, labels and a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archdsl.render.svg import FAINT, GRID, line, number, picture, text
from archdsl.report.axis import Axis

Format = Callable[[float], str]
"""A function that formats a number for the labels of an axis."""


def span(values: Sequence[float]) -> tuple[float, float]:
    """A range slightly larger than that of the values; its start is not negative unless a value is."""
    low, high = min(values), max(values)
    room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return (max(0.0, low - room) if low >= 0 else low - room), high + room


def frame(
    x: Axis, y: Axis, labels: tuple[str, str], formats: tuple[Format, Format],
    whole: tuple[bool, bool] = (False, False),
) -> list[str]:  # fmt: skip
    """The SVG elements of both axes, with ticks, labels and a grid.

    Pairs are (x, y); with `whole`, the ticks of an axis are integers.
    """
    parts = []
    for at, label in _labelled(y.ticks(5, whole[1]), formats[1]):
        parts.append(line(x.start, y(at), x.end, y(at), GRID))
        parts.append(text(x.start - 7, y(at) + 4, label, anchor="end", colour=FAINT))
    for at, label in _labelled(x.ticks(7, whole[0]), formats[0]):
        parts.append(line(x(at), y.start, x(at), y.start + 4, FAINT))
        parts.append(text(x(at), y.start + 17, label, anchor="middle", colour=FAINT))
    parts.append(line(x.start, y.start, x.end, y.start, FAINT))
    parts.append(text((x.start + x.end) / 2, y.start + 35, labels[0], anchor="middle", colour=FAINT))
    turned = text(0, 0, labels[1], anchor="middle", colour=FAINT)
    middle = number((y.start + y.end) / 2)
    return [*parts, f'<g transform="translate(13 {middle}) rotate(-90)">{turned}</g>']


def _labelled(ticks: Sequence[float], write: Format) -> list[tuple[float, str]]:
    """Pairs of a tick and its label; if labels would be equal, all have up to 10 significant digits."""
    labels = [write(at) for at in ticks]
    if len(set(labels)) < len(labels):
        labels = [f"{at:,.10g}" for at in ticks]
    return list(zip(ticks, labels, strict=True))


def nothing(title: str, width: float) -> str:
    """An SVG with a note, in place of a chart without values."""
    return picture(title, width, 60, [text(12, 34, "nothing to show yet", colour=FAINT)])
