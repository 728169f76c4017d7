"""The parser's callbacks for expressions: one method per grammar rule, which builds its AST node.

A method gets the span of its rule and the values of its parts, which are AST nodes or tokens. The grammar
accepts some invalid expressions, so that they can be reported precisely: the methods report them, and return
a placeholder.
"""

from __future__ import annotations

import re
from typing import Any

from archdsl.diagnostics import Diagnostic, Label, Location, Source
from archdsl.lang import ast
from archdsl.lang.ast import Expr, Span
from archdsl.lang.machine import Token
from archdsl.lang.precedence import UnfoldableError, fold
from archdsl.lang.source_files import starts_line

MAX_DEPTH = 100
MAX_DIGITS = 18
MAX_NUMBER = 1e18
"""The limit of values that are computed, too (`archdsl.ir.expr.LARGEST`)."""
MAX_ERRORS = 20
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}
_WITHOUT_BRACKETS = (ast.Binary, ast.Chain, ast.Conditional, ast.Range)
_REFERENCES = (ast.Set, ast.Name, ast.Call, ast.Index, ast.Attribute)
_ESCAPE = re.compile(r"\\(.)")
_NUMBER_PART = re.compile(r"[0-9.]+")


def word(token: Token) -> str:
    return token[token.lastindex or 0]


def place(token: Token) -> Span:
    return token.span(token.lastindex or 0)


def _place(finding: Diagnostic) -> tuple[int, int]:
    assert finding.primary is not None
    return finding.primary.location.start, finding.primary.location.end


