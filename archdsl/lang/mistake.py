"""The state of the parser at a syntax error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from archdsl.diagnostics import Diagnostic, Label, Location, Source
from archdsl.lang.ast import Span
from archdsl.lang.machine import acceptable, accepts_all, language
from archdsl.lang.source_files import starts_line

CLOSING = {"(": ")", "[": "]", "{": "}"}
CLOSERS = frozenset(CLOSING.values())
_DECLARING = frozenset({"import", "op", "cell", "space", "network", "search"})


@dataclass(frozen=True)
class Mistake:
    """A syntax error: the state of the parser, and the token, of terminal `kind`, that it does not accept."""

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
        """The text of the line before the token."""
        return line_before(self.source, self.span[0])

    @property
    def after(self) -> str:
        """The text of the line after the token."""
        text = self.source.text
        end = text.find("\n", self.span[1])
        return text[self.span[1] : end if end >= 0 else len(text)]

    @property
    def starts_line(self) -> bool:
        return starts_line(self.source.text, self.span[0])

    @cached_property
    def inside(self) -> str:
        """The keyword of the declaration that contains the token: "rows" in rows of a network, "" between
        declarations.
        """
        word = ""
        for value in self.values:
            if isinstance(value, re.Match) and value[value.lastindex or 0] in _DECLARING:
                word = value[value.lastindex or 0]
            elif isinstance(value, re.Match) and word == "network" and value[value.lastindex or 0] == "from":
                word = "rows"
        return word

    @cached_property
    def in_body(self) -> bool:
        """Whether the token is in the body of the declaration, after its `{` or the `=` of an op."""
        read = [value[value.lastindex or 0] for value in self.values if isinstance(value, re.Match)]
        return "{" in read or (self.inside == "op" and "=" in read)

    def mended(self) -> bool:
        """Whether the token would be accepted after closing some of the open brackets, innermost first."""
        terminals = {"(": "RPAR", "[": "RSQB", "{": "RBRACE"}
        closers = [terminals[text] for text, _ in self._open()]
        return any(accepts_all(self.states, [*closers[:n], self.kind]) for n in range(1, len(closers) + 1))

    def _open(self) -> list[tuple[str, Span]]:
        """The open brackets with their spans, innermost first."""
        closed, found = 0, []  # brackets that are closed, of what is not reduced yet
        for value in reversed(self.values):
            if isinstance(value, re.Match):
                text, span = value[value.lastindex or 0], value.span(value.lastindex or 0)
                closed += text in CLOSERS
                if text in CLOSING:
                    if not closed:
                        found.append((text, span))
                    else:
                        closed -= 1
        return found

    @cached_property
    def unfinished(self) -> str:
        """The keyword of the unfinished statement if that is `stage`, `input` or `output`, else ""."""
        for value in reversed(self.values):
            word = value[value.lastindex or 0] if isinstance(value, re.Match) else ""
            if word == "{":
                break
            if word in ("stage", "input", "output"):
                return str(word)
        return ""

    @property
    def first_word(self) -> str:
        """The name before the token, if a statement, clause or declaration could begin with it, else ""."""
        name, before = self.values[-1], self.values[-2]
        if not isinstance(name, re.Match) or name.lastgroup != "NAME":
            return ""
        if isinstance(before, re.Match) and before[before.lastindex or 0] != "{":  # `output y`
            return ""
        word = str(name[name.lastindex or 0])
        return "" if word in language().keywords else word

    @cached_property
    def opened(self) -> tuple[str, Span] | None:
        """The innermost open bracket with its span; None if no bracket is open."""
        found = self._open()
        return found[0] if found else None

    def finding(
        self,
        code: str,
        headline: str,
        label: str = "",
        help_line: str | None = None,
        span: Span | None = None,
    ) -> Diagnostic:
        """A diagnostic for this syntax error, located at the token, or at `span`."""
        location = Location(self.source, *(span or self.span))
        return Diagnostic(code, headline, Label(location, label), help=help_line)


def line_before(source: Source, at: int) -> str:
    return source.text[source.text.rfind("\n", 0, at) + 1 : at]
