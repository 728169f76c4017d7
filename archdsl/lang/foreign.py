"""Statements, declarations and operators of other languages, recognized by the parser's state."""

from __future__ import annotations

import re
from collections.abc import Callable

from archdsl.diagnostics import Diagnostic
from archdsl.lang.ast import Span
from archdsl.lang.mistake import Mistake

_LOOP = "write a loop as a stage: stage NAME for i in 1..4 {…}"
_CHOOSE = "write a conditional value: y = a if condition else b"
_FUNCTION = "write op NAME(x; c = 8) = x -> conv(c = c), or cell NAME(x) {…}"
_NETWORK = "write network NAME {…}, or space NAME {…} if it contains choices"
_PLAIN = "assign with `=`: x = …"
_IMPORT = 'write import NAME, OTHER from "std/ops.arch"'
_STATEMENTS = {
    "for": _LOOP, "while": _LOOP, "foreach": _LOOP, "loop": _LOOP,
    "repeat": "a stage needs a name: stage NAME repeat 3 {…}",
    "if": _CHOOSE, "elif": _CHOOSE, "else": _CHOOSE, "unless": _CHOOSE, "switch": _CHOOSE, "match": _CHOOSE,
    "case": _CHOOSE,
    "def": _FUNCTION, "fn": _FUNCTION, "func": _FUNCTION, "function": _FUNCTION, "fun": _FUNCTION,
    "block": _FUNCTION, "macro": _FUNCTION,
    "class": _NETWORK, "model": _NETWORK, "module": _NETWORK, "net": _NETWORK, "graph": _NETWORK,
    "let": _PLAIN, "var": _PLAIN, "const": _PLAIN, "val": _PLAIN, "auto": _PLAIN,
    "assert": "write require CONDITION", "constraint": "write require CONDITION",
    "require": None, "from": _IMPORT, "import": _IMPORT, "use": _IMPORT, "include": _IMPORT,
}  # fmt: skip
_FIRST_WORD = re.compile(r"[ \t]*([A-Za-z_]+)")
_MARKS = (
    ("|>", "write `->`"), (">>", "write `->`"), ("=>", "write `->` to apply an op, `=` to assign"),
    ("||", "write `or`"), ("<>", "write `!=`"),
    ("<-", "write `=`"), ("/*", "a comment starts with #"), ("...", "write `..`"), ("++", "write `+`"),
    ("::", "write `.`"), ("?:", "write a if condition else b"),
)  # fmt: skip
"""Marks of two or three characters, and what is written instead."""
_SIZES = re.compile(r"x\d+(x\d+)*\Z", re.IGNORECASE)
_CHOOSERS = frozenset({"one_of", "oneof", "choice", "choose", "any_of", "anyof", "select", "oneOf"})


def explain(mistake: Mistake) -> Diagnostic | None:
    """A diagnostic about syntax of another language; None if none is recognized."""
    for explanation in _EXPLANATIONS:
        found = explanation(mistake)
        if found is not None:
            return found
    return None


def after_number(number: str, word: str) -> str | None:
    """Help for an unknown unit after a number."""
    if _SIZES.match(word):
        return f"write [{', '.join([number, *re.findall(r'[0-9]+', word)])}]"
    if word in ("elif", "elseif"):
        return "write a if condition else b if other else c"
    counts = {"thousand": "K", "k": "K", "million": "M", "millions": "M", "m": "M", "billion": "G", "g": "G"}
    return f"write {number}{counts[word]}" if word in counts else None


def _unexpected(mistake: Mistake, help: str, span: Span | None = None) -> Diagnostic:
    word = mistake.source.text[slice(*(span or mistake.span))]
    shown = f"`{word[:40]}`" if word else "end of the file"
    return mistake.finding("ARCH100", f"unexpected {shown}", "", help, span)


def _mark(mistake: Mistake) -> Diagnostic | None:
    """An operator that is scanned as two tokens: the parser may be at either."""
    text, start = mistake.source.text, mistake.span[0]
    for mark, help in _MARKS:
        for at in range(max(0, start - len(mark) + 1), start + 1):
            if text.startswith(mark, at):
                return _unexpected(mistake, help, (at, at + len(mark)))
    return None


