"""Error recovery: finds where to continue after a syntax error, so that later errors are reported, too.

The parser resumes at the next statement, clause or declaration that starts a line outside the brackets opened
since; a word that can only start one of these resumes it inside brackets, too, as one must be missing.
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
"""Follows the word of a declaration; `op = …` is a statement with a reserved word instead."""
_STATING = frozenset(
    {"stage", "input", "output", "require", "tie", "return", "minimize", "maximize", "communicate"}
)


def resume(
    source: Source, stack: list[int], values: Sequence[Any], tokens: Iterable[Token]
) -> tuple[Token, int] | None:
    """The token to resume at, and how much of the stack to keep; None at the end of the file.

    `tokens` starts with the unexpected one; skipped ones are consumed.
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
    """How much of the stack to keep so that a declaration, statement or clause may come next."""
    lang = language()
    listed = [lang.symbols.index(name) for name in ("item", "statement", "clause")]
    return [
        number
        for number, state in enumerate(stack, start=1)
        if any(lang.actions[state][symbol] for symbol in listed)
    ]
