"""The help of syntax errors that no more specific explanation covers: what may be written at this place."""

from __future__ import annotations

import re

from archdsl.diagnostics import closest
from archdsl.lang.machine import language
from archdsl.lang.mistake import Mistake

FORMS = {
    "import": 'write import NAME, OTHER from "std/ops.arch"',
    "op": "write op NAME(x; c = 8) = x -> conv(c = c), or op NAME(x) {… return y}",
    "cell": "write cell NAME(x) {… return y}",
    "space": "write space NAME {…}",
    "network": "write network NAME {…}",
    "search": "write search NAME for SPACE {…}",
    "stage": "write stage NAME for i in 1..4 {…} or stage NAME repeat 3 {…}",
    "for": "write a loop as a stage: stage NAME for i in 1..4 {…}",
    "repeat": "write stage NAME repeat 3 {…}",
    "input": "write input NAME: [channels, height, width]",
    "output": "write output NAME = …",
    "require": "write require and a condition: require params <= 2M",
    "tie": "write tie a, b",
    "return": "write return y",
    "minimize": "write minimize and the value: minimize cross_entropy",
    "maximize": "write maximize and the value: maximize miou",
    "communicate": "write communicate WHAT by HOW",
}
"""The help that shows the form of a statement, clause or declaration, by its first word."""
_DECLARING = ("import", "op", "cell", "space", "network", "search")
_STATING = ("stage", "input", "output", "require", "tie", "return")
_CLAUSES = ("minimize", "maximize", "require", "communicate")
_WORD = re.compile(r"\s*([A-Za-z_]\w*)")
_LITERALS = frozenset(
    {"INT", "FLOAT", "QUANTITY", "STRING", "NAME", "TRUE", "FALSE", "LBRACE", "LSQB", "LPAR"}
)
_VALUES = frozenset({"INT", "FLOAT"})
_PAIRS = (
    "a stage iterates over each name separately: for i in 1..2, c in {8, 16}; pairs are records: "
    "for r in [(n = 1, c = 8), (n = 2, c = 16)]"
)
_FILE = "a file contains imports, constants NAME = VALUE, and declarations: op, cell, space, network, search"
_CLAUSE = "write NAME = VALUE, minimize …, maximize …, require …, or a group NAME {…}"
_ROW = "write PATH = OUTCOME, such as body[2].kind = conv"
_STATEMENT = "a statement assigns its value to a name: y = x -> conv(c = 8)"
_PARAMETERS = "inputs come first, settings after a semicolon: (x, y; c: int = 8)"


def form(mistake: Mistake) -> str | None:
    """The help for a syntax error: the form of what may be written at this place; None if it is not known."""
    if mistake.starts_line and (help := _elsewhere(mistake)) is not None:
        return help
    if "EQUAL" in mistake.expected and "PLUS" not in mistake.expected and mistake.first_word:
        return _unfinished(mistake)
    if mistake.inside and not mistake.in_body:
        return _header(mistake)
    if (
        (word := mistake.unfinished) in FORMS
        and "PLUS" not in mistake.expected
        and mistake.expected.isdisjoint(_VALUES)
    ):
        return _PAIRS if mistake.kind == "COMMA" and "IN" in mistake.expected else FORMS[word]
    if mistake.unfinished == "stage" and "LBRACE" in mistake.expected:
        return FORMS["stage"]
    opened = mistake.opened[0] if mistake.opened is not None else ""
    if mistake.expected >= {"NAME", "INT", "LSQB"} and "PLUS" not in mistake.expected:
        return "write a value here: a name, a number, a call such as f(x)"
    if opened in ("(", "[") or (opened == "{" and "COMMA" in mistake.expected):
        return {
            "(": "separate values by commas: f(x, k = 3, s = 2)",
            "[": "separate values by commas: [8, 16]",
            "{": "separate candidates by commas: {a, b}",
        }[opened]
    if "PLUS" in mistake.expected and not mistake.starts_line:
        if mistake.inside == "search":
            return "write one clause per line; settings are passed in parentheses: f(k = 3)"
        if mistake.kind in _LITERALS:
            return "settings are passed by name, in parentheses: conv(c = 8); statements begin a new line"
        return "write one statement per line"
    return _at_beginning(mistake)


def _elsewhere(mistake: Mistake) -> str | None:
    """The help for a word that may begin a statement, clause or declaration at other places only; None for
    other words.
    """
    word, inside = mistake.word, mistake.inside
    if word in ("minimize", "maximize", "communicate") and inside != "search":
        return "objectives are clauses of a search: search NAME for SPACE {…}"
    if word in _STATING and word != "require" and inside in ("", "search"):
        return "statements are part of an op, a cell, a space or a network"
    if word in _DECLARING and inside and mistake.in_body:
        return f"declarations are not nested: write `{word}` after the closing `}}`"
    return None


def _at_beginning(mistake: Mistake) -> str:
    """The help that says how a declaration, statement or clause begins at this place."""
    if not mistake.inside:
        return _FILE
    if mistake.inside == "search":
        return _CLAUSE
    return _ROW if mistake.inside == "rows" else _STATEMENT


def _header(mistake: Mistake) -> str:
    if mistake.opened is not None and mistake.opened[0] == "(" and mistake.inside in _DECLARING[1:]:
        return _PARAMETERS
    if mistake.inside == "rows":
        return "write network NAME from SPACE(setting = value) {…}"
    return FORMS[mistake.inside]


def _unfinished(mistake: Mistake) -> str:
    """The help for a statement with an unexpected first word: `outputs y = x`, `x -> conv`, `int k = 3`."""
    word, following = mistake.first_word, mistake.kind
    known = {"": _DECLARING, "search": _CLAUSES, "rows": ()}.get(mistake.inside, _STATING)
    named = following in ("NAME", "STRING") or mistake.word in language().keywords
    meant = closest(word.lower(), known) if named and len(word) > 3 else None
    if meant is not None:
        return FORMS[meant]
    if following == "IN" and mistake.inside != "search":
        return f"a choice is written {word} = one of {{a, b}}"
    if following == "NAME" and _WORD.match(mistake.after) is None and mistake.after.lstrip().startswith("="):
        return f"write {mistake.word} = …, without a word before the name"
    return _at_beginning(mistake)
