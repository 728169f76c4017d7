"""Converts conditions over network-wide measures back to source text."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.ir import Apply, Expr, Measure, Value
from archdsl.lang.ast import String
from archdsl.lang.expression_builder import MAX_DIGITS
from archdsl.lang.flat import (
    AND,
    COMPARISON,
    CONDITIONAL,
    NOT,
    OR,
    POSTFIX,
    PREFIX,
    PRODUCT,
    SUM,
    decimal,
    flat,
)
from archdsl.spec.units import MEASURES

_SIGNS = {
    "or": ("or", OR), "and": ("and", AND), "le": ("<=", COMPARISON), "lt": ("<", COMPARISON),
    "eq": ("==", COMPARISON), "ne": ("!=", COMPARISON), "add": ("+", SUM), "sub": ("-", SUM),
    "mul": ("*", PRODUCT), "div": ("/", PRODUCT), "floordiv": ("//", PRODUCT), "mod": ("%", PRODUCT),
}  # fmt: skip
_SAME_UNITS = frozenset({"le", "lt", "eq", "ne", "add", "sub", "floordiv", "mod"})
_PURE = frozenset({"eq", "ne", "lt", "le", "and", "or", "not", "floordiv"})
_SUFFIXES = {"time": " ms", "rate": " fps"}

_Written = tuple[str, int]
"""Source text, and the precedence of its outermost operator."""


def condition_source(value: Value) -> str:
    """The source text of a value that depends only on network-wide measures."""
    return _written(value)[0]


def _written(value: Value, unit: str = "") -> _Written:
    """The source text of a value as a quantity in a unit, or as a number."""
    if not isinstance(value, Measure | Apply):
        return _constant(value, unit)
    if not unit and (own := _unit(value)):
        return f"{_within(value, PRODUCT, own)} / 1{own}", PRODUCT
    if isinstance(value, Measure):
        options = ", ".join(f"{name} = {_constant(option)[0]}" for name, option in value.options)
        named = options or value.name in ("latency", "rate")
        return (f"{value.name}({options})" if named else value.name), POSTFIX
    if value.fn == "not":
        return f"not {_within(value.args[0], NOT)}", NOT
    if value.fn == "if":
        condition, then, otherwise = value.args
        first, last = _within(then, OR, unit), _within(otherwise, CONDITIONAL, unit)
        text = f"{first} if {_within(condition, OR)} else {last}"
        return text, CONDITIONAL
    if value.fn not in _SIGNS:
        return f"{value.fn}({', '.join(_written(a, unit)[0] for a in value.args)})", POSTFIX
    return _membership(value) or _infix(value)


def _infix(value: Apply) -> _Written:
    """The source text of a sequence of operands of one operator, such as `a + b + c`."""
    sign, level = _SIGNS[value.fn]
    row: list[Value] = []
    here: Value = value
    chained = level != COMPARISON and value.fn != "floordiv"  # which is a number, also of times
    while isinstance(here, Apply) and here.fn == value.fn and (chained or here is value):
        here, right = here.args
        row.append(right)
    row.append(here)
    row.reverse()
    units = _units_of(value.fn, row)
    first = _within(row[0], level + (level == COMPARISON), units[0])
    rest = [_within(operand, level + 1, unit) for operand, unit in zip(row[1:], units[1:], strict=True)]
    return f" {sign} ".join([first, *rest]), level


def _units_of(fn: str, row: Sequence[Value]) -> list[str]:
    """For each operand in a sequence of one operator, the unit in which it is written; empty for none."""
    own = [_unit(operand) for operand in row]
    if fn in _SAME_UNITS:
        return [_common(row)] * len(row)
    if fn == "mul":
        varying = [operand for operand in row if isinstance(operand, Expr)]
        return own if _common(varying) and sum(map(bool, own)) == 1 else [""] * len(row)
    if fn == "div" and own[0] and all(not isinstance(divisor, Expr) for divisor in row[1:]):
        return [own[0]] + [""] * (len(row) - 1)
    return [""] * len(row)


def _unit(value: Value) -> str:
    """The unit of a value that is a time or a rate; "" for a number."""
    if isinstance(value, Measure):
        return _SUFFIXES.get(MEASURES[value.name], "")
    if not isinstance(value, Apply) or value.fn in _PURE:
        return ""
    if value.fn in ("mul", "div"):
        return next(filter(None, _units_of(value.fn, value.args)), "")
    return _common(value.args[1:] if value.fn == "if" else value.args)


def _common(operands: Sequence[Value]) -> str:
    """The common unit of those of these values that are not constants; "" if they differ.

    Also "" if one of the values is an integer, since amounts of times and rates are decimals.
    """
    if any(type(operand) is int for operand in operands):
        return ""
    units = {_unit(operand) for operand in operands if isinstance(operand, Expr)}
    return units.pop() if len(units) == 1 else ""


def _membership(value: Apply) -> _Written | None:
    """The source text `a in {1, 2}` for `a == 1 or a == 2`, which may exceed the nesting limit; or None."""
    choices: list[Value] = []
    here: Value = value
    while isinstance(here, Apply) and here.fn == "or":
        here, last = here.args
        if not isinstance(last, Apply) or last.fn != "eq":
            return None
        choices.append(last)
    choices.append(here)
    if len(choices) < 2 or not all(isinstance(c, Apply) and c.fn == "eq" for c in choices):
        return None
    sought = [c.args[0] for c in choices if isinstance(c, Apply)]
    numbers = dict.fromkeys(c.args[1] for c in reversed(choices) if isinstance(c, Apply))
    if _unit(sought[0]) or any(s != sought[0] for s in sought) or not all(_is_plain(n) for n in numbers):
        return None
    listed = ", ".join(_constant(n)[0] for n in numbers)
    return f"{_within(sought[0], COMPARISON + 1)} in {{{listed}}}", COMPARISON


def _is_plain(value: Value) -> bool:
    return type(value) in (int, float) and value >= 0  # type: ignore[operator]


def _within(value: Value, at_least: int, unit: str = "") -> str:
    text, level = _written(value, unit)
    return text if level >= at_least else f"({text})"


def _constant(value: Value, unit: str = "") -> _Written:
    """The source text of a constant, with a unit if it is compared with a time or a rate."""
    if isinstance(value, bool):
        return ("true" if value else "false"), POSTFIX
    if isinstance(value, str):
        return flat(String(value)), POSTFIX
    assert not isinstance(value, Expr)
    if value < 0:
        text, level = _constant(-value, unit)
        return f"-{text}", min(level, PREFIX)
    text = str(value) if isinstance(value, int) and len(str(value)) <= MAX_DIGITS else decimal(float(value))
    if unit and "e" in text:
        return f"{text} * 1{unit}", PRODUCT
    return text + unit, POSTFIX
