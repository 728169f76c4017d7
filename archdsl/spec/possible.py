"""Which values an expression over decisions can have: a sound overestimate, found without enumerating.

Sub-expressions are taken as if they were independent, so the set may hold values that never occur
together; it never misses one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from archdsl.ir import Apply, Dim, Expr, Mux, Pick, Value
from archdsl.ir.expr import FUNCTIONS

if TYPE_CHECKING:
    from archdsl.spec.builder import Builder

LIMIT = 512
"""More possible values than this are not followed one by one."""


class Unbounded(Exception):
    """The values are too many to follow, or are not known before a device is measured."""


Values = frozenset[Any]
Allowed = Mapping[str, Sequence[int]]


def possible(value: Value, builder: Builder, allowed: Allowed) -> Values:
    """The values that `value` can have under the allowed outcomes; raises Unbounded."""
    return Possible(builder.definitions, allowed).of(value)


class Possible:
    """Possible values under fixed allowed outcomes, each sub-expression computed once, none by recursion."""

    def __init__(self, definitions: Mapping[Dim, tuple[Mux, tuple[Value | None, ...]]], allowed: Allowed):
        self._definitions, self._allowed = definitions, allowed
        self._known: dict[Value, Values | None] = {}

    @property
    def work(self) -> int:
        """How many sub-expressions were computed."""
        return len(self._known)

    def of(self, value: Value) -> Values:
        """The values; raises Unbounded."""
        if not isinstance(value, Expr):
            return frozenset((value,))
        known, ahead = self._known, [value]
        while ahead:
            here = ahead[-1]
            if here in known:
                ahead.pop()
                continue
            needs = [v for v in self._needs(here) if isinstance(v, Expr) and v not in known]
            if needs:
                ahead += needs
                continue
            known[here] = self._compute(here)
            ahead.pop()
        found = known[value]
        if found is None:
            raise Unbounded
        return found

    def _needs(self, value: Expr) -> Sequence[Value]:
        """What must be known before a value; first what decides on the rest."""
        if isinstance(value, Apply):
            if value.fn != "if":
                return value.args
            condition = value.args[0]
            if isinstance(condition, Expr) and condition not in self._known:
                return (condition,)
            conditions = self._truths(condition)
            return [
                v for v, wanted in zip(value.args[1:], (True, False), strict=True) if wanted in conditions
            ]
        if isinstance(value, Dim):
            on = self._definitions[value][0].on
            if isinstance(on, Expr) and on not in self._known:
                return (on,)
            return self._sizes(value)
        return ()

    def _compute(self, value: Expr) -> Values | None:
        found: Values | None
        if isinstance(value, Pick):
            found = self._pick(value)
        elif isinstance(value, Dim):
            found = self._joined(self._sizes(value))
        elif not isinstance(value, Apply):
            found = None
        elif value.fn == "if":
            found = self._joined(self._needs(value))
        elif value.fn in ("and", "or"):
            found = self._connective(value)
        else:
            found = self._apply(value)
        return found if found is not None and len(found) <= LIMIT else None

    def _of_known(self, value: Value) -> Values | None:
        return self._known[value] if isinstance(value, Expr) else frozenset((value,))

    def _truths(self, condition: Value) -> Values:
        """What a known condition can be; either where that is not known."""
        return self._of_known(condition) or frozenset((True, False))

    def _joined(self, values: Sequence[Value]) -> Values | None:
        found: set[Any] = set()
        for value in values:
            known = self._of_known(value)
            if known is None:
                return None
            found |= known
        return frozenset(found)

    def _pick(self, value: Pick) -> Values:
        outcomes = self._allowed.get(value.decision)
        chosen = value.values if outcomes is None else [value.values[o] for o in outcomes]
        return frozenset(v for v in chosen if v is not None)

    def _sizes(self, value: Dim) -> list[Value]:
        """What a dimension can be: the sizes of the cases that can be picked."""
        mux, sizes = self._definitions[value]
        on = mux.on
        keys = self._allowed.get(on) if isinstance(on, str) else self._of_known(on)
        return [
            size
            for (key, _), size in zip(mux.cases, sizes, strict=True)
            if size is not None and (keys is None or key in keys)
        ]

    def _apply(self, value: Apply) -> Values | None:
        sets = [self._of_known(a) for a in value.args]
        known = [s for s in sets if s is not None]
        if len(known) < len(sets) or prod(map(len, known)) > LIMIT * 8:
            return None
        function = FUNCTIONS[value.fn]
        values: set[Any] = set()
        for combination in product(*known):
            try:
                values.add(function(*combination))
            except ArithmeticError:
                continue
        return frozenset(values)

    def _connective(self, value: Apply) -> Values:
        """One side may settle it where the other is not known."""
        decisive = value.fn == "or"
        left, right = (self._truths(a) for a in value.args)
        if frozenset((decisive,)) in (left, right):
            return frozenset((decisive,))
        return frozenset(FUNCTIONS[value.fn](a, b) for a in left for b in right)
