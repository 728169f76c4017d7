"""The state of the parser at a syntax error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from archdsl.diagnostics import Diagnostic, Label, Location, Source
from archdsl.lang.ast import Span
from archdsl.lang.machine import acceptable
from archdsl.lang.source_files import starts_line

CLOSING = {"(": ")", "[": "]", "{": "}"}
CLOSERS = frozenset(CLOSING.values())


@dataclass(frozen=True)
class Mistake:
    """The parser's state, and the token, of terminal `kind`, that it does not accept."""

    source: Source
    states: Sequence[int]
    values: Sequence[Any]
    kind: str
    span: Span

    @cached_property
    def expected(self) -> frozenset[str]:
        return acceptable(self.states)

    @property
    def word(self) -> str:
        return self.source.text[slice(*self.span)]

    @property
    def before(self) -> str:
        """The line up to the token."""
        return line_before(self.source, self.span[0])

    @property
    def after(self) -> str:
        """The line after the token."""
        text = self.source.text
        end = text.find("\n", self.span[1])
        return text[self.span[1] : end if end >= 0 else len(text)]

    @property
    def starts_line(self) -> bool:
        return starts_line(self.source.text, self.span[0])

    @cached_property
    def opened(self) -> tuple[str, Span] | None:
        """The innermost open bracket."""
        closed = 0  # brackets that are closed, of what is not reduced yet
        for value in reversed(self.values):
            if isinstance(value, re.Match):
                text, span = value[value.lastindex or 0], value.span(value.lastindex or 0)
                closed += text in CLOSERS
                if text in CLOSING:
                    if not closed:
                        return text, span
                    closed -= 1
        return None

    def finding(
        self,
        code: str,
        headline: str,
        label: str = "",
        help_line: str | None = None,
        span: Span | None = None,
    ) -> Diagnostic:
        """A diagnostic at the token, or at `span`."""
        location = Location(self.source, *(span or self.span))
        return Diagnostic(code, headline, Label(location, label), help=help_line)


def line_before(source: Source, at: int) -> str:
    return source.text[source.text.rfind("\n", 0, at) + 1 : at]