class Values:
    """Builds the AST nodes of expressions, and collects diagnostics."""

    def __init__(self, source: Source):
        self.source = source
        self.diagnostics: list[Diagnostic] = []

    def report(
        self, code: str, headline: str, span: Span, label: str = "", help_line: str | None = None
    ) -> None:
        self.add(Diagnostic(code, headline, Label(Location(self.source, *span), label), help=help_line))

    def add(self, finding: Diagnostic) -> None:
        """Adds a diagnostic, unless there are too many, or one at the same location.

        A second diagnostic at a location is caused by the first error: parsing was resumed at the same token.
        """
        known = any(_place(other) == _place(finding) for other in self.diagnostics)
        if len(self.diagnostics) < MAX_ERRORS and not known:
            self.diagnostics.append(finding)

    def interrupted(self, at: int) -> None:
        """Removes the last diagnostic if it reports an `if` without `else` on the line of `at`, where parsing
        failed.
        """
        found = self.diagnostics[-1] if self.diagnostics else None
        if (
            found is None
            or found.code != "ARCH111"
            or found.primary is None
            or "`else`" not in found.headline
        ):
            return
        if "\n" not in self.source.text[found.primary.location.start : at]:
            self.diagnostics.pop()

    def row(self, span: Span, *parts: Expr | Token) -> Expr:
        try:
            return fold(span, parts)
        except UnfoldableError as mistake:
            start, end = mistake.span
            if self.source.text[start:end] == "//" and starts_line(self.source.text, start):
                self.report("ARCH100", "unexpected `//`", mistake.span, help_line="a comment starts with #")
            elif self._is_statement(parts, start, end):
                help = "statements are not conditional: write y = a if condition else b"
                self.report(mistake.code, mistake.headline, mistake.span, help_line=help)
            else:
                self.report(mistake.code, mistake.headline, mistake.span, help_line=mistake.help)
            return ast.Name("_", span=span)

    def _is_statement(self, row: tuple[Expr | Token, ...], start: int, end: int) -> bool:
        """Whether an `if` is a statement of another language: it has no `else`, and begins a line."""
        if self.source.text[start:end] != "if" or not starts_line(self.source.text, start):
            return False
        return not any(isinstance(part, re.Match) and word(part) == "else" for part in row)

    def negative(self, span: Span, minus: Token, operand: Expr) -> Expr:
        return ast.Unary("-", operand, span=span)

    def power(self, span: Span, base: Expr, sign: Token, exponent: Expr) -> Expr:
        return ast.Binary("**", base, exponent, span=span)

    def one_of(self, span: Span, source: Expr) -> Expr:
        self.check_choosable(source, "one of")
        return ast.OneOf(source, span=span)

    def any_of(self, span: Span, count: Expr, source: Expr) -> Expr:
        shown = self.source.text[slice(*count.span)] if isinstance(count, ast.Name | ast.Number) else "n"
        self.check_choosable(source, f"any {shown} of")
        return ast.AnyOf(count, source, span=span)

    def some_of(self, span: Span, first: Token, of: Token, source: Expr) -> Expr:
        if word(first) != "some":
            guess = "write one of {a, b}, any 2 of {a, b, c}, or some of {a, b}"
            self.report("ARCH100", "unexpected `of`", place(of), help_line=guess)
        self.check_choosable(source, "some of")
        return ast.SomeOf(source, span=span)

    def once(self, span: Span, source: Expr) -> Expr:
        if not isinstance(source, _REFERENCES):
            self.report(
                "ARCH106",
                "expected a cell after `once`",
                source.span,
                "not a cell",
                "write the name of a cell: once Node, once Node(c = 8)",
            )
        return ast.Once(source, span=span)

    def check_choosable(self, source: Expr, words: str) -> None:
        if not (isinstance(source, _REFERENCES) or (type(source) is ast.Binary and source.op == "-")):
            self.report(
                "ARCH106",
                f"expected a set after `{words}`",
                source.span,
                "not a set",
                f"write the candidates in braces: {words} {{1..4}}, {words} {{skip, conv}}",
            )

    def name(self, span: Span, token: Token) -> ast.Name:
        return ast.Name(token[token.lastindex or 0], span=span)

    def integer(self, span: Span, token: Token) -> ast.Number:
        digits = token[token.lastindex or 0]
        return ast.Number(int(digits) if len(digits) <= MAX_DIGITS else self.whole(token), span=span)

    def decimal(self, span: Span, token: Token) -> ast.Number:
        return ast.Number(self.number(word(token), span), span=span)

    def quantity(self, span: Span, token: Token) -> ast.Quantity:
        text = word(token)
        digits = _NUMBER_PART.match(text)
        assert digits is not None
        value = self.number(digits[0], span) if "." in digits[0] else self.whole(token, digits[0])
        return ast.Quantity(value, text[digits.end() :].strip(), span=span)

    def string(self, span: Span, token: Token) -> ast.String:
        text = word(token)[1:-1]
        if "\\" in text:
            for escape in _ESCAPE.finditer(text):
                if escape[1] not in _ESCAPES:
                    at = span[0] + 1 + escape.start()
                    self.report(
                        "ARCH103",
                        f"unknown escape `{escape[0]}`",
                        (at, at + 2),
                        help_line='escapes in strings are \\" \\\\ \\n and \\t; write \\\\ for a backslash',
                    )
            text = _ESCAPE.sub(lambda escape: _ESCAPES.get(escape[1], ""), text)
        return ast.String(text, span=span)

    def true(self, span: Span) -> ast.Bool:
        return ast.Bool(True, span=span)

    def false(self, span: Span) -> ast.Bool:
        return ast.Bool(False, span=span)

    def list(self, span: Span, *items: Expr) -> ast.List:
        return ast.List(items, span=span)

    def set(self, span: Span, *members: ast.Candidate) -> ast.Set:
        return ast.Set(members, span=span)

    def candidate(self, span: Span, label: Token | None, value: Expr) -> ast.Candidate:
        return ast.Candidate(None if label is None else word(label), value, span=span)

    def parentheses(self, span: Span, *entries: Any) -> Expr:
        named = [entry for entry in entries if type(entry) is ast.Named]
        if not named and len(entries) == 1:
            if isinstance(entries[0], _WITHOUT_BRACKETS):
                # The span grows over the parentheses; nobody else has seen the node yet.
                object.__setattr__(entries[0], "span", span)
            return entries[0]  # type: ignore[no-any-return]
        if len(named) < len(entries):
            wrong = next(entry for entry in entries[1 if not named else 0 :] if type(entry) is not ast.Named)
            self.report(
                "ARCH113",
                "expected one value, or named entries of a record, in parentheses",
                wrong.span,
                "this entry has no name",
                "write [a, b] for a list, {a, b} for a set, (name = a, other = b) for a record",
            )
        for entry in named:
            self.path(entry.path)
        return ast.Record(tuple(named), span=span)

    def path(self, path: Expr) -> None:
        """Reports a key of a record that is not the path of a decision."""
        node = path
        while isinstance(node, ast.Attribute | ast.Index):
            node = node.base
        if not isinstance(node, ast.Name):
            self.report(
                "ARCH113",
                "expected a field name or a decision path before `=`",
                path.span,
                help_line="write name = value, n1.1 = value or x[3].left = value",
            )

    def named(self, span: Span, path: Expr, value: Expr) -> ast.Named:
        return ast.Named(path, value, span=span)

    def call(self, span: Span, fn: Expr, *arguments: Any) -> ast.Call:
        inputs = 0
        for argument in arguments:
            if type(argument) is ast.Named:
                break
            inputs += 1
        settings = arguments[inputs:]
        for argument in settings:
            if type(argument) is not ast.Named or type(argument.path) is not ast.Name:
                return self.mixed_call(span, fn, arguments)
        return ast.Call(fn, arguments[:inputs], settings, span=span)

    def mixed_call(self, span: Span, fn: Expr, arguments: tuple[Any, ...]) -> ast.Call:
        """Builds a call, and reports settings whose names are not plain names, and settings before inputs."""
        settings = tuple(argument for argument in arguments if type(argument) is ast.Named)
        inputs = tuple(argument for argument in arguments if type(argument) is not ast.Named)
        late = [argument for argument in inputs if argument.span[0] > settings[0].span[0]]
        for argument in settings:
            self.check_setting(argument)
        if late:
            self.report(
                "ARCH110",
                "positional input after a setting",
                late[0].span,
                "inputs must come first, and settings need names",
                "write f(x, k = 3)",
            )
        return ast.Call(fn, inputs, settings, span=span)

    def check_setting(self, argument: ast.Named) -> None:
        if type(argument.path) is not ast.Name:
            where = argument.path.span
            self.report(
                "ARCH113", "the name of a setting must be one word", where, help_line="write f(k = 3)"
            )

    def index(self, span: Span, base: Expr, *subscripts: Expr) -> ast.Index:
        return ast.Index(base, subscripts, span=span)

    def every(self, span: Span, star: Token) -> ast.Every:
        return ast.Every(span=span)

    def attribute(self, span: Span, base: Expr, token: Token) -> ast.Attribute:
        return ast.Attribute(base, word(token)[1:], span=span)

    def optional(self, span: Span, base: Expr) -> ast.Optional:
        return ast.Optional(base, span=span)

    # ------------------------------------------------------------ limits

    def whole(self, token: Token, digits: str | None = None) -> int:
        digits = word(token) if digits is None else digits
        if len(digits) > MAX_DIGITS:
            self.report(
                "ARCH703", f"a number with {len(digits)} digits", place(token), f"at most {MAX_DIGITS} digits"
            )
            return 0
        return int(digits)

    def number(self, text: str, span: Span) -> float:
        digits = _NUMBER_PART.match(text)
        assert digits is not None
        if len(digits[0].replace(".", "").lstrip("0")) > MAX_DIGITS:
            self.report("ARCH703", "a number with too many digits", span, f"at most {MAX_DIGITS} digits")
            return 0.0
        value = float(text)
        if value > MAX_NUMBER:
            self.report("ARCH703", "number too large", span, "the maximum is 1e18")
            return 0.0
        return value

    def bounded(self, *values: Expr) -> Expr:
        """Returns the first value; reports values that are nested too deeply for later, recursive phases."""
        for value in values:
            # A level takes at least one character, so short values need no measuring.
            if value.span[1] - value.span[0] > MAX_DEPTH and too_deep(value):
                self.report(
                    "ARCH702",
                    "expression nested too deeply",
                    value.span,
                    f"at most {MAX_DEPTH} levels",
                    "assign parts to names: y = …, then use y",
                )
        return values[0]


def too_deep(value: Expr) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for node in level:
            for field in node.__slots__:
                child = getattr(node, field)
                if type(child) is tuple:
                    below.extend(c for c in child if hasattr(c, "span"))
                elif hasattr(child, "span"):
                    below.append(child)
        if not below:
            return False
        level = below
    return True
