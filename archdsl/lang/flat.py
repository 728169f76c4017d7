"""Writes expressions on one line in canonical spelling, with parentheses only where necessary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from archdsl.lang import ast
from archdsl.lang.ast import Expr

WIDTH = 100
_MOST_ITEMS = WIDTH // 3 + 1  # `a, ` takes three columns

CHAIN, CONDITIONAL, OR, AND, NOT, COMPARISON, RANGE, SUM, PRODUCT, PREFIX, POWER, POSTFIX = range(12)
_BINARY = {
    "or": OR, "and": AND,
    "==": COMPARISON, "!=": COMPARISON, "<": COMPARISON, "<=": COMPARISON, ">": COMPARISON, ">=": COMPARISON,
    "in": COMPARISON,
    "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT,
    "**": POWER,
}  # fmt: skip
_LEVELS: dict[type, int] = {
    ast.Chain: CHAIN, ast.Conditional: CONDITIONAL, ast.Range: RANGE,
    ast.OneOf: PREFIX, ast.AnyOf: PREFIX, ast.SomeOf: PREFIX, ast.Once: PREFIX,
}  # fmt: skip
_SCALES = frozenset("KMGT")
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"})


class TooLongError(Exception):
    """Raised if an expression is longer than a line even without indentation."""


def level(expr: Expr) -> int:
    """The precedence of the outermost operator of an expression."""
    if isinstance(expr, ast.Binary):
        return _BINARY[expr.op]
    if isinstance(expr, ast.Unary):
        return PREFIX if expr.op == "-" else NOT
    return _LEVELS.get(type(expr), POSTFIX)


def operands(expr: ast.Binary) -> tuple[int, int]:
    """The least precedences of the left and the right operand of an operator that need no parentheses."""
    here = _BINARY[expr.op]
    if here == POWER:
        return POSTFIX, PREFIX
    return (here + 1 if here == COMPARISON else here), here + 1


def source_level(chain: ast.Chain) -> int:
    """The least precedence of the source of a chain, before `->`, that needs no parentheses.

    A conditional needs parentheses there, since readers would take the arrow as part of its last branch.
    """
    return CHAIN if type(chain.source) is ast.Chain else OR


def flat(expr: Expr, at_least: int = CHAIN) -> str:
    """The text of an expression on one line, in parentheses if its precedence is below `at_least`.

    Raises TooLongError if a part of the expression is longer than a line.
    """
    text = _FLAT[type(expr)](expr)
    return text if at_least == CHAIN or level(expr) >= at_least else f"({text})"


def _sequence(items: Sequence[Any]) -> str:
    if len(items) > _MOST_ITEMS:
        raise TooLongError
    text = ", ".join([_FLAT[type(item)](item) for item in items])
    if len(text) > WIDTH:
        raise TooLongError
    return text


def _binary(expr: ast.Binary) -> str:
    left, right = operands(expr)
    text = f"{flat(expr.left, left)} {expr.op} {flat(expr.right, right)}"
    if len(text) > WIDTH:
        raise TooLongError
    return text


def _chain(expr: ast.Chain) -> str:
    text = f"{flat(expr.source, source_level(expr))} -> {flat(expr.op, PREFIX)}"
    if len(text) > WIDTH:
        raise TooLongError
    return text


def _conditional(expr: ast.Conditional) -> str:
    then, condition = flat(expr.then, OR), flat(expr.condition, OR)
    return f"{then} if {condition} else {flat(expr.otherwise, CONDITIONAL)}"


def _range(expr: ast.Range) -> str:
    dots = dots_of(expr)
    step = "" if expr.step is None else f" step {flat(expr.step, SUM)}"
    return f"{flat(expr.low, SUM)}{dots}{flat(expr.high, SUM)}{step}"


def dots_of(expr: ast.Range) -> str:
    """The dots of a range: `1..4`, but with spaces if a bound has a unit, `155 fps .. 175 fps`."""
    spaced = type(expr.low) is ast.Quantity or type(expr.high) is ast.Quantity
    return " .. " if spaced else ".."


def _unary(expr: ast.Unary) -> str:
    return f"-{flat(expr.operand, PREFIX)}" if expr.op == "-" else f"not {flat(expr.operand, NOT)}"


def _call(expr: ast.Call) -> str:
    return f"{flat(expr.fn, POSTFIX)}({_sequence(expr.args + expr.settings)})"


def _index(expr: ast.Index) -> str:
    return f"{flat(expr.base, POSTFIX)}[{_sequence(expr.subscripts)}]"


def attribute_base(expr: ast.Attribute) -> tuple[str, str]:
    """The parentheses around the base of an attribute, or empty texts: `(3).1` is not the number 3.1."""
    numeric = type(expr.base) is ast.Number or type(expr.base) is ast.Quantity
    return ("(", ")") if numeric or level(expr.base) < POSTFIX else ("", "")


def _attribute(expr: ast.Attribute) -> str:
    before, after = attribute_base(expr)
    return f"{before}{_FLAT[type(expr.base)](expr.base)}{after}.{expr.name}"


def _candidate(member: ast.Candidate) -> str:
    value = flat(member.value)
    return value if member.label is None else f"{member.label}: {value}"


def _named(entry: ast.Named) -> str:
    return f"{flat(entry.path)} = {flat(entry.value)}"


def _quantity(expr: ast.Quantity) -> str:
    digits = repr(expr.value)
    if "e" in digits:
        from decimal import Decimal  # seldom needed, and slow to import

        digits = format(Decimal(digits), "f")
    return digits + expr.unit if expr.unit in _SCALES else f"{digits} {expr.unit}"


def _number(expr: ast.Number) -> str:
    return str(expr.value) if type(expr.value) is int else decimal(expr.value)


@lru_cache(maxsize=1000)
def decimal(value: float) -> str:
    """A decimal in usual notation, such as 0.025, 1e-3, 100.0 or 1e16; parsing it gives the same value."""
    plain = repr(value)
    if value == 0 or (0.01 <= value < 1e5 and "e" not in plain):
        return plain
    spellings = (f"{value:.{digits}e}" for digits in range(18))
    mantissa, exponent = next(text for text in spellings if float(text) == value).split("e")
    scientific = f"{mantissa}e{int(exponent)}"
    return scientific if len(scientific) < len(plain) else plain


def string(expr: ast.String) -> str:
    return f'"{expr.value.translate(_ESCAPES)}"'


_FLAT: dict[type, Callable[[Any], str]] = {
    ast.Name: lambda expr: expr.id,
    ast.Number: _number,
    ast.Quantity: _quantity,
    ast.String: string,
    ast.Bool: lambda expr: "true" if expr.value else "false",
    ast.List: lambda expr: f"[{_sequence(expr.items)}]",
    ast.Set: lambda expr: f"{{{_sequence(expr.members)}}}",
    ast.Record: lambda expr: f"({_sequence(expr.entries)})",
    ast.Candidate: _candidate,
    ast.Named: _named,
    ast.Call: _call,
    ast.Index: _index,
    ast.Every: lambda expr: "*",
    ast.Attribute: _attribute,
    ast.Optional: lambda expr: f"{flat(expr.base, POSTFIX)}?",
    ast.Range: _range,
    ast.Unary: _unary,
    ast.Binary: _binary,
    ast.Chain: _chain,
    ast.Conditional: _conditional,
    ast.OneOf: lambda expr: f"one of {flat(expr.source, PREFIX)}",
    ast.AnyOf: lambda expr: f"any {flat(expr.count, POSTFIX)} of {flat(expr.source, PREFIX)}",
    ast.SomeOf: lambda expr: f"some of {flat(expr.source, PREFIX)}",
    ast.Once: lambda expr: f"once {flat(expr.source, PREFIX)}",
}
