"""Builds the tree of a flat sequence of operands and operators, by operator precedence.

The grammar parses `a + b * c -> f` as one sequence, and precedence is resolved in this module, so that the
parser needs one step per operator instead of one per precedence level, and invalid sequences get a specific
message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from archdsl.lang import ast
from archdsl.lang.ast import Expr, Span
from archdsl.lang.machine import Token

OR, AND, NOT, COMPARISON, RANGE, SUM, PRODUCT = range(1, 8)
LEVELS = {
    "or": OR, "and": AND,
    "==": COMPARISON, "!=": COMPARISON, "<": COMPARISON, "<=": COMPARISON, ">": COMPARISON, ">=": COMPARISON,
    "in": COMPARISON,
    "..": RANGE, "step": RANGE,
    "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT,
}  # fmt: skip


_ONE_IN_A_ROW = {
    COMPARISON: ("comparison", "compare two values at a time: a < b and b < c"),
    RANGE: ("range", "a range has two ends: low .. high"),
}


class UnfoldableError(Exception):
    """The error for an invalid sequence: its code, headline, location, and what to write instead."""

    def __init__(self, code: str, headline: str, span: Span, help_line: str):
        super().__init__(headline)
        self.code, self.headline, self.span, self.help = code, headline, span, help_line


class Operator(NamedTuple):
    text: str
    span: Span


def fold(span: Span, row: Sequence[Expr | Token]) -> Expr:
    """The expression tree of a sequence of operands, operators and `not`. Raises UnfoldableError."""
    if len(row) == 3 and not isinstance(row[0], re.Match):
        text = row[1][row[1].lastindex]  # type: ignore[index, union-attr]
        if text == "->":
            return ast.Chain(row[0], row[2], span=span)  # type: ignore[arg-type]
        if text in LEVELS and LEVELS[text] != RANGE:
            return ast.Binary(text, row[0], row[2], span=span)  # type: ignore[arg-type]
    return _Row([_named(part) if isinstance(part, re.Match) else part for part in row]).fold()


def _named(token: Token) -> Operator:
    group = token.lastindex or 0
    return Operator(token[group], token.span(group))


def _join(left: Expr, right: Expr) -> Span:
    return left.span[0], right.span[1]


class _Row:
    """A parser of a sequence of operands and operators; `at` is the index of the next one to be read."""

    def __init__(self, parts: list[Expr | Operator]):
        self.parts = parts
        self.at = 0

    def fold(self) -> Expr:
        value = self.conditional()
        upcoming = self.upcoming()
        if upcoming is None:
            return value
        if upcoming.text != "->":  # only `else` and `step` are left to stop a conditional
            before, example = {
                "else": ("if", "a if condition else b"),
                "step": ("..", "low .. high step width"),
            }[upcoming.text]
            raise UnfoldableError(
                "ARCH111", f"`{upcoming.text}` without `{before}`", upcoming.span, f"write {example}"
            )
        if isinstance(value, ast.Conditional) and self.at > 1:
            raise UnfoldableError(
                "ARCH105",
                "`->` after a conditional",
                upcoming.span,
                "add parentheses: (a if c else b) -> f, or a if c else (b -> f)",
            )
        return self.chain(value)

    def chain(self, value: Expr) -> Expr:
        while (upcoming := self.upcoming()) is not None:
            if upcoming.text != "->":
                chosen = (
                    "write a conditional, with each chain in parentheses: (x -> f) if condition else (y -> g)"
                )
                raise UnfoldableError(
                    "ARCH105",
                    f"`{upcoming.text}` after a chain",
                    upcoming.span,
                    chosen
                    if upcoming.text == "if"
                    else "add parentheses around each chain: (x -> f) + (y -> g)",
                )
            self.at += 1
            value = ast.Chain(value, op := self.operand(), span=_join(value, op))
        return value

    def conditional(self) -> Expr:
        branches: list[tuple[Expr, Expr]] = []
        value = self.binary(OR)
        while (found := self.upcoming()) is not None and found.text == "if":
            self.at += 1
            condition = self.binary(OR)
            upcoming = self.upcoming()
            if upcoming is None or upcoming.text != "else":
                raise UnfoldableError(
                    "ARCH111", "`if` without `else`", found.span, "write `a if condition else b`"
                )
            self.at += 1
            branches.append((value, condition))
            value = self.binary(OR)
        for then, condition in reversed(branches):
            value = ast.Conditional(then, condition, value, span=_join(then, value))
        return value

    def binary(self, level: int) -> Expr:
        """Reads the longest expression all of whose operators have at least the precedence `level`."""
        left = self.negated() if level <= NOT else self.operand()
        last = 0
        while (upcoming := self.upcoming()) is not None:
            text, here = upcoming.text, LEVELS.get(upcoming.text, 0)
            if here < level or here == 0 or text == "step":
                break
            if here == last and here in _ONE_IN_A_ROW:
                what, example = _ONE_IN_A_ROW[here]
                raise UnfoldableError("ARCH111", f"`{text}` after another {what}", upcoming.span, example)
            self.at += 1
            right = self.binary(here + 1)
            if here == RANGE:
                left = self.range(left, right)
            else:
                left = ast.Binary(text, left, right, span=_join(left, right))
            last = here
        return left

    def range(self, low: Expr, high: Expr) -> Expr:
        upcoming = self.upcoming()
        if upcoming is None or upcoming.text != "step":
            return ast.Range(low, high, None, span=_join(low, high))
        self.at += 1
        step = self.binary(SUM)
        return ast.Range(low, high, step, span=_join(low, step))

    def negated(self) -> Expr:
        starts = []
        while isinstance(part := self.parts[self.at], Operator):
            starts.append(part.span[0])
            self.at += 1
        if not starts:
            return self.operand()
        value = self.binary(COMPARISON)
        for start in reversed(starts):
            value = ast.Unary("not", value, span=(start, value.span[1]))
        return value

    def operand(self) -> Expr:
        part = self.parts[self.at]
        if isinstance(part, Operator):
            before = self.parts[self.at - 1]
            assert isinstance(before, Operator)
            raise UnfoldableError(
                "ARCH111", f"`not` after `{before.text}`", part.span, "put it in parentheses: (not a)"
            )
        self.at += 1
        return part

    def upcoming(self) -> Operator | None:
        """The next operator; None at the end of the sequence."""
        if self.at == len(self.parts):
            return None
        part = self.parts[self.at]
        assert isinstance(part, Operator)
        return part
