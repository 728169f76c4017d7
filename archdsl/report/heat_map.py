"""Heat maps of probabilities of outcomes, one row per decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archdsl.render import svg
from archdsl.render.svg import FAINT, GRID, INK

HEAT = svg.COLOURS[0]
CHOSEN = "#d9480f"
_ROW, _WIDEST, _NARROWEST = 22.0, 41.0, 9.0
_READABLE = 27.0
"""The minimum width of a cell, in pixels, for writing a number into it."""
_ROOM = 520.0


@dataclass(frozen=True)
class HeatRow:
    """A row: the name of a decision, a probability for each column, and the chosen column, if any.

    A row may have fewer cells than the map has columns.
    """

    name: str
    probabilities: Sequence[float]
    chosen: int | None = None


def heat_map(rows: Sequence[HeatRow], columns: Sequence[str], *, title: str, summary: str = "") -> str:
    """A heat map as SVG, with rows in the given order; the cell of the chosen column is framed.

    Probabilities are from 0 to 1.
    """
    left = 14 + svg.LETTER * max((len(_label(row)) for row in rows), default=0)
    cell = max(_NARROWEST, min(_WIDEST, _ROOM / max(1, len(columns))))
    top = 12 + 4.4 * max((len(svg.cut(name, 20)) for name in columns), default=0)
    lean = 4.2 * max((len(svg.cut(name, 20)) for name in columns[-1:]), default=0)
    parts = [_column(name, left + cell * (n + 0.5), top - 6) for n, name in enumerate(columns)]
    for n, row in enumerate(rows):
        parts += _drawn(row, columns, left, top + _ROW * n, cell)
    for n, row in enumerate(rows):  # over all cells, so that no neighbour covers a frame
        if row.chosen is not None:
            place = (left + cell * row.chosen, top + _ROW * n)
            parts.append(_framed(*place, cell))
    width, height = left + cell * len(columns) + lean + 8, top + _ROW * len(rows) + 8
    return svg.picture(title, width, height, parts, summary)


def _column(name: str, x: float, y: float) -> str:
    return svg.text(x, y, svg.cut(name, 20), colour=FAINT, size=10.5, turn=-45)


def _label(row: HeatRow) -> str:
    return svg.cut(row.name, 28)


def _drawn(row: HeatRow, columns: Sequence[str], left: float, top: float, cell: float) -> list[str]:
    known = INK if row.chosen is not None else FAINT
    parts = [svg.text(left - 7, top + 15, _label(row), anchor="end", colour=known)]
    for n, (name, p) in enumerate(zip(columns, row.probabilities, strict=False)):
        box = svg.rect(left + cell * n + 1, top + 1, cell - 2, _ROW - 2, GRID)
        box += svg.rect(left + cell * n + 1, top + 1, cell - 2, _ROW - 2, HEAT, f'fill-opacity="{p:.3f}"')
        if cell >= _READABLE and p >= 0.005:
            colour = svg.PAPER if p > 0.55 else INK
            middle = left + cell * (n + 0.5)
            box += svg.text(middle, top + 15, f"{100 * p:.0f}", anchor="middle", colour=colour, size=10)
        tip = svg.escaped(f"{row.name} = {name}: {p:.1%}")
        parts.append(f"<g><title>{tip}</title>{box}</g>")
    return parts


def _framed(x: float, y: float, cell: float) -> str:
    return svg.rect(x + 1, y + 1, cell - 2, _ROW - 2, "none", f'stroke="{CHOSEN}" stroke-width="2.2" rx="2"')