def _line_start(mistake: Mistake) -> Diagnostic | None:
    """A statement of another language, recognized by the first word of the line."""
    line_begin = mistake.source.text.rfind("\n", 0, mistake.span[0]) + 1
    word = _FIRST_WORD.match(mistake.source.text, line_begin)
    help = _STATEMENTS.get(word[1]) if word else None
    if word is None or help is None or mistake.span[0] < word.start(1) or mistake.kind == "STRAY":
        return None
    if mistake.source.text[word.end() :].lstrip(" \t")[:1] == "=" and word[1] not in ("for", "if"):
        return None  # a value of that name
    return _unexpected(mistake, help, word.span(1))


def _stage(mistake: Mistake) -> Diagnostic | None:
    if mistake.kind in ("FOR", "REPEAT") and _last_word(mistake) == "stage":
        example = "for i in 1..4 {…}" if mistake.kind == "FOR" else "repeat 3 {…}"
        return mistake.finding(
            "ARCH100", "stage without a name", "expected a name", f"write stage NAME {example}"
        )
    if mistake.kind == "LPAR" and _last_word(mistake) == "for":
        return _unexpected(
            mistake,
            "a stage iterates over each name separately: stage NAME for i in 1..2, c in {8, 16} {…}; "
            "over several values at once with records: for r in [(c = 8, s = 1), (c = 16, s = 2)]",
        )
    if mistake.expected >= {"FOR", "REPEAT", "LBRACE"}:
        return _unexpected(mistake, "write stage NAME for i in 1..4 {…} or stage NAME repeat 3 {…}")
    return None


def _separators(mistake: Mistake) -> Diagnostic | None:
    states = {"OUTPUT", "NAME", "MINIMIZE", "IMPORT"} & mistake.expected
    if mistake.kind == "SEMICOLON" and states and mistake.opened is not None and mistake.opened[0] == "{":
        return _unexpected(mistake, "statements need no separator: write one per line")
    if mistake.kind == "COMMA" and states and mistake.opened is not None and mistake.opened[0] == "{":
        return _unexpected(mistake, "rows and statements need no comma: write one per line")
    if mistake.kind == "SEMICOLON" and "IMPORT" in mistake.expected:
        return _unexpected(mistake, "declarations need no separator")
    return None


def _choosers(mistake: Mistake) -> Diagnostic | None:
    """`one_of {…}`, `any of {…}`, `2 of {…}`."""
    last = _last_word(mistake)
    if mistake.kind == "LBRACE" and last in _CHOOSERS:
        return _unexpected(mistake, "write one of {a, b}, or any 2 of {a, b, c}", _last_span(mistake))
    if last == "any" and mistake.kind in ("OF", "NAME"):
        return _unexpected(mistake, "write the number of choices: any 2 of {a, b, c}")
    if mistake.kind == "OF" and last.isdigit():
        return _unexpected(mistake, f"write any {last} of {{…}}")
    return None


def _conditions(mistake: Mistake) -> Diagnostic | None:
    if mistake.kind == "IF" and not mistake.starts_line:
        return _unexpected(mistake, "write a if condition else b")
    if _last_word(mistake) == "?" and mistake.kind in ("INT", "FLOAT", "NAME", "STRING", "LBRACE", "LPAR"):
        return _unexpected(mistake, "write a if condition else b", _last_span(mistake))
    return None


def _lambdas(mistake: Mistake) -> Diagnostic | None:
    """`f = lambda t: …`, which is parsed as `f = lambda` and a statement."""
    found = re.search(r"\blambda\b[\w, ]*\Z", mistake.before)
    if found is None:
        return None
    start = mistake.span[0] - len(mistake.before) + found.start()
    return _unexpected(mistake, "declare an op: op NAME(x) = x -> conv", (start, start + len("lambda")))


