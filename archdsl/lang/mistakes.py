"""Explains syntax errors: known mistakes are tried one after another; otherwise expected tokens are listed.

Functions for known mistakes return the diagnostic, or None if the error is not of that kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from archdsl.diagnostics import Diagnostic, Label, Location, Source, closest
from archdsl.lang import foreign
from archdsl.lang.ast import Span
from archdsl.lang.expectations import in_words
from archdsl.lang.forms import FORMS, form
from archdsl.lang.machine import language
from archdsl.lang.mistake import CLOSERS, CLOSING, Mistake, line_before
from archdsl.lang.source_files import shortened

UNITS = (
    "ns", "us", "ms", "s", "min", "h", "fps",
    "K", "M", "G", "T", "B", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB",
)  # fmt: skip
_LONG_UNITS = {
    "sec": "s", "second": "s", "msec": "ms", "millisecond": "ms", "usec": "us", "microsecond": "us",
    "nanosecond": "ns", "minute": "min", "mins": "min", "hour": "h", "hr": "h",
}  # fmt: skip
_NUMBER_BEFORE = re.compile(r"(?<![A-Za-z0-9_.])[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[ \t]*\Z")
_NO_STATEMENT = frozenset({
    "TRUE", "FALSE", "NOT", "ONE", "ANY", "ONCE", "IF", "ELSE", "OR", "AND", "IN", "STEP", "OF", "BY",
})  # fmt: skip
_LOOK_ALIKES = {
    "'": "strings have double quotes",
    "!": "write `not`, or `!=` to compare",
    "&": "write `and`",
    "|": "write `or`; a choice is one of {a, b}, an op is applied by `->`",
    "^": "write a ** b for powers",
    "×": "write `*`",
    "→": "write `->`",
    "−": "write `-`",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "≠": "write `!=`",
    "…": "write `..`",
    "“": 'write `"`',
    "”": 'write `"`',
    "$": "names are made of letters, digits and `_`",
    "@": "ops have no decorators; matrix products are linear(c = 8) and dot_attention(q, k, v)",
    "\\": "line continuation needs no backslash",
    "~": "write `not`; an op is applied by `->`",
    "`": "names are written without quotes, strings with `\"`",
    "∘": "write `->`: x -> f -> g",
}  # fmt: skip


def describe(mistake: Mistake) -> Diagnostic:
    for explain in _EXPLANATIONS:
        finding = explain(mistake)
        if finding is not None:
            return finding
    return _unexpected(mistake)


# ---------------------------------------------------------------- known mistakes


def _no_version(mistake: Mistake) -> Diagnostic | None:
    if mistake.expected != {"ARCH"} and not (len(mistake.states) == 2 and mistake.expected == {"INT"}):
        return None
    if not mistake.source.text.strip():
        return mistake.finding("ARCH003", "the file is empty", "", "a spec starts with its version: arch 1")
    headline = "the version of the language is missing"
    return mistake.finding("ARCH003", headline, "expected `arch 1`", "write arch 1 on the first line")


def _stray(mistake: Mistake) -> Diagnostic | None:
    if mistake.kind != "STRAY":
        return None
    word = mistake.word
    if word.startswith('"'):
        end = mistake.span[1] + len(mistake.after.rstrip("\r"))
        span = mistake.span[0], end
        return mistake.finding(
            "ARCH102",
            "unterminated string",
            'expected `"` on this line',
            "a line break is written \\n",
            span,
        )
    if word == ".":
        return _dot(mistake)
    shown = f"`{word}`" if word.isprintable() else f"U+{ord(word):04X}"
    help = _LOOK_ALIKES.get(
        word, "names are made of the letters a to z, digits and `_`; other text is in strings"
    )
    return mistake.finding("ARCH101", f"unexpected character {shown}", "", help)


def _dot(mistake: Mistake) -> Diagnostic:
    if _NUMBER_BEFORE.search(mistake.before):
        return mistake.finding("ARCH112", "a number ends in a dot", "", "write 1 or 1.0")
    return mistake.finding(
        "ARCH101", "unexpected character `.`", "", "write the name directly after the dot: x.c"
    )


def _bare_fraction(mistake: Mistake) -> Diagnostic | None:
    if mistake.kind != "ATTRIBUTE" or not mistake.word[1].isdigit():
        return None
    return mistake.finding("ARCH112", "a number starts with a dot", "", f"write 0{mistake.word}")


def unknown_unit(source: Source, span: Span) -> Diagnostic | None:
    """The diagnostic (ARCH104) for the word at `span` if a number precedes it on its line, else None."""
    near = source.text[max(0, span[0] - 60) : span[0]].rpartition("\n")[2]
    number = _NUMBER_BEFORE.search(near)
    if number is None:
        return None
    word = source.text[slice(*span)]
    form = foreign.after_number(number[0].strip(), word)
    plain = word.lower().removesuffix("s") or word.lower()
    guess = next((unit for unit in UNITS if unit.lower() == word.lower()), None)
    guess = guess or _LONG_UNITS.get(word.lower()) or _LONG_UNITS.get(plain) or closest(word[:20], UNITS)
    return Diagnostic(
        "ARCH104",
        f"unknown unit `{shortened(word)}`",
        Label(Location(source, *span), f"did you mean `{guess}`?" if guess else ""),
        help=form or "available: ns us ms s min h, fps, K M G T, and B KB … TiB; write products with `*`",
    )


def _unit(mistake: Mistake) -> Diagnostic | None:
    if mistake.kind != "NAME" or mistake.after.lstrip().startswith("="):
        return None
    return unknown_unit(mistake.source, mistake.span)


def _statement_within_line(mistake: Mistake) -> Diagnostic | None:
    """Recognizes `x = a b`, parsed as `x = a` and a statement that begins with `b`, and reports `b`."""
    name = mistake.values[-1]
    if "EQUAL" not in mistake.expected or not isinstance(name, re.Match):
        return None
    if isinstance(mistake.values[-2], re.Match):  # `output y`, `stage y`: no statement starts with the name
        return None
    span = name.span(name.lastindex or 0)
    if name.lastgroup != "NAME" or mistake.kind in ("EQUAL", "COMPARE"):
        return None
    before = line_before(mistake.source, span[0])
    if not before.strip() or before.rstrip().endswith(("{", "}", "(", ",", ";")):
        return None
    unit = unknown_unit(mistake.source, span)
    if unit is not None:
        return unit
    word = mistake.source.text[slice(*span)]
    help = {"is": "write a == b", "between": "write low <= a and a <= high"}.get(word)
    if help is None and re.search(r"(//|--|%)\s*(\w+\s+)?\Z", before):
        help = "a comment starts with #"
    if help is None:
        help = form(mistake) if mistake.inside != "search" else "write one clause per line"
    return mistake.finding(
        "ARCH100", f"unexpected `{word}`", "expected an operator or a new line", help, span
    )


def _keyword(mistake: Mistake) -> Diagnostic | None:
    """Recognizes a keyword used as a name: this token or, as in `input = 3`, the previous one."""
    keywords = language().keywords
    if mistake.word in keywords and "NAME" in mistake.expected:
        rest = mistake.after.lstrip()
        if (
            mistake.kind in _NO_STATEMENT
            or not mistake.starts_line
            or rest[:1] in ("=", "[", ",", ".", ")", "(")
        ):
            return _reserved(mistake, mistake.word, mistake.span)
    last = mistake.values[-1]
    if isinstance(last, re.Match) and mistake.kind in (
        "EQUAL",
        "LSQB",
        "ATTRIBUTE",
        "COMMA",
        "LPAR",
        "COLON",
    ):
        word = last[last.lastindex or 0]
        if word in keywords:
            return _reserved(mistake, word, last.span(last.lastindex or 0))
    return None


def _reserved(mistake: Mistake, word: str, span: Span) -> Diagnostic:
    headline = f"`{word}` is a reserved word"
    help = f"choose another name: {word}_1"
    if word in FORMS and not mistake.after.lstrip().startswith("]"):
        help = f"{FORMS[word]}; as a name, choose another: {word}_1"
    return mistake.finding("ARCH107", headline, "cannot be used as a name", help, span)


def _no_value(mistake: Mistake) -> Diagnostic | None:
    """Recognizes `x =` without a value: the next line, `y = 3`, was parsed as its value, up to `y`."""
    name = mistake.before.strip()
    if mistake.word != "=" or not name.isidentifier() or "COMPARE" not in mistake.expected:
        return None
    start = mistake.span[0] - len(mistake.before.lstrip())
    if mistake.source.text[:start].rstrip()[-1:] not in tuple("=+-*/<>"):
        return None
    return mistake.finding(
        "ARCH100",
        f"unexpected `{shortened(name)}`",
        "expected a value before this line",
        None,
        (start, start + len(name)),
    )


def _equals(mistake: Mistake) -> Diagnostic | None:
    word, expected = mistake.word, mistake.expected
    if word == "=" and "SEMICOLON" in expected:
        return mistake.finding(
            "ARCH110", "setting among the inputs", "", "separate settings by a semicolon: (x; k = 3)"
        )
    if word == "==" and "EQUAL" in expected:
        return mistake.finding("ARCH109", "`==` instead of `=`", "", "`==` compares; write `=`")
    if word == "=" and "COMPARE" in expected:
        found = _assigned_twice(mistake)
        if found is not None:
            return mistake.finding("ARCH109", found[0], "", found[1])
        if mistake.opened is not None and mistake.opened[0] == "{" and "COLON" in expected:
            return mistake.finding(
                "ARCH109", "`=` in a set", "", "a label ends in a colon: {sep3: sep_conv(k = 3)}"
            )
        return mistake.finding("ARCH109", "`=` instead of `==`", "", "`=` assigns; write `==`")
    if word == ":" and "EQUAL" in expected:
        return mistake.finding("ARCH109", "`:` instead of `=`", "", "write `=`")
    return None


def _assigned_twice(mistake: Mistake) -> tuple[str, str] | None:
    """Headline and help for `(a, b) = f(x)`, `a = b = x`, `stage s repeat {x = …` and `group = {x = …`."""
    before = mistake.before
    if re.match(r"\s*[(\[][^()\[\]]*[)\]]\s*\Z", before):
        return "brackets around names", "write a, b = f(x), without brackets"
    if re.match(r"\s*\w+\s*=\s*\w+\s*\Z", before):
        return "`=` after a value", "assign once: write a = x, then b = a; `==` compares"
    if re.match(r"\s*stage\b.*\{", before):
        return "`=` in a set", FORMS["stage"]
    group = re.match(r"\s*(\w+)\s*=\s*\{", before)
    if group is not None and mistake.inside == "search":
        return "`=` in a set", f"a group has no `=`: {group[1]} {{…}}"
    return None


def _bracket(mistake: Mistake) -> Diagnostic | None:
    """Recognizes an unclosed bracket, one closed by another kind of bracket, and an extra closing bracket."""
    word, opened = mistake.word, mistake.opened
    if opened is None:
        if word in CLOSERS:
            return mistake.finding(
                "ARCH108", f"unexpected `{word}`", "unmatched closing bracket", "remove it, or open it before"
            )
        return None
    closer = CLOSING[opened[0]]
    ends = mistake.kind == "$END" or (word in CLOSERS and word != closer)
    begins = mistake.starts_line and word in language().keywords and mistake.kind not in _NO_STATEMENT
    begins = begins and mistake.mended()
    if not ends and not begins:
        return None
    where = "the end of the file" if mistake.kind == "$END" else f"`{word}`"
    return Diagnostic(
        "ARCH108",
        f"`{opened[0]}` is not closed",
        Label(Location(mistake.source, *mistake.span), f"expected `{closer}` before {where}"),
        secondary=(Label(Location(mistake.source, *opened[1]), "opened here"),),
        help=f"write `{closer}` where it ends",
    )


def _foreign(mistake: Mistake) -> Diagnostic | None:
    """Recognizes `//` comments, `not in`, and assignments such as `+=` of other languages."""
    if mistake.kind == "WHOLE":
        return mistake.finding("ARCH100", "unexpected `//`", "", "a comment starts with #")
    if mistake.kind == "NOT" and mistake.after.lstrip().startswith("in "):
        return mistake.finding("ARCH100", "unexpected `not`", "", "write `not a in b`")
    if mistake.word in tuple("+-*/") and mistake.after.startswith("=") and "EQUAL" in mistake.expected:
        word = mistake.word
        return mistake.finding("ARCH100", f"unexpected `{word}`", "", f"write x = x {word} y")
    return None


_EXPLANATIONS: tuple[Callable[[Mistake], Diagnostic | None], ...] = (
    _no_version, foreign.explain, _stray, _bare_fraction, _unit, _statement_within_line, _foreign, _keyword,
    _no_value, _equals, _bracket,
)  # fmt: skip


def _unexpected(mistake: Mistake) -> Diagnostic:
    shown = "end of the file" if mistake.kind == "$END" else f"`{shortened(mistake.word)}`"
    label = f"expected {in_words(mistake.expected)}"
    finding = mistake.finding("ARCH100", f"unexpected {shown}", label, form(mistake))
    opened = mistake.opened
    if opened is None or opened[0] == "{" or not mistake.starts_line:
        return finding
    return Diagnostic(
        finding.code,
        finding.headline,
        finding.primary,
        secondary=(Label(Location(mistake.source, *opened[1]), "opened here"),),
        help=finding.help,
    )
