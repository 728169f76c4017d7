"""Diagnostics as data; `archdsl.render` prints them.

A `Source` is a named text, a `Location` a span of it.  A `Diagnostic` has a headline, a location and help;
`SpecError` carries the diagnostics of a failed phase.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Source:
    """A source text with a display name (a path relative to the working directory)."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def line_starts(self) -> list[int]:
        starts, at = [0], self.text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        return starts

    def line_column(self, offset: int) -> tuple[int, int]:
        """Line and column of a character offset, both counted from 1."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line (counted from 1), without its end."""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] - 1 if number < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r")


@dataclass(frozen=True)
class Location:
    """A span of a source: the characters from `start` to `end`, `end` excluded."""

    source: Source
    start: int
    end: int

    def __str__(self) -> str:
        line, column = self.source.line_column(self.start)
        return f"{self.source.name}:{line}:{column}"


@dataclass(frozen=True)
class Label:
    """A location with a message to display at it."""

    location: Location
    text: str = ""


@dataclass(frozen=True)
class Fix:
    """A suggested correction: the replacement text for each location."""

    title: str
    edits: tuple[tuple[Location, str], ...]


@dataclass(frozen=True)
class Diagnostic:
    """An error, warning or note about a spec or a command.

    `headline` is a phrase without a full stop. `trace` lists the stage iterations and calls that led to
    `primary`, outermost first. `witness` is a shortest list of decisions, as (path, outcome), for which the
    diagnostic applies; empty if it applies to all networks.
    """

    code: str
    headline: str
    primary: Label | None = None
    severity: Severity = "error"
    secondary: tuple[Label, ...] = ()
    help: str | None = None
    trace: tuple[Label, ...] = ()
    witness: tuple[tuple[str, str], ...] = ()
    fix: Fix | None = None


class SpecError(Exception):
    """An exception for errors in the user's input. `diagnostics` lists them and is never empty."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...] | list[Diagnostic]):
        self.diagnostics = tuple(diagnostics)
        first = self.diagnostics[0]
        where = f"{first.primary.location}: " if first.primary else ""
        more = f" (and {len(self.diagnostics) - 1} more)" if len(self.diagnostics) > 1 else ""
        super().__init__(f"{where}{first.code}: {first.headline}{more}")


def closest(word: str, known: list[str] | tuple[str, ...]) -> str | None:
    """The known word most similar to a misspelled or abbreviated word, for "did you mean"; None if none is.

    Words that merely share letters do not count: `unused` is not suggested for `tune`.
    """
    from difflib import get_close_matches

    found = get_close_matches(word, known, n=1, cutoff=0.7)
    if not found and len(word) > 2:
        found = sorted((one for one in known if one.startswith(word)), key=len)
    return found[0] if found else None
