"""The style of diagrams: fonts, sizes, and colours that are distinguishable in black and white.

The fill encodes the resolution: the coarser a map, the darker its box, so that the legend also works in
print. The outline encodes the kind of a box: decisions are amber with a double or slanted outline.
"""

from __future__ import annotations

from archdsl.backends.diagram.model import Kind

FONT = "Helvetica,Arial,sans-serif"
INK = "#1f2933"
FAINT = "#5b6773"
LINE = "#52606d"
FRAME = "#b6c2cf"
FRAME_FILL = "#f7f9fb"
INSET_FILL = "#fffdf7"
DECISION_LINE = "#a15c00"
DECISION_FILL = "#ffedc8"
PORT_FILL = "#1f2933"
PORT_INK = "#ffffff"

TITLE_SIZE = 10
SMALL_SIZE = 8
CAPTION_SIZE = 13

_LEVELS = ("#ffffff", "#f1f7fd", "#dfecf9", "#c6ddf3", "#a8cbea", "#86b4de", "#669ccf")
_UNKNOWN = "#f4f4f2"


def fill(kind: Kind, level: int | None) -> str:
    """The fill colour of a box."""
    if kind == "port":
        return PORT_FILL
    if kind in ("choice", "mux", "table"):
        return DECISION_FILL
    if kind == "ghost":
        return "#ffffff"
    return level_fill(level)


def level_fill(level: int | None) -> str:
    """The fill colour for a resolution of 1 / 2**level."""
    if level is None:
        return _UNKNOWN
    return _LEVELS[max(0, min(level, len(_LEVELS) - 1))]


def line(kind: Kind) -> str:
    """The colour of a box's outline."""
    return DECISION_LINE if kind in ("choice", "mux", "table") else FRAME if kind == "ghost" else LINE


def level_name(level: int) -> str:
    """A resolution as a fraction, such as 1/8."""
    return f"1/{1 << level}" if level >= 0 else f"{1 << -level} ×"
