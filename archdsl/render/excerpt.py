"""Draws an excerpt of a source with underlined locations: line numbers, a gutter, carets and messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archdsl.diagnostics import Label, Location, Source
from archdsl.render.terminal import Palette, char_width, clean, display

_LINES_OF_A_SPAN = 6  # of a longer span its first and last lines are shown


@dataclass(frozen=True)
class Mark:
    """A label to draw; `kind` defines its colour, `stroke` is the character of its underline."""

    label: Label
    kind: str
    stroke: str

    @property
    def location(self) -> Location:
        return self.label.location


def lines_of(location: Location) -> tuple[int, int]:
    """The numbers of the first and last line of a location, counted from 1."""
    first, _ = location.source.line_column(location.start)
    last, _ = location.source.line_column(max(location.start, location.end - 1))
    return first, last


@dataclass(frozen=True)
class _Window:
    """The visible part of a line: its text, and the display column of each character in it.

    `columns` has one entry more than there are visible characters: the column after the last one.
    """

    text: str
    first: int
    columns: tuple[int, ...]

    def column(self, index: int) -> int:
        """The display column of a character of the line; the nearest edge of the window if it is outside."""
        return self.columns[min(max(index - self.first, 0), len(self.columns) - 1)]


def _window(line: str, focus: int, width: int) -> _Window:
    """The visible part of a line: all of it, or the part around the character `focus` that fits `width`."""
    whole = len(line) <= width and sum(char_width(c) if c != "\t" else 4 for c in line) <= width
    first = 0 if whole else max(0, min(focus, len(line)) - width // 3)
    text, at, columns = "", 0, []
    if first:
        text, at = "…", 1
    for char in line[first:]:
        shown = display(char, at)
        step = len(shown) if char == "\t" else char_width(shown)
        if not whole and at + step >= width:
            columns.append(at)
            return _Window(text + "…", first, tuple(columns))
        columns.append(at)
        text += shown
        at += step
    columns.append(at)
    return _Window(text, first, tuple(columns))


def excerpt(marks: Sequence[Mark], gutter: int, width: int, colors: Palette) -> list[str]:
    """Draws the lines of a source that `marks` refer to; returns lines of text.

    All marks are in the same source, the primary one first. `gutter` is the width of the line numbers,
    `width` that of the source text beside them.
    """
    source = marks[0].location.source
    first, last = lines_of(marks[0].location)
    spread = first != last
    numbers = {lines_of(m.location)[0] for m in marks}
    if spread:
        numbers |= _sampled(first, last)
    edge = " " * gutter + " " + colors.paint("frame", "|")
    out, before = [edge], 0
    for number in sorted(numbers):
        if before and number == before + 2:
            out.append(
                _source_line(source, number - 1, gutter, _bar(spread, first, number - 1, last), width, colors)
            )
        elif before and number > before + 1:
            out.append(colors.paint("frame", "..."))
        before = number
        here = [m for m in marks if lines_of(m.location)[0] == number]
        single = here[1:] if spread and number == first else here
        focus = min((m.location.start for m in single), default=source.line_starts[number - 1])
        focus -= source.line_starts[number - 1]
        bar = _bar(spread, first, number, last)
        out.append(_source_line(source, number, gutter, bar, width, colors, focus))
        pad = ("  " if number in (0, last) or not first <= number < last else "| ") if spread else ""
        out += [f"{edge} {pad}{row}" for m in single for row in _underline(m, number, width, focus, colors)]
        if spread and number == last:
            out.append(f"{edge} {_closing(marks[0], last, width, colors)}")
    return out


def _sampled(first: int, last: int) -> set[int]:
    if last - first < _LINES_OF_A_SPAN:
        return set(range(first, last + 1))
    return {first, first + 1, first + 2, last - 1, last}


def _bar(spread: bool, first: int, number: int, last: int) -> str:
    if not spread:
        return ""
    if number == first:
        return "/ "
    return "| " if first < number <= last else "  "


def _source_line(
    source: Source, number: int, gutter: int, bar: str, width: int, colors: Palette, focus: int = 0
) -> str:
    text = _window(source.line(number), focus, width).text
    head = colors.paint("frame", f"{number:>{gutter}} |")
    return f"{head} {bar}{text}".rstrip()


def _underline(mark: Mark, number: int, width: int, focus: int, colors: Palette) -> list[str]:
    source = mark.location.source
    start_of_line = source.line_starts[number - 1]
    line = source.line(number)
    window = _window(line, focus, width)
    start = mark.location.start - start_of_line
    end = min(mark.location.end - start_of_line, len(line))
    left = window.column(start)
    length = max(1, window.column(end) - left)
    text = clean(mark.label.text)
    head, *rest = text.split("\n")
    under = mark.stroke * length + (f" {head}" if head else "")
    rows = [" " * left + colors.paint(mark.kind, under)]
    rows += [" " * (left + length + 1) + colors.paint(mark.kind, more) for more in rest]
    return rows


def _closing(mark: Mark, last: int, width: int, colors: Palette) -> str:
    """The line `|___^ label` below the last line of a span of several lines."""
    source = mark.location.source
    window = _window(source.line(last), 0, width)
    end = max(mark.location.end - 1 - source.line_starts[last - 1], 0)
    text = clean(mark.label.text).replace("\n", " ")
    drawn = "|" + "_" * (window.column(end) + 1) + mark.stroke
    return colors.paint(mark.kind, f"{drawn} {text}".rstrip())
