"""Computes text sizes in pixels for layouts without Graphviz, for the widest common font."""

from __future__ import annotations

from textwrap import wrap

from archdsl.backends.diagram.model import Box

TITLE_SIZE = 12.0
SMALL_SIZE = 10.0
LEADING = 1.25
TABLE_WIDTH = 80  # characters of a table's values
COLUMN_GAP = 6.0

_NARROW, _WIDE = frozenset("iIjl.,:;'|!()[]{} ·"), frozenset("mwMW@%×…—")


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """The width in pixels of one line of text; `size` is the font size in pixels."""
    ems = sum(0.37 if c in _NARROW else 0.9 if c in _WIDE else 0.6 if c.isascii() else 1.0 for c in text)
    return ems * size * (1.08 if bold else 1.0)


def table_rows(box: Box) -> list[tuple[str, list[str]]]:
    """The rows of a table, with values split into lines."""
    return [(name, wrap(value, TABLE_WIDTH) or [""]) for name, value in box.rows]


def name_column(box: Box) -> float:
    """The width of a table's first column."""
    return max((text_width(name, SMALL_SIZE, bold=True) for name, _ in box.rows), default=0.0)


def box_size(box: Box) -> tuple[float, float]:
    """Width and height of a box that contains its text."""
    widths = [text_width(box.title, TITLE_SIZE, bold=True)]
    widths += [text_width(line, SMALL_SIZE) for line in box.lines]
    rows = table_rows(box)
    first = name_column(box) + COLUMN_GAP
    widths += [first + text_width(line, SMALL_SIZE) for _, lines in rows for line in lines]
    small = len(box.lines) + sum(len(lines) for _, lines in rows)
    width, height = max(widths) + 16, LEADING * (TITLE_SIZE + SMALL_SIZE * small) + 8
    if box.kind == "mux":
        return width + 30, height + 12
    if box.kind in ("join", "cell"):
        return width + 8, height + 6
    return width, height
