"""The minimum and maximum price of a space, with the decisions that attain them.

Variables are eliminated in turn: for each combination of the other variables in its tables, the best outcome
of the variable is recorded (Dechter, "Bucket elimination", 1999), and afterwards the outcomes are traced back
in reverse. If a table would be too large, the tables of a variable are split into groups that are minimized
separately (mini-buckets: Dechter and Rish, 2003): this gives a bound, and the best network found is then
improved one decision at a time. The result says whether it is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from archdsl.passes.costs.price_tables import Classes, Table, Tables, common, gathered, size

if TYPE_CHECKING:
    from archdsl.passes.costs.binding_pricer import BindingPricer
    from archdsl.passes.costs.pricer import Pricer

MOST_CELLS = 1 << 22
"""The maximum number of cells of intermediate tables; if it is exceeded, the result is a bound."""
MOST_VISITED = 2_000_000
"""The maximum number of outcomes of variables of tables that are visited to find the order of elimination, a
second; if it is exceeded, there is no bound. Shipped spaces take at most a quarter of it."""
TRIES = 2000
"""The number of random networks from which local search starts if the extreme is not exact."""
MOST_PRICED = 1_000_000
"""The maximum number of networks that one local search prices."""
Sense = Literal["least", "most"]


@dataclass(frozen=True)
class Extreme:
    """The minimum or maximum price of a space.

    `price` is the price of the network `outcomes`. No network is beyond `bound`, which is equal to `price` if
    the result is exact, and None if unknown.
    """

    price: float
    outcomes: tuple[int, ...]
    bound: float | None

    @property
    def exact(self) -> bool:
        return self.bound == self.price


def extreme(pricer: Pricer, sense: Sense) -> Extreme:
    """Computes the minimum or maximum price of a space in closed form."""
    sign = 1.0 if sense == "least" else -1.0
    search = _Elimination(pricer.tables, sign)
    try:
        bound, outcomes = search.run()
    except _TooMuchWork:
        return best_found(pricer, pricer.tables.sizes, sense)
    if search.split:
        found = best_found(pricer, pricer.tables.sizes, sense, start=outcomes)
        return replace(found, bound=bound)
    price = pricer.one(outcomes)
    return Extreme(price, tuple(outcomes), price)


def best_found(
    pricer: Pricer | BindingPricer,
    sizes: Sequence[int],
    sense: Sense,
    start: Sequence[int] = (),
    tries: int = TRIES,
    most: int = MOST_PRICED,
) -> Extreme:
    """The best of random networks and `start`, improved by local search over single decisions.

    The result has no bound. Prices at most `most` networks, but at least `tries` random ones and `start`.
    """
    rng = np.random.default_rng(0)
    rows = np.stack([rng.integers(0, n, tries) for n in sizes], axis=1) if sizes else np.zeros((1, 0), int)
    if len(start):
        rows = np.concatenate([np.asarray([start]), rows])
    sign = 1.0 if sense == "least" else -1.0
    prices = sign * pricer.many(rows)
    best, at = float(prices.min()), rows[int(prices.argmin())]
    since = n = 0  # decisions, one after another, until none of them improves it
    priced = len(rows)
    while since < len(sizes) and priced < most:
        others = _others(at, n, sizes[n])[: most - priced]
        priced += len(others)
        prices = sign * pricer.many(others)
        since += 1
        if len(prices) and prices.min() < best:
            best, at, since = float(prices.min()), others[int(prices.argmin())], 1
        n = (n + 1) % len(sizes)
    return Extreme(sign * best, tuple(int(o) for o in at), None)


def _others(at: Any, n: int, outcomes: int) -> Any:
    """The networks that differ from the network `at` in decision n only."""
    rows = np.repeat(at[None], outcomes, axis=0)
    rows[:, n] = range(outcomes)
    return np.delete(rows, at[n], axis=0)


@dataclass(frozen=True)
class _Choice:
    """The best row of an eliminated variable for every combination of the other variables in `scope`.

    `own` maps the outcomes of the variable to rows.
    """

    variable: int
    scope: dict[int, Classes]
    own: Classes
    best: Any


class _TooMuchWork(Exception):
    """Raised if variables have so many tables that the order of elimination takes too long."""


class _Elimination:
    """Computes the minimum of a sum of tables; for the maximum, `sign` is -1."""

    def __init__(self, tables: Tables, sign: float):
        self.sign, self.constant = sign, tables.constant
        self.count, self.arities = len(tables.sizes), tables.arities
        self.split = False
        self.visited = 0
        self.tables = [Table(t.variables, t.classes, sign * t.cells) for t in gathered(tables.terms, 1 << 10)]
        self.definitions = {self.count + n: t for n, t in enumerate(tables.auxiliaries)}
        self.tables += [self._indicator(v, t) for v, t in self.definitions.items()]

    def _indicator(self, variable: int, table: Table) -> Table:
        """A table that is 0 where an auxiliary variable has its defined value, and infinite elsewhere."""
        values = self.arities[variable]
        cells = np.where(table.cells[..., None] == np.arange(values), 0.0, np.inf)
        scope = {**table.scope, variable: tuple(range(values))}
        order = sorted(range(len(scope)), key=lambda n: list(scope)[n])
        scope = dict(sorted(scope.items()))
        return Table(tuple(scope), tuple(scope.values()), cells.transpose(order))

    def run(self) -> tuple[float, list[int]]:
        """Returns the bound, which is exact if no tables were split, and the outcomes of the decisions."""
        choices: list[_Choice] = []
        buckets: dict[int, dict[int, Table]] = {}
        for table in self.tables:
            for variable in table.variables:
                buckets.setdefault(variable, {})[id(table)] = table
        cost = {variable: self._cells(bucket) for variable, bucket in buckets.items()}
        while buckets:
            variable = min(buckets, key=lambda v: (cost[v], v))
            bucket = buckets.pop(variable)
            before = len(self.tables)
            choices.append(self._eliminate(variable, list(bucket.values())))
            touched = {v for t in bucket.values() for v in t.variables} - {variable}
            for other in touched:
                buckets[other] = {k: t for k, t in buckets[other].items() if k not in bucket}
            for table in self.tables[before - len(bucket) :]:
                for other in table.variables:
                    buckets[other][id(table)] = table
            cost.update((other, self._cells(buckets[other])) for other in touched)
        least = self.constant * self.sign + sum(float(t.cells) for t in self.tables)
        return self.sign * least, self._read_back(choices)

    def _cells(self, bucket: Mapping[int, Table]) -> int:
        """The number of cells of a table over all variables of these tables. Raises _TooMuchWork."""
        self.visited += sum(len(classes) for t in bucket.values() for classes in t.classes)
        if self.visited > MOST_VISITED:
            raise _TooMuchWork
        return size(common(t.scope for t in bucket.values()))

    def _eliminate(self, variable: int, bucket: list[Table]) -> _Choice:
        kept = {id(t) for t in bucket}
        self.tables = [t for t in self.tables if id(t) not in kept]
        parts = _parts(bucket)
        self.split |= len(parts) > 1
        found = [self._least(variable, part) for part in parts]
        return found[0]

    def _least(self, variable: int, tables: Sequence[Table]) -> _Choice:
        scope = common(t.scope for t in tables)
        cells = np.zeros([max(c) + 1 for c in scope.values()])
        for table in tables:
            cells = cells + table.over(scope)
        axis = list(scope).index(variable)
        own = scope.pop(variable)
        self.tables.append(Table(tuple(scope), tuple(scope.values()), cells.min(axis=axis)))
        return _Choice(variable, scope, own, cells.argmin(axis=axis))

    def _read_back(self, choices: Sequence[_Choice]) -> list[int]:
        values: dict[int, int] = {}
        for choice in reversed(choices):
            case = tuple(classes[values[v]] for v, classes in choice.scope.items())
            values[choice.variable] = choice.own.index(int(choice.best[case]))
        return [values.get(n, 0) for n in range(self.count)]


def _parts(tables: Sequence[Table]) -> list[list[Table]]:
    """Groups of tables, each of which fits into one table; a single group if possible."""
    parts: list[list[Table]] = []
    for table in sorted(tables, key=lambda t: -t.cells.size):
        for part in parts:
            if size(common([*(t.scope for t in part), table.scope])) <= MOST_CELLS:
                part.append(table)
                break
        else:
            parts.append([table])
    return parts
