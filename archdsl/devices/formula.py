"""Evaluates formulas of objectives and requirements on Python numbers, numpy arrays or torch tensors."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from archdsl.spec.search_values import Formula, SearchValue, Term, written
from archdsl.spec.units import Quantity

MEASURES = frozenset({"params", "macs", "flops", "latency", "rate"})
Comparisons = Mapping[str, Callable[[Any, Any], Any]]


def evaluate(
    value: SearchValue, measure: Callable[[Term], Any], known: Mapping[str, Any], comparisons: Comparisons
) -> Any:
    """The value of a formula.

    Costs are evaluated by `measure`; the values of other terms are looked up in `known`, by the text of the
    term with settings, or else, for terms of the main output, by name. `comparisons` are the functions of
    comparison operators. Quantities are in base units: milliseconds, frames per second, bytes. Raises
    ValueError for a term that is not in `known`, for operators without a function, and for values that are
    not numbers.
    """

    def of(value: SearchValue) -> Any:
        if isinstance(value, Quantity):
            return value.amount
        if isinstance(value, Term):
            return _term(value, of, measure, known)
        if isinstance(value, Formula):
            return _formula(value, [of(a) for a in value.args], comparisons)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"expected a number, got {value!r}")
        return value

    return of(value)


def _term(term: Term, of: Callable[[Any], Any], measure: Callable[[Term], Any], known: Any) -> Any:
    if term.name in MEASURES:
        return measure(term)
    if term.name == "log":
        return _log(of(term.args[0]))
    names = [] if term.output else [term.name]
    if term.settings or term.args or term.output:
        names.insert(0, written(term))
    for name in names:
        if name in known:
            return known[name]
    raise ValueError(f"missing value of `{term.name}`")


def _log(value: Any) -> Any:
    if isinstance(value, int | float):
        return math.log(value) if value > 0 else -math.inf if value == 0 else math.nan
    if hasattr(value, "log"):  # a tensor
        return value.log()
    import numpy as np

    return np.log(value)


def _formula(formula: Formula, args: list[Any], comparisons: Comparisons) -> Any:
    if formula.op == "..":
        return tuple(args)
    if len(args) == 1:
        return -args[0] if formula.op == "-" else args[0]
    if formula.op in _ARITHMETIC:
        return _ARITHMETIC[formula.op](*args)
    if formula.op not in comparisons:
        raise ValueError(f"`{formula.op}` cannot be evaluated here")
    return comparisons[formula.op](*args)


def _quotient(value: Any, divisor: Any) -> Any:
    """The quotient of two values; for numbers, infinite or NaN if `divisor` is 0, as for arrays."""
    if isinstance(divisor, int | float) and divisor == 0 and isinstance(value, int | float):
        return math.copysign(math.inf, value) if value else math.nan
    return value / divisor


def _power(value: Any, exponent: Any) -> Any:
    """The power of two values; for numbers, infinite or NaN where it is not a real number, as for arrays."""
    try:
        found = value**exponent
    except ZeroDivisionError:
        return math.inf
    except OverflowError:
        return math.inf if value > 0 or exponent % 2 == 0 else -math.inf
    return math.nan if isinstance(found, complex) else found


_ARITHMETIC: Comparisons = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _quotient,
    "**": _power,
}

EXACT: Comparisons = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "in": lambda value, ends: (value >= ends[0]) & (value <= ends[1]),
    "and": operator.and_,
    "or": operator.or_,
}
"""The functions of comparison operators for exact evaluation, which return booleans."""


def _beyond(value: Any, limit: Any) -> Any:
    """The relative violation of an upper limit; the absolute violation if the limit is 0."""
    return _positive(value - limit, limit)


def _below(value: Any, limit: Any) -> Any:
    return _positive(limit - value, limit)


def _positive(over: Any, limit: Any) -> Any:
    scale = 1 if isinstance(limit, int | float) and limit == 0 else abs(limit)
    share = over / scale
    return share.clamp(min=0) if hasattr(share, "clamp") else max(0.0, share)


MISSED: Comparisons = {
    "<": _beyond,
    "<=": _beyond,
    ">": _below,
    ">=": _below,
    "in": lambda value, ends: _below(value, ends[0]) + _beyond(value, ends[1]),
    "and": operator.add,
}
"""The functions of comparison operators for penalties: the relative violation, 0 if the comparison holds.

The violation is absolute if the limit is 0.
"""
