"""Folding a flat row of operands and operators into a tree.

The grammar reads `a + b * c -> f` as one row; which operator binds how tightly is decided here, so that
the parser does one step an operator instead of one a level, and so that a row that has no reading gets a
message about what the author meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from archdsl.lang import ast
from archdsl.lang.ast import Expr, Span

OR, AND, NOT, COMPARISON, RANGE, SUM, PRODUCT = range(1, 8)
LEVELS = {
    "or": OR, "and": AND,
    "==": COMPARISON, "!=": COMPARISON, "<": COMPARISON, "<=": COMPARISON, ">": COMPARISON, ">=": COMPARISON,
    "in": COMPARISON,
    "..": RANGE, "step": RANGE,
    "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT,
}  # fmt: skip


class Unfoldable(Exception):
    """The row has no reading: a code, a headline, the place, and what to write instead."""

    def __init__(self, code: str, headline: str, span: Span, help_line: str):
        super().__init__(headline)
        self.code, self.headline, self.span, self.help = code, headline, span, help_line


class Negation(NamedTuple):
    """`not operand`, before it is known how far to the right the `not` reaches."""

    span: Span
    operand: Expr | Negation


class Operator(NamedTuple):
    text: str
    span: Span


Token = re.Match[str]


def operator(token: Token) -> Operator:
    group = token.lastindex or 0
    return Operator(token[group], token.span(group))


def fold(span: Span, first: Expr | Negation, rest: Sequence[Any]) -> Expr:
    """The tree of the row `first`, operator, operand, operator, operand, …; raises Unfoldable."""
    if len(rest) == 2 and type(first) is not Negation and type(rest[1]) is not Negation:
        text = rest[0][rest[0].lastindex]
        if text == "->":
            return ast.Chain(first, rest[1], span=span)
        if text in LEVELS and LEVELS[text] != RANGE:
            return ast.Binary(text, first, rest[1], span=span)
    return _Row([first, *rest[1::2]], [operator(token) for token in rest[::2]]).fold()


def _join(left: Expr, right: Expr) -> Span:
    return left.span[0], right.span[1]


class _Row:
    """Operands and the operators between them; `at` is the operand to be read next."""

    def __init__(self, operands: list[Expr | Negation], operators: list[Operator]):
        self.operands = operands
        self.operators = operators
        self.at = 0

    def fold(self) -> Expr:
        value = self.conditional()
        upcoming = self.upcoming()
        if upcoming is None:
            return value
        if upcoming.text != "->":  # only `else` and `step` are left to stop a conditional
            before = {"else": "if", "step": ".."}[upcoming.text]
            raise Unfoldable(
                "ARCH111",
                f"`{upcoming.text}` without `{before}`",
                upcoming.span,
                "write a if condition else b" if before == "if" else "write low .. high step width",
            )
        if isinstance(value, ast.Conditional) and self.at > 1:
            raise Unfoldable(
                "ARCH105",
                "`->` after a conditional",
                upcoming.span,
                "say what belongs together: (a if c else b) -> f, or a if c else (b -> f)",
            )
        return self.chain(value)

    def chain(self, value: Expr) -> Expr:
        while (upcoming := self.upcoming()) is not None:
            if upcoming.text != "->":
                raise Unfoldable(
                    "ARCH105",
                    f"`{upcoming.text}` after a chain",
                    upcoming.span,
                    "put each chain in parentheses: (x -> f) + (y -> g)",
                )
            value = ast.Chain(value, op := self.operand(), span=_join(value, op))
        return value

    def conditional(self) -> Expr:
        branches: list[tuple[Expr, Expr]] = []
        value = self.binary(OR)
        while (found := self.upcoming()) is not None and found.text == "if":
            condition = self.binary(OR)
            upcoming = self.upcoming()
            if upcoming is None or upcoming.text != "else":
                raise Unfoldable("ARCH111", "`if` without `else`", found.span, "write a if condition else b")
            branches.append((value, condition))
            value = self.binary(OR)
        for then, condition in reversed(branches):
            value = ast.Conditional(then, condition, value, span=_join(then, value))
        return value

    def binary(self, level: int) -> Expr:
        """The longest value whose operators bind at least as tightly as `level`."""
        left = self.negated() if level <= NOT else self.operand()
        last = 0
        while (upcoming := self.upcoming()) is not None:
            text, here = upcoming.text, LEVELS.get(upcoming.text, 0)
            if here < level or here == 0 or text == "step":
                break
            if here == last and here in (COMPARISON, RANGE):
                raise Unfoldable(
                    "ARCH111",
                    f"`{text}` after another {'comparison' if here == COMPARISON else 'range'}",
                    upcoming.span,
                    "compare two values at a time: a < b and b < c"
                    if here == COMPARISON
                    else "a range has two ends: low .. high",
                )
            right = self.binary(here + 1)
            left = (
                self.range(left, right)
                if here == RANGE
                else ast.Binary(text, left, right, span=_join(left, right))
            )
            last = here
        return left

    def range(self, low: Expr, high: Expr) -> Expr:
        upcoming = self.upcoming()
        if upcoming is None or upcoming.text != "step":
            return ast.Range(low, high, None, span=_join(low, high))
        step = self.binary(SUM)
        return ast.Range(low, high, step, span=_join(low, step))

    def negated(self) -> Expr:
        starts = []
        while isinstance(item := self.operands[self.at], Negation):
            starts.append(item.span[0])
            self.operands[self.at] = item.operand
        if not starts:
            return self.operand()
        value = self.binary(COMPARISON)
        for start in reversed(starts):
            value = ast.Unary("not", value, span=(start, value.span[1]))
        return value

    def operand(self) -> Expr:
        item = self.operands[self.at]
        if isinstance(item, Negation):
            before = self.operators[self.at - 1].text
            raise Unfoldable(
                "ARCH111", f"`not` after `{before}`", item.span, "put it in parentheses: (not a)"
            )
        self.at += 1
        return item

    def upcoming(self) -> Operator | None:
        """The operator before the next operand; reading that operand steps over it."""
        return self.operators[self.at - 1] if self.at <= len(self.operators) else None