def _inputs(mistake: Mistake) -> Diagnostic | None:
    """`input image = …`, `input image`, `image: 3x64x64`, `output x`."""
    before = mistake.source.text[: mistake.span[0]].split()
    if mistake.expected == {"COLON"} and len(before) > 1 and before[-2] == "input":
        return mistake.finding(
            "ARCH100", "input without a shape", "expected `:`",
            f"write input {before[-1]}: [channels, height, width]",
        )  # fmt: skip
    if "EQUAL" in mistake.expected and len(before) > 1 and before[-2] == "output" and mistake.word != ":":
        return mistake.finding(
            "ARCH100", "output without a value", "expected `=`", f"write output NAME = {before[-1]}"
        )
    return None


def _declarations(mistake: Mistake) -> Diagnostic | None:
    line = mistake.before
    if re.match(r"\s*(op|cell)\b", line) and mistake.word in (":", "->"):
        return _unexpected(mistake, "write op NAME(x) = x -> conv, or op NAME(x) {… return y}")
    if re.match(r"\s*(space|network|search|stage|cell)\b", line) and mistake.word == ":":
        if mistake.opened is not None and mistake.opened[0] == "(":
            return _unexpected(mistake, "declare inputs of a space in its body: input image: [3, 64, 128]")
        return _unexpected(mistake, "write the body in braces: space NAME {…}")
    if re.match(r"\s*search\s+\w+\s*\Z", line) and mistake.kind == "NAME":
        return _unexpected(mistake, "write search NAME for SPACE {…}")
    if mistake.word == "=" and _last_word(mistake) in ("minimize", "maximize", "require"):
        return _unexpected(mistake, f"write {_last_word(mistake)} and the value: minimize cross_entropy")
    return None


def _ranges(mistake: Mistake) -> Diagnostic | None:
    opened = mistake.opened[0] if mistake.opened is not None else ""
    if mistake.word == "by" and opened in ("{", "["):
        return _unexpected(mistake, "write low..high step 8")
    if mistake.word == ":" and opened == "[":
        return _unexpected(mistake, "a range of entries is written x[1..4], all of them x[*]")
    if (
        mistake.word == ":"
        and opened == "{"
        and mistake.expected >= {"DOTS"}
        and _last_word(mistake).isdigit()
    ):
        return _unexpected(mistake, "write low..high step 8; labels are words: {small: 8, large: 16}")
    if mistake.word == ":" and opened == "{" and mistake.source.text[mistake.span[0] - 1] == '"':
        return _unexpected(mistake, "labels are words without quotes: {small: 8, large: 16}")
    if mistake.kind == "FOR" and opened in ("[", "{", "(") and not mistake.starts_line:
        help = "comprehensions are not supported: define entries in a stage, x[i] = …, and read x[*]"
        return _unexpected(mistake, help)
    if mistake.word == "*" and mistake.before.rstrip()[-1:] in ("(", ","):
        return _unexpected(mistake, "pass the set directly: concat(SET)")
    return None


def _strings(mistake: Mistake) -> Diagnostic | None:
    if (
        mistake.kind == "STRING"
        and _last_word(mistake) in ("f", "r", "b")
        and _last_span(mistake)[1] == mistake.span[0]
    ):
        return _unexpected(mistake, "strings have no interpolation", _last_span(mistake))
    return None


def _last_span(mistake: Mistake) -> Span:
    """The word before the token, or the token itself if there is none."""
    match = re.search(r"(\w+|\?)\s*\Z", mistake.source.text[max(0, mistake.span[0] - 80) : mistake.span[0]])
    if match is None:
        return mistake.span
    start = max(0, mistake.span[0] - 80) + match.start(1)
    return start, start + len(match[1])


def _last_word(mistake: Mistake) -> str:
    start, end = _last_span(mistake)
    return mistake.source.text[start:end] if end <= mistake.span[0] else ""


_EXPLANATIONS: tuple[Callable[[Mistake], Diagnostic | None], ...] = (
    _stage, _choosers, _mark, _inputs, _line_start, _declarations, _ranges, _strings,
    _lambdas, _conditions, _separators,
)  # fmt: skip
