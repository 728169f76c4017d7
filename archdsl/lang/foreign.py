"""Recognizes statements, declarations and operators of other languages by the state of the parser.

Functions return the diagnostic, or None if they recognize nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from archdsl.diagnostics import Diagnostic
from archdsl.lang.ast import Span
from archdsl.lang.foreign_words import MARKS, STATEMENTS
from archdsl.lang.mistake import Mistake

_CHOICES = "write one of {a, b}, any 2 of {a, b, c}, or some of {a, b}"
_FIRST_WORD = re.compile(r"[ \t]*([A-Za-z_]+)")
_SIZES = re.compile(r"x\d+(x\d+)*\Z", re.IGNORECASE)
_TERNARY = re.compile(r"[^\n?#\"]{0,200}(\?)[ \t]*[\w.]+[ \t]*:[ \t]*\w")
_MISPLACED = re.compile(r"\S[ \t]+(optional|maybe|on)[ \t]+\w*[ \t]*\Z")
_CHOOSERS = frozenset({
    "one_of", "oneof", "choice", "choose", "any_of", "anyof", "select", "oneOf", "some", "either", "some_of",
})  # fmt: skip


def explain(mistake: Mistake) -> Diagnostic | None:
    """The diagnostic for a syntax error caused by syntax of another language; None if none is recognized."""
    for explanation in _EXPLANATIONS:
        found = explanation(mistake)
        if found is not None:
            return found
    return None


def after_number(number: str, word: str) -> str | None:
    """The help for an unknown unit after a number; None if the word has no known meaning."""
    if number == "0" and re.match(r"([xX][0-9a-fA-F]{1,12}|[bB][01]{1,40}|[oO][0-7]{1,15})\Z", word):
        return f"numbers are decimal: {int(number + word, 0)}"
    if _SIZES.match(word):
        return f"write [{', '.join([number, *re.findall(r'[0-9]+', word)])}]"
    if word in ("elif", "elseif"):
        return "write `a if condition else b if other else c`"
    if re.match(r"_\d", word):
        return f"numbers have no separators: {number}{word.replace('_', '')}"
    if word in ("f", "F", "L", "l", "u", "U", "d"):
        return f"numbers have no suffix: {number}"
    if re.match(r"[gG](FLOP|flop|MAC|mac|OP)", word):
        return f"write {number}G"
    if re.match(r"[mM](FLOP|flop|MAC|mac|OP|PARAM|param)", word):
        return f"write {number}M"
    if word in ("to", "until", "through", "upto"):
        return "a range is written low..high, both included: 1..4"
    if word in ("trials", "epochs", "iterations", "steps", "networks"):
        return f"counts are settings: {'epochs' if word == 'epochs' else 'trials'} = {number}"
    if word in ("days", "day", "d"):
        return f"write {number} * 24 h" if "." in number else f"write {int(number) * 24} h"
    if word == "times":
        return "write a repetition as a stage: stage NAME repeat 3 {…}"
    counts = {"thousand": "K", "k": "K", "million": "M", "millions": "M", "m": "M", "billion": "G", "g": "G"}
    return f"write {number}{counts[word]}" if word in counts else None


def _unexpected(mistake: Mistake, help: str, span: Span | None = None) -> Diagnostic:
    word = mistake.source.text[slice(*(span or mistake.span))]
    shown = f"`{word[:40]}`" if word else "end of the file"
    return mistake.finding("ARCH100", f"unexpected {shown}", "", help, span)


def _mark(mistake: Mistake) -> Diagnostic | None:
    """Recognizes an operator of another language that is scanned as two tokens, at either of them."""
    text, start = mistake.source.text, mistake.span[0]
    for mark, help in MARKS:
        for at in range(max(0, start - len(mark) + 1), start + 1):
            if text.startswith(mark, at):
                return _unexpected(mistake, help, (at, at + len(mark)))
    return None


def _line_start(mistake: Mistake) -> Diagnostic | None:
    """Recognizes a statement of another language by the first word of the line."""
    if mistake.first_word in STATEMENTS and mistake.kind not in ("EQUAL", "LSQB", "COMMA", "STRAY"):
        help = STATEMENTS[mistake.first_word]
        if help is not None:
            return _unexpected(mistake, help, mistake.values[-1].span(mistake.values[-1].lastindex))
    group = mistake.values[-2] if mistake.expected == {"LBRACE"} else None  # `minimise params`, and a brace
    if isinstance(group, re.Match) and (help := STATEMENTS.get(group[group.lastindex or 0])) is not None:
        return _unexpected(mistake, help, group.span(group.lastindex or 0))
    line_begin = mistake.source.text.rfind("\n", 0, mistake.span[0]) + 1
    word = _FIRST_WORD.match(mistake.source.text, line_begin)
    help = STATEMENTS.get(word[1]) if word else None
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
        return _unexpected(mistake, _several(mistake))
    if mistake.kind == "SEMICOLON" and "IMPORT" in mistake.expected:
        return _unexpected(mistake, "declarations need no separator")
    return None


def _several(mistake: Mistake) -> str:
    """The help for a comma after a statement, which depends on what follows and precedes the comma."""
    if not mistake.after.strip() or re.match(r"\s*(output|input|stage|\w+\s*=)", mistake.after):
        return "rows and statements need no comma: write one per line"
    if re.search(r"\d\Z", mistake.before) and re.match(r"\d{3}\b", mistake.after):
        return "numbers have no separators: 2000000 or 2M"
    first = _FIRST_WORD.match(mistake.before)
    if first is not None and first[1] == "require":
        return "write `a and b`, or one requirement per line"
    if first is not None and first[1] in ("minimize", "maximize"):
        return f"write one objective per line: {first[1]} a, then {first[1]} b"
    return "write a list, [a, b], or a set, {a, b}; or one statement per line"


def _choosers(mistake: Mistake) -> Diagnostic | None:
    """Recognizes misspelled choices: `one_of {…}`, `any of {…}`, `2 of {…}`."""
    last = _last_word(mistake)
    if mistake.kind in ("LBRACE", "LSQB", "INT", "STRING") and last in _CHOOSERS:
        return _unexpected(mistake, _CHOICES, _last_span(mistake))
    if "OF" in mistake.expected and not mistake.expected & {"NAME", "PLUS"}:  # `any {a, b}`, and a statement
        words = [value for value in mistake.values if isinstance(value, re.Match)]
        spans = [word.span(word.lastindex or 0) for word in words if word[word.lastindex or 0] == "any"]
        if spans:
            return _unexpected(mistake, "write the number of choices: any 2 of {a, b, c}", spans[-1])
    if last == "any" and mistake.kind in ("OF", "NAME"):
        return _unexpected(mistake, "write the number of choices: any 2 of {a, b, c}")
    if mistake.kind == "OF" and last.isdigit():
        return _unexpected(mistake, f"write any {last} of {{…}}")
    return None


def _conditions(mistake: Mistake) -> Diagnostic | None:
    if mistake.word == "is" and not mistake.starts_line:
        return _unexpected(mistake, "write a == b")
    if mistake.kind == "IF" and not mistake.starts_line:
        return _unexpected(mistake, "write `a if condition else b`")
    if _last_word(mistake) == "?" and mistake.kind in ("INT", "FLOAT", "NAME", "STRING", "LBRACE", "LPAR"):
        return _unexpected(mistake, "write `a if condition else b`", _last_span(mistake))
    begin = mistake.source.text.rfind("\n", 0, mistake.span[0]) + 1
    ternary = _TERNARY.match(mistake.source.text, begin)  # `x = a ? b : c` is `x = a?`, and a statement
    if ternary is not None and ternary.end() >= mistake.span[0]:
        return _unexpected(mistake, "write `a if condition else b`", ternary.span(1))
    return None


def _misplaced_words(mistake: Mistake) -> Diagnostic | None:
    """Recognizes `y = optional conv(x)` and `latency <= 9 ms on "cpu"`, which parse as two statements."""
    found = _MISPLACED.search(mistake.before)
    if found is None:
        return None
    start = mistake.span[0] - len(mistake.before) + found.start(1)
    help = (
        'write latency(device = "NAME") <= 9 ms' if found[1] == "on"
        else 'write one of {skip, f}: import skip from "std/ops.arch"; of tensors, some of {a, b}'
    )  # fmt: skip
    return _unexpected(mistake, help, (start, start + len(found[1])))


def _lambdas(mistake: Mistake) -> Diagnostic | None:
    """Recognizes `f = lambda t: …`, which is parsed as `f = lambda` and another statement."""
    found = re.search(r"\blambda\b[\w, ]*\Z", mistake.before)
    if found is None:
        return None
    start = mistake.span[0] - len(mistake.before) + found.start()
    return _unexpected(mistake, "declare an op: op NAME(x) = x -> conv", (start, start + len("lambda")))


def _inputs(mistake: Mistake) -> Diagnostic | None:
    """Recognizes `input image` without a shape and `output x` without a value."""
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


def _parameters(mistake: Mistake) -> Diagnostic | None:
    """Recognizes typed inputs, `op f(x: Tensor)`, and variable arguments, `op f(*args)`."""
    if mistake.inside not in ("op", "cell") or mistake.in_body or mistake.opened is None:
        return None
    if mistake.word == ":":
        return _unexpected(mistake, "only settings have types, after a semicolon: (x, y; c: int = 8)")
    if mistake.word in ("*", "**"):
        return _unexpected(mistake, "inputs and settings are listed one by one: (x, y; c: int = 8)")
    return None


def _declarations(mistake: Mistake) -> Diagnostic | None:
    line = mistake.before
    if re.match(r"\s*(op|cell)\b", line) and mistake.word in (":", "->"):
        return _unexpected(mistake, "write op NAME(x) = x -> conv, or op NAME(x) {… return y}")
    declared = re.match(r"\s*(space|network|search|stage)\s", line)
    if declared and mistake.word == ":" and mistake.expected & {"LBRACE", "RPAR"}:
        if mistake.opened is not None and mistake.opened[0] == "(":
            return _unexpected(mistake, "declare inputs of a space in its body: input image: [3, 64, 128]")
        return _unexpected(mistake, f"write the body in braces: {declared[1]} NAME {{…}}")
    if mistake.word == "=" and _last_word(mistake) in ("minimize", "maximize", "require"):
        return _unexpected(mistake, f"write {_last_word(mistake)} and the value: minimize cross_entropy")
    return None


def _ranges(mistake: Mistake) -> Diagnostic | None:
    opened = mistake.opened[0] if mistake.opened is not None else ""
    if mistake.word == "by" and opened in ("{", "["):
        return _unexpected(mistake, "write low..high step 8")
    stage = re.match(r"\s*stage\b.*\b(in|repeat)\b[^{]*\Z", mistake.before) is not None
    if (
        stage
        and (mistake.word == ":" or _last_word(mistake) == "from")
        and mistake.after.lstrip()[:1].isdigit()
    ):
        return _unexpected(mistake, "a range is written low..high, both included: for i in 1..4")
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
    """The span of the word before the token, or of the token itself if no word precedes it."""
    match = re.search(r"(\w+|\?)\s*\Z", mistake.source.text[max(0, mistake.span[0] - 80) : mistake.span[0]])
    if match is None:
        return mistake.span
    start = max(0, mistake.span[0] - 80) + match.start(1)
    return start, start + len(match[1])


def _last_word(mistake: Mistake) -> str:
    start, end = _last_span(mistake)
    return mistake.source.text[start:end] if end <= mistake.span[0] else ""


_EXPLANATIONS: tuple[Callable[[Mistake], Diagnostic | None], ...] = (
    _stage, _choosers, _parameters, _mark, _inputs, _line_start, _ranges, _declarations, _strings,
    _lambdas, _misplaced_words, _conditions, _separators,
)  # fmt: skip
