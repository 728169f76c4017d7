"""Computes the set of values that an expression over decisions can have, as a sound over-approximation.

Sub-expressions are treated as independent, so the set may contain values that never occur, but it contains
all that do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Union

from archdsl.ir import Apply, Dim, Expr, Mux, Pick, Value
from archdsl.ir.expr import FUNCTIONS

LIMIT = 512
"""The maximum size of a value set; larger sets are widened to intervals."""
COMBINATIONS_OF_ONE = 32
"""The number of combinations of values that count as much work as one sub-expression."""


class Unbounded(Exception):
    """Raised if the possible values are unknown, as for a latency that is not measured."""


@dataclass(frozen=True, slots=True)
class Span:
    """An interval from `low` to `high`, for value sets that are too large to list."""

    low: float
    high: float


Values = frozenset[Any]
Found = Union[Values, Span, None]
Allowed = Mapping[str, Sequence[int]]
_EITHER = frozenset((True, False))


class Possible:
    """Computes the possible values of expressions, given the allowed outcomes of decisions; results are
    cached.
    """

    def __init__(self, definitions: Mapping[Dim, tuple[Mux, tuple[Value | None, ...]]], allowed: Allowed):
        self._definitions, self._allowed = definitions, allowed
        self._known: dict[Value, Found] = {}
        self._combinations = 0

    @property
    def work(self) -> int:
        """The number of sub-expressions computed so far; `COMBINATIONS_OF_ONE` combinations of operands count
        as one.
        """
        return len(self._known) + self._combinations // COMBINATIONS_OF_ONE

    def of(self, value: Value) -> Values:
        """The possible values. Raises Unbounded if they are unknown or too many."""
        found = self._find(value)
        if not isinstance(found, frozenset):
            raise Unbounded
        return found

    def least(self, value: Value) -> float:
        """A lower bound of the possible values. Raises Unbounded."""
        span = _span(self._find(value))
        if span is None:
            raise Unbounded
        return span.low

    def greatest(self, value: Value) -> float:
        """An upper bound of the possible values. Raises Unbounded."""
        span = _span(self._find(value))
        if span is None:
            raise Unbounded
        return span.high

    def _find(self, value: Value) -> Found:
        known, ahead = self._known, [value] if isinstance(value, Expr) else []
        while ahead:
            here = ahead[-1]
            if here in known:
                ahead.pop()
                continue
            needs = self._needs(here)
            missing = [v for v in needs if isinstance(v, Expr) and v not in known]
            if missing:
                ahead += missing
                continue
            found = self._compute(here, needs)
            known[here] = _span(found) if isinstance(found, frozenset) and len(found) > LIMIT else found
            ahead.pop()
        return self._of_known(value)

    def _needs(self, value: Expr) -> Sequence[Value]:
        """The sub-expressions that a value needs: conditions first, then the possible branches."""
        if isinstance(value, Apply):
            if value.fn != "if":
                return value.args
            condition = value.args[0]
            if isinstance(condition, Expr) and condition not in self._known:
                return (condition,)
            wanted = zip((True, False), value.args[1:], strict=True)
            return [branch for truth, branch in wanted if truth in self._truths(condition)]
        if isinstance(value, Dim):
            on = self._definitions[value][0].on
            if isinstance(on, Expr) and on not in self._known:
                return (on,)
            return self._sizes(value)
        return ()

    def _compute(self, value: Expr, needs: Sequence[Value]) -> Found:
        if isinstance(value, Pick):
            return self._pick(value)
        if isinstance(value, Dim) or (isinstance(value, Apply) and value.fn == "if"):
            return self._joined(needs)
        if not isinstance(value, Apply):
            return None
        if value.fn in ("and", "or"):
            return self._connective(value)
        return self._apply(value)

    def _of_known(self, value: Value) -> Found:
        return self._known[value] if isinstance(value, Expr) else frozenset((value,))

    def _truths(self, condition: Value) -> Values:
        """The possible truth values of a condition; both if unknown."""
        found = self._of_known(condition)
        return found if found and isinstance(found, frozenset) else _EITHER

    def _joined(self, values: Sequence[Value]) -> Found:
        if len(values) == 1:  # the common case, where decisions are fixed
            return self._of_known(values[0])
        parts = [self._of_known(value) for value in values]
        if all(isinstance(part, frozenset) for part in parts):
            return frozenset().union(*parts)  # type: ignore[arg-type]
        spans = [_span(part) for part in parts if part != frozenset()]
        low = [span.low for span in spans if span is not None]
        high = [span.high for span in spans if span is not None]
        return Span(min(low), max(high)) if len(low) == len(spans) else None

    def _pick(self, value: Pick) -> Values:
        outcomes = self._allowed.get(value.decision)
        chosen = value.values if outcomes is None else [value.values[o] for o in outcomes]
        return frozenset(v for v in chosen if v is not None)

    def _sizes(self, value: Dim) -> list[Value]:
        """The possible sizes of a dimension of a mux: those of the cases that can be selected."""
        mux, sizes = self._definitions[value]
        on = mux.on
        keys = self._allowed.get(on) if isinstance(on, str) else self._of_known(on)
        return [
            size
            for (key, _), size in zip(mux.cases, sizes, strict=True)
            if size is not None and (keys is None or isinstance(keys, Span) or key in keys)
        ]

    def _apply(self, value: Apply) -> Found:
        sets = [self._of_known(a) for a in value.args]
        known = [s for s in sets if isinstance(s, frozenset)]
        combinations = prod(map(len, known))
        if len(known) < len(sets) or combinations > LIMIT * 8:
            spans = [_span(s) for s in sets]
            return None if None in spans else _SPANS.get(value.fn, _unknown)(*spans)
        function = FUNCTIONS[value.fn]
        self._combinations += combinations
        values: set[Any] = set()
        for combination in product(*known):
            try:
                values.add(function(*combination))
            except ArithmeticError:
                continue
        return frozenset(values)

    def _connective(self, value: Apply) -> Values:
        """The possible values of `and` or `or`; one operand may suffice if the other is unknown."""
        decisive = value.fn == "or"
        left, right = (self._truths(a) for a in value.args)
        if frozenset((decisive,)) in (left, right):
            return frozenset((decisive,))
        return frozenset(FUNCTIONS[value.fn](a, b) for a in left for b in right)


# ---------------------------------------------------------------- spans


def _span(found: Found) -> Span | None:
    """The interval from the minimum to the maximum; None if the values are not numbers."""
    if not isinstance(found, frozenset):
        return found
    if not found or any(isinstance(v, str) for v in found):
        return None
    return Span(min(found), max(found))


def _unknown(*spans: Span) -> None:
    return None


def _ordered(a: Span, b: Span, strictly: bool) -> Values:
    if a.high < b.low or (a.high == b.low and not strictly):
        return frozenset((True,))
    if a.low > b.high or (a.low == b.high and strictly):
        return frozenset((False,))
    return _EITHER


def _equal(a: Span, b: Span, truth: bool) -> Values:
    return frozenset((not truth,)) if a.high < b.low or b.high < a.low else _EITHER


def _product(a: Span, b: Span) -> Span:
    corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return Span(min(corners), max(corners))


def _quotient(a: Span, b: Span) -> Span | None:
    """The interval of integer quotients of numbers in two intervals; None if they may be negative."""
    return Span(a.low // b.high, a.high // b.low) if a.low >= 0 and b.low > 0 else None


_SPANS: dict[str, Callable[..., Found]] = {
    "add": lambda a, b: Span(a.low + b.low, a.high + b.high),
    "sub": lambda a, b: Span(a.low - b.high, a.high - b.low),
    "mul": _product,
    "floordiv": _quotient,
    "mod": lambda a, b: Span(0, b.high) if b.low > 0 else None,
    "max": lambda a, b: Span(max(a.low, b.low), max(a.high, b.high)),
    "min": lambda a, b: Span(min(a.low, b.low), min(a.high, b.high)),
    "le": lambda a, b: _ordered(a, b, strictly=False),
    "lt": lambda a, b: _ordered(a, b, strictly=True),
    "eq": lambda a, b: _equal(a, b, True),
    "ne": lambda a, b: _equal(a, b, False),
}
"""Functions on intervals; for other functions, the possible values are unknown."""
