"""SVG elements as text, and the colours and font of charts and pages.

All text is escaped. Charts use only the colours below, so that a page can replace each of them in dark mode.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

INK, FAINT, GRID, PAPER = "#1f2933", "#5f6c7b", "#e3e8ee", "white"
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
COLOURS = ("#2563a8", "#b83a26", "#1b7f5c", "#7a4fa3", "#8f6100", "#0b7285")
"""Colours for curves, in order of use: distinguishable if colour-blind, and readable as text on white."""
BLUE, RED, BAND = COLOURS[0], COLOURS[1], "#dce8f5"
LETTER = 6.4
"""The assumed width of a letter at font size 11, in pixels, to keep labels apart."""


def picture(title: str, width: float, height: float, parts: Iterable[str], summary: str = "") -> str:
    """An SVG image of these elements; `title` and `summary` are read by screen readers."""
    body = "\n".join(parts)
    described = f"<desc>{escaped(summary)}</desc>\n" if summary else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(width)}" height="{number(height)}" '
        f'viewBox="0 0 {number(width)} {number(height)}" font-family="{FONT}" font-size="11" role="img" '
        f'aria-label="{escaped(title)}">\n<title>{escaped(title)}</title>\n{described}'
        f"{rect(0, 0, width, height, PAPER)}\n{body}\n</svg>\n"
    )


def text(
    x: float, y: float, content: str, *, anchor: str = "start", colour: str = INK, size: float = 11,
    strong: bool = False, turn: float = 0,
) -> str:  # fmt: skip
    """An SVG text element; `turn` is its rotation in degrees, clockwise."""
    place = f'x="{number(x)}" y="{number(y)}"'
    look = f' font-size="{number(size)}"' if size != 11 else ""
    look += ' font-weight="600"' if strong else ""
    look += f' transform="rotate({number(turn)} {number(x)} {number(y)})"' if turn else ""
    return f'<text {place} text-anchor="{anchor}" fill="{colour}"{look}>{escaped(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str, look: str = "") -> str:
    """An SVG line; `look` are further attributes."""
    ends = f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
    return f'<line {ends} stroke="{colour}"{" " + look if look else ""}/>'


def rect(x: float, y: float, width: float, height: float, fill: str, look: str = "") -> str:
    size = f'width="{number(width)}" height="{number(height)}"'
    return f'<rect x="{number(x)}" y="{number(y)}" {size} fill="{fill}"{" " + look if look else ""}/>'


def dot(x: float, y: float, radius: float, fill: str, tip: str, look: str = "") -> str:
    """An SVG circle with a tooltip, `tip`; `look` are further attributes."""
    place = f'cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"'
    return f'<circle {place} fill="{fill}"{" " + look if look else ""}><title>{escaped(tip)}</title></circle>'


def polygon(points: Iterable[tuple[float, float]], fill: str, look: str = "") -> str:
    return f'<polygon points="{corners(points)}" fill="{fill}"{" " + look if look else ""}/>'


def polyline(points: Iterable[tuple[float, float]], colour: str, look: str = "") -> str:
    stroke = f'fill="none" stroke="{colour}" stroke-linejoin="round"'
    return f'<polyline points="{corners(points)}" {stroke}{" " + look if look else ""}/>'


def corners(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)


def number(value: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def escaped(words: str) -> str:
    """Text escaped for HTML and XML, without control characters that XML forbids."""
    kept = (c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in words)
    return html.escape("".join(kept))


def cut(words: str, letters: int) -> str:
    """A text shortened to `letters` characters by removing its beginning: ends of names differ more."""
    return words if len(words) <= letters else "…" + words[len(words) - letters + 1 :]
