"""What charts are drawn with: scales, and elements of SVG as text.

Colours are those of `COLOURS`, so that a page can show all of them otherwise on a dark screen.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from archdsl.report.axis import Axis
from archdsl.report.charts import FAINT, FONT, GRID, INK, Format

PAPER = "white"
COLOURS = ("#2563a8", "#b83a26", "#1b7f5c", "#7a4fa3", "#8f6100", "#0b7285")
"""For curves, in this order: told apart by colour-blind eyes, and readable as text on white."""
LETTER = 6.4
"""Width of a letter at 11 px, for what must be kept apart."""


def span(values: Sequence[float]) -> tuple[float, float]:
    """A range a little wider than the values, which does not cross zero; never one point."""
    low, high = min(values), max(values)
    room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return (max(0.0, low - room) if low >= 0 else low - room), high + room


def frame(
    x: Axis, y: Axis, labels: tuple[str, str], formats: tuple[Format, Format],
    whole: tuple[bool, bool] = (False, False),
) -> list[str]:  # fmt: skip
    """Both axes with ticks, labels and a grid, x first; `whole` keeps ticks to whole numbers."""
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
    """Ticks and what is written at them: all digits, where fewer would not tell them apart."""
    labels = [write(at) for at in ticks]
    if len(set(labels)) < len(labels):
        labels = [f"{at:,.10g}" for at in ticks]
    return list(zip(ticks, labels, strict=True))


def picture(title: str, width: float, height: float, parts: Iterable[str], summary: str = "") -> str:
    """A whole picture; `title` and `summary` are what those hear who cannot see it."""
    body = "\n".join(parts)
    described = f"<desc>{escaped(summary)}</desc>\n" if summary else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(width)}" height="{number(height)}" '
        f'viewBox="0 0 {number(width)} {number(height)}" font-family="{FONT}" font-size="11" role="img" '
        f'aria-label="{escaped(title)}">\n<title>{escaped(title)}</title>\n{described}'
        f"{rect(0, 0, width, height, PAPER)}\n{body}\n</svg>\n"
    )


def nothing(title: str, width: float) -> str:
    """The picture of what is not there."""
    return picture(title, width, 60, [text(12, 34, "nothing to show yet", colour=FAINT)])


def text(
    x: float, y: float, content: str, *, anchor: str = "start", colour: str = INK, size: float = 11,
    strong: bool = False, turn: float = 0,
) -> str:  # fmt: skip
    """Words from a place on; `turn` is in degrees, clockwise."""
    place = f'x="{number(x)}" y="{number(y)}"'
    look = f' font-size="{number(size)}"' if size != 11 else ""
    look += ' font-weight="600"' if strong else ""
    look += f' transform="rotate({number(turn)} {number(x)} {number(y)})"' if turn else ""
    return f'<text {place} text-anchor="{anchor}" fill="{colour}"{look}>{escaped(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    ends = f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
    return f'<line {ends} stroke="{colour}"/>'


def rect(x: float, y: float, width: float, height: float, fill: str, look: str = "") -> str:
    """`look` are further attributes."""
    size = f'width="{number(width)}" height="{number(height)}"'
    return f'<rect x="{number(x)}" y="{number(y)}" {size} fill="{fill}"{" " + look if look else ""}/>'


def dot(x: float, y: float, radius: float, fill: str, tip: str) -> str:
    """A point; `tip` is shown where the pointer rests on it."""
    place = f'cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"'
    return f'<circle {place} fill="{fill}"><title>{escaped(tip)}</title></circle>'


def polyline(points: Iterable[tuple[float, float]], colour: str, look: str = "") -> str:
    corners = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return f'<polyline points="{corners}" fill="none" stroke="{colour}" stroke-linejoin="round" {look}/>'


def number(value: float) -> str:
    """A coordinate: two digits behind the point at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def escaped(words: str) -> str:
    """Words as HTML and XML take them, without the control characters that XML cannot hold."""
    kept = (c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in words)
    return html.escape("".join(kept))


def cut(words: str, letters: int) -> str:
    """Words of at most so many letters; the end tells more than the beginning."""
    return words if len(words) <= letters else "…" + words[len(words) - letters + 1 :]
