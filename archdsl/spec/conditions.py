"""Converts conditions over network-wide measures back to source text."""

from __future__ import annotations

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
from archdsl.spec.units import MEASURES, measured

_SIGNS = {
    "or": ("or", OR), "and": ("and", AND), "le": ("<=", COMPARISON), "lt": ("<", COMPARISON),
    "eq": ("==", COMPARISON), "ne": ("!=", COMPARISON), "add": ("+", SUM), "sub": ("-", SUM),
    "mul": ("*", PRODUCT), "div": ("/", PRODUCT), "floordiv": ("//", PRODUCT), "mod": ("%", PRODUCT),
}  # fmt: skip
_SAME_UNITS = frozenset({"le", "lt", "eq", "ne", "add", "sub"})
_SUFFIXES = {"time": " ms", "rate": " fps"}

_Written = tuple[str, int]
"""Source text, and the precedence of its outermost operator."""


def condition_source(value: Value) -> str:
    """Source text of a value that depends only on network-wide measures."""
    return _written(value)[0]


def _written(value: Value, unit: str = "") -> _Written:
    if isinstance(value, Measure):
        options = ", ".join(f"{name} = {_constant(option)[0]}" for name, option in value.options)
        named = options or value.name in ("latency", "rate")
        return (f"{value.name}({options})" if named else value.name), POSTFIX
    if not isinstance(value, Apply):
        return _constant(value, unit)
    if value.fn == "not":
        return f"not {_within(value.args[0], NOT)}", NOT
    if value.fn == "if":
        condition, then, otherwise = value.args
        unit = unit if _chooses(value, unit) else ""
        first, last = _within(then, OR, unit), _within(otherwise, CONDITIONAL, unit)
        text = f"{first} if {_within(condition, OR)} else {last}"
        return text, CONDITIONAL
    if value.fn not in _SIGNS:
        unit = unit if _chooses(value, unit) else ""
        return f"{value.fn}({', '.join(_written(a, unit)[0] for a in value.args)})", POSTFIX
    return _membership(value) or _infix(value)


def _infix(value: Apply) -> _Written:
    """A chain of one operator, flattened on the left side."""
    sign, level = _SIGNS[value.fn]
    row: list[Value] = []
    here: Value = value
    while isinstance(here, Apply) and here.fn == value.fn and (level != COMPARISON or here is value):
        here, right = here.args
        row.append(right)
    row.append(here)
    row.reverse()
    unit = _unit(row) if value.fn in _SAME_UNITS else ""
    first = _within(row[0], level + (level == COMPARISON), unit)
    rest = [_within(operand, level + 1, unit) for operand in row[1:]]
    return f" {sign} ".join([first, *rest]), level


def _membership(value: Apply) -> _Written | None:
    """`a in {1, 2}` for `a == 1 or a == 2`; the chain could exceed the nesting limit."""
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
    if any(s != sought[0] for s in sought) or not all(_is_plain(n) for n in numbers):
        return None
    listed = ", ".join(_constant(n)[0] for n in numbers)
    return f"{_within(sought[0], COMPARISON + 1)} in {{{listed}}}", COMPARISON


def _is_plain(value: Value) -> bool:
    return type(value) in (int, float) and value >= 0  # type: ignore[operator]


def _within(value: Value, at_least: int, unit: str = "") -> str:
    text, level = _written(value, unit)
    return text if level >= at_least else f"({text})"


def _constant(value: Value, unit: str = "") -> _Written:
    """A constant, with a unit where it is compared with a time or a rate."""
    if isinstance(value, bool):
        return ("true" if value else "false"), POSTFIX
    if isinstance(value, str):
        return flat(String(value)), POSTFIX
    assert not isinstance(value, Expr)
    if value < 0:
        return f"-{_constant(-value, unit)[0]}", PREFIX
    text = str(value) if isinstance(value, int) and len(str(value)) <= MAX_DIGITS else decimal(float(value))
    return (text if "e" in text else text + unit), POSTFIX


def _unit(operands: list[Value]) -> str:
    """The unit of constants compared with, or added to, these values."""
    dimensions = measured(*operands)
    return _SUFFIXES.get(dimensions.pop(), "") if len(dimensions) == 1 else ""


def _chooses(value: Value, unit: str) -> bool:
    """Whether a value is a constant or a measure with a unit, or one of several such."""
    if isinstance(value, Measure):
        return _SUFFIXES.get(MEASURES[value.name]) == unit
    if isinstance(value, Apply):
        among = value.args[1:] if value.fn == "if" else value.args if value.fn in ("max", "min") else ()
        return bool(among) and all(_chooses(part, unit) for part in among)
    return not isinstance(value, (bool, str))
