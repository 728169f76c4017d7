"""Describes expected tokens in words."""

from __future__ import annotations

from archdsl.lang.machine import language

_VALUE = frozenset({
    "NAME", "INT", "FLOAT", "QUANTITY", "STRING", "TRUE", "FALSE", "LPAR", "LSQB", "LBRACE", "MINUS", "NOT",
    "ONE", "ANY", "ONCE",
})  # fmt: skip
_OPERATORS = frozenset({
    "ARROW", "IF", "ELSE", "OR", "AND", "COMPARE", "IN", "DOTS", "STEP", "PLUS", "MINUS", "STAR", "SLASH",
    "WHOLE", "PERCENT", "POWER",
})  # fmt: skip
_POSTFIXES = frozenset({"LPAR", "LSQB", "ATTRIBUTE", "QMARK"})
_LISTED = {
    "a declaration": frozenset({"IMPORT", "OP", "CELL", "SPACE", "NETWORK", "SEARCH", "NAME", "$END"}),
    "a statement": frozenset({"STAGE", "INPUT", "OUTPUT", "REQUIRE", "TIE", "RETURN", "NAME"}),
    "a clause": frozenset({"MINIMIZE", "MAXIMIZE", "COMMUNICATE", "REQUIRE", "NAME"}),
}
_WORDS = {"NAME": "a name", "INT": "an integer", "STRING": "a string", "$END": "the end of the file"}


def in_words(expected: frozenset[str]) -> str:
    """Describes a set of terminals in words: "an operator, `,` or `]`"."""
    rest, words = set(expected), []
    if {"PLUS", "ARROW"} <= rest:
        words.append("an operator")
        rest -= _OPERATORS | _POSTFIXES
    elif rest >= {"NAME", "INT", "LSQB"}:
        words.append("a value")
        rest -= _VALUE | {"OF"}  # the name of a setting of few words, which hardly anybody looks for
    for name, terminals in _LISTED.items():
        if rest >= terminals:
            words.append(name)
            rest -= terminals
    if "EQUAL" in rest and not words:
        rest -= _POSTFIXES | {"COMMA"}
    words += sorted(_spelled(terminal) for terminal in rest)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _spelled(terminal: str) -> str:
    if terminal in _WORDS:
        return _WORDS[terminal]
    lang = language()
    kind = lang.symbols.index(terminal)
    return next((f"`{text}`" for text, symbol in lang.fixed.items() if symbol == kind), terminal.lower())
