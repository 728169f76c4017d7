"""Which values an expression over decisions can have: a sound overestimate, found without enumerating.

Sub-expressions are taken as if they were independent, so the set may hold values that never occur
together; it never misses one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
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
    """Possible values under fixed allowed outcomes, each sub-expression computed once."""

    def __init__(self, definitions: Mapping[Dim, tuple[Mux, tuple[Value | None, ...]]], allowed: Allowed):
        self._definitions, self._allowed = definitions, allowed
        self._known: dict[Value, Values | None] = {}

    @property
    def work(self) -> int:
        """How many sub-expressions were computed."""
        return len(self._known)

    def of(self, value: Value) -> Values:
        if not isinstance(value, Expr):
            return frozenset((value,))
        if value not in self._known:
            self._known[value] = self._compute(value)
        found = self._known[value]
        if found is None:
            raise Unbounded
        return found

    def _compute(self, value: Expr) -> Values | None:
        try:
            if isinstance(value, Pick):
                found = self._pick(value)
            elif isinstance(value, Dim):
                found = self._dim(value)
            elif isinstance(value, Apply):
                found = self._apply(value)
            else:
                return None
        except Unbounded:
            return None
        return found if len(found) <= LIMIT else None

    def _pick(self, value: Pick) -> Values:
        outcomes = self._allowed.get(value.decision)
        chosen = value.values if outcomes is None else [value.values[o] for o in outcomes]
        return frozenset(v for v in chosen if v is not None)

    def _dim(self, value: Dim) -> Values:
        mux, sizes = self._definitions[value]
        outcomes = self._allowed.get(mux.on) if isinstance(mux.on, str) else None
        found: set[Any] = set()
        keys = None if isinstance(mux.on, str) else self._keys(mux.on)
        for (key, _), size in zip(mux.cases, sizes, strict=True):
            if size is None or (outcomes is not None and key not in outcomes):
                continue
            if keys is not None and key not in keys:
                continue
            found |= self.of(size)
        return frozenset(found)

    def _keys(self, on: Value) -> Values | None:
        try:
            return self.of(on)
        except Unbounded:
            return None

    def _apply(self, value: Apply) -> Values:
        if value.fn == "if":
            conditions = self._keys(value.args[0]) or frozenset((True, False))
            found: Values = frozenset()
            if True in conditions:
                found |= self.of(value.args[1])
            if False in conditions:
                found |= self.of(value.args[2])
            return found
        if value.fn in ("and", "or"):
            return self._connective(value)
        sets = [self.of(a) for a in value.args]
        if len(sets) == 2 and len(sets[0]) * len(sets[1]) > LIMIT * 8:
            raise Unbounded
        function = FUNCTIONS[value.fn]
        found = frozenset()
        values: set[Any] = set()
        for combination in product(*sets):
            try:
                values.add(function(*combination))
            except ZeroDivisionError:
                continue
        return found | values

    def _connective(self, value: Apply) -> Values:
        """One side may settle it where the other is not known."""
        decisive = value.fn == "or"
        sides = [self._keys(a) or frozenset((True, False)) for a in value.args]
        if frozenset((decisive,)) in sides:
            return frozenset((decisive,))
        return frozenset(FUNCTIONS[value.fn](a, b) for a in sides[0] for b in sides[1])
