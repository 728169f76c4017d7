"""A text joined from excerpts of sources, with the mapping of its locations to locations in the sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from archdsl.diagnostics import Diagnostic, Fix, Label, Location, Source


@dataclass(frozen=True)
class Excerpt:
    """A part of a source that starts at position `start`; or new text, without a source."""

    text: str
    source: Source | None = None
    start: int = 0

    @classmethod
    def of(cls, source: Source, start: int, end: int) -> Excerpt:
        return cls(source.text[start:end], source, start)


@dataclass(frozen=True)
class Joined:
    """The concatenation of excerpts."""

    excerpts: Sequence[Excerpt]

    @cached_property
    def text(self) -> str:
        return "".join(one.text for one in self.excerpts)

    def relocated(self, found: Diagnostic) -> Diagnostic:
        """A diagnostic about the joined text, with its locations mapped to the sources of the excerpts."""
        return replace(
            found,
            primary=None if found.primary is None else self._label(found.primary),
            secondary=tuple(map(self._label, found.secondary)),
            trace=tuple(map(self._label, found.trace)),
            fix=None if found.fix is None else self._fix(found.fix),
        )

    def _label(self, label: Label) -> Label:
        return replace(label, location=self._location(label.location))

    def _fix(self, fix: Fix) -> Fix:
        return replace(fix, edits=tuple((self._location(at), text) for at, text in fix.edits))

    def _location(self, at: Location) -> Location:
        """Maps a location in the joined text to its source; others, and those in new text, are unchanged."""
        if at.source.text != self.text:
            return at
        before = 0
        for one in self.excerpts:
            end = before + len(one.text)
            if one.source is not None and before <= at.start < end:
                moved = one.start - before
                return Location(one.source, at.start + moved, min(at.end, end) + moved)
            before = end
        return at
