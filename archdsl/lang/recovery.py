"""Error recovery: finds where to continue after a syntax error, so that later errors are reported as well.

The parser resumes at the next statement, clause or declaration that begins a line and is outside of the
brackets opened after the error. If its first word is a keyword that cannot be within an expression, it
resumes even inside brackets, since a closing bracket must be missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from archdsl.diagnostics import Source
from archdsl.lang.machine import Token, accepts, language, symbol
from archdsl.lang.source_files import starts_line

_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_DECLARING = frozenset({"import", "op", "cell", "space", "network", "search"})
_NAME_NEXT = re.compile(r"\s+[A-Za-z_]")
"""Matches what follows the keyword of a declaration; `op = …` is a statement that misuses a reserved word."""
_STATING = frozenset(
    {"stage", "input", "output", "require", "tie", "return", "minimize", "maximize", "communicate"}
)


def resume(
    source: Source, stack: list[int], values: Sequence[Any], tokens: Iterable[Token]
) -> tuple[Token, int] | None:
    """Finds the token at which to resume, and the number of stack entries to keep; None at the end.

    `tokens` begins with the unexpected token; skipped tokens are consumed.
    """
    places = _list_places(stack)
    if not places:
        return None
    inner, outer = places[-1], places[0]
    depth = sum(_text(value) in _OPENING for value in values[inner:] if isinstance(value, re.Match))
    for token in tokens:
        group = token.lastindex or 0
        kind, text = symbol(token), token[group]
        if kind is None:
            continue
        if text == "" or language().symbols[kind] == "$END":
            return None
        first = starts_line(source.text, token.start(group))
        declares = text in _DECLARING and _NAME_NEXT.match(source.text, token.end(group)) is not None
        if first and declares and accepts(stack[:outer], kind):
            return token, outer
        takes = accepts(stack[:inner], kind)
        if takes and first and (depth <= 0 or text in _STATING):
            return token, inner
        if takes and text == "}" and depth <= 0:
            return token, inner
        depth += (text in _OPENING) - (text in _CLOSING and depth > 0)
    return None


def _text(token: Token) -> str:
    return token[token.lastindex or 0]


def _list_places(stack: Sequence[int]) -> list[int]:
    """The numbers of stack entries to keep after which a declaration, statement or clause may follow."""
    lang = language()
    listed = [lang.symbols.index(name) for name in ("item", "statement", "clause")]
    return [
        number
        for number, state in enumerate(stack, start=1)
        if any(lang.actions[state][symbol] for symbol in listed)
    ]
