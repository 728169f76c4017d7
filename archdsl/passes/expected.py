"""The expected price of a network whose decisions are drawn independently: exact, and differentiable.

The expectation is a sum over all networks.  It is taken one variable at a time (variable elimination; for
sums of prices the expectation semiring of Eisner, "Parameter estimation for probabilistic finite-state
transducers", ACL 2002), in an order that is found once.  A node counts with the probability that it lives:
in AutoRTNet a cell behind its gate with P(gate >= i).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.passes.closed_form import Entangled
from archdsl.passes.factoring import factored
from archdsl.passes.probabilities import numbers, tensors
from archdsl.passes.tables import Classes, Table, Tables, common, gathered, rows_of, size

if TYPE_CHECKING:
    import torch

MOST_CELLS = 1 << 22
"""Cells of the greatest intermediate table."""
_MERGED_CELLS = 1 << 10
Scope = dict[int, Classes]
Array = Any
"""A numpy array or a torch tensor."""


class Expected:
    """The expected price of a space, as a function of the probabilities of outcomes by decision."""

    def __init__(self, tables: Tables):
        """Finds the order of elimination.  Raises Entangled where every order needs too large tables."""
        tables = factored(tables, _MERGED_CELLS)
        self.decisions, self.sizes = tables.decisions, tables.sizes
        self._steps = _Scheduler(tables).run()
        self._constant = tables.constant

    def of(self, probabilities: Mapping[str, Any] | None = None) -> float:
        """The expected price.

        `probabilities` maps paths to vectors over the outcomes of a decision, which sum to 1; decisions
        that are left out are uniform.  Raises ValueError for paths and lengths that do not fit.
        """
        given = numbers(self.decisions, self.sizes, probabilities or {})
        return float(self._run(given, _take, np.asarray))

    def torch(self, probabilities: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The same as a scalar tensor of float64 that gradients flow through.

        Gradients are those of the expectation over vectors that sum to 1, such as those of a softmax.
        """
        import torch

        device = next(iter(probabilities.values()), torch.zeros(0)).device

        def tensor(cells: Any) -> torch.Tensor:
            return torch.as_tensor(cells, dtype=torch.float64, device=device)

        def take(array: torch.Tensor, rows: Any, axis: int) -> torch.Tensor:
            return array.index_select(axis, torch.as_tensor(rows, device=device))

        given = tensors(self.decisions, self.sizes, probabilities)
        result: torch.Tensor = self._run(given, take, tensor)
        return result

    def _run(self, given: list[Array], take: Callable[..., Array], constant: Callable[..., Array]) -> Array:
        run = _Run(given, {}, take, constant)
        total = constant(self._constant)
        for step in self._steps:
            total = total + step.run(run)
        return total


def _take(array: Any, rows: Any, axis: int) -> Any:
    return np.take(array, rows, axis=axis)


@dataclass(frozen=True, eq=False)
class _Mass:
    """A factor of the probability; static ones carry their cells, the others are in a slot."""

    scope: Scope
    slot: int = 0
    cells: Any = None


@dataclass(frozen=True, eq=False)
class _Value:
    """A part of the price; `under` are the masses that it has been multiplied by, whose variables it has."""

    scope: Scope
    under: frozenset[_Mass] = frozenset()
    slot: int = 0
    cells: Any = None


@dataclass(frozen=True)
class _Read:
    """How a slot, or static cells, are brought to a scope: rows where it is told apart further; the shape."""

    slot: int
    cells: Any
    rows: tuple[tuple[int, Any], ...]
    shape: tuple[int, ...]

    def get(self, run: _Run) -> Array:
        if self.cells is not None:
            return run.constant(self.cells)
        array = run.slots[self.slot]
        for axis, rows in self.rows:
            array = run.take(array, rows, axis)
        return array.reshape(self.shape)


@dataclass(frozen=True)
class _Run:
    """One evaluation: probabilities of the decisions, messages so far, and the arithmetic."""

    given: Sequence[Array]
    slots: dict[int, Array]
    take: Callable[..., Array]
    constant: Callable[..., Array]


@dataclass(frozen=True)
class _Sum:
    """Parts of the price that are added, multiplied by masses, and summed over one axis into a slot.

    `prior` are the rows of a decision's outcomes, and the shape to bring them to.  Without a slot the
    result is a number.
    """

    variable: int
    axis: int
    shape: tuple[int, ...]
    prior: tuple[Any, tuple[int, ...]] | None
    masses: tuple[_Read, ...]
    values: tuple[_Read, ...]
    slot: int | None

    def run(self, run: _Run) -> Array:
        found = None
        for read in self.values:
            value = read.get(run)
            found = value if found is None else found + value
        if self.prior is not None:
            rows, shape = self.prior
            mass = (run.given[self.variable] @ run.constant(rows)).reshape(shape)
            found = mass if found is None else found * mass
        for read in self.masses:
            mass = read.get(run)
            found = mass if found is None else found * mass
        assert found is not None
        if tuple(found.shape) != self.shape:
            found = found + run.constant(np.zeros(self.shape))
        summed = found.sum(self.axis)
        if self.slot is None:
            return summed.reshape(())
        run.slots[self.slot] = summed
        return 0.0


class _Scheduler:
    """Sums out the variable that leaves the smallest tables, again and again."""

    def __init__(self, tables: Tables):
        self.count = len(tables.sizes)
        self.arities = tables.arities
        self.slots = 0
        self.steps: list[_Sum] = []
        self.masses: list[_Mass] = []
        self.defining: dict[int, _Mass] = {}
        for n, table in enumerate(tables.auxiliaries):
            self.defining[self.count + n] = self._indicator(self.count + n, table)
        self.masses += self.defining.values()
        terms = gathered(tables.terms, _MERGED_CELLS)
        self.values = [_Value(t.scope, cells=t.cells) for t in terms]

    def _indicator(self, variable: int, table: Table) -> _Mass:
        values = self.arities[variable]
        scope = {**table.scope, variable: tuple(range(values))}
        cells = table.cells[..., None] == np.arange(values)
        order = sorted(range(len(scope)), key=lambda n: list(scope)[n])
        return _Mass(dict(sorted(scope.items())), cells=cells.astype(float).transpose(order))

    def run(self) -> list[_Sum]:
        while True:
            self._forget_unread()
            left = {v for scope in self._scopes() for v in scope}
            if not left:
                return self.steps
            self._eliminate(min(left, key=lambda v: (self._cost(v), v)))

    def _forget_unread(self) -> None:
        """Drops auxiliary variables that nothing reads: their mass sums to 1."""
        for variable in sorted(self.defining, reverse=True):
            own = self.defining[variable]
            if own in self.masses and sum(variable in scope for scope in self._scopes()) == 1:
                self.masses.remove(own)

    def _scopes(self) -> list[Scope]:
        return [*(m.scope for m in self.masses), *(v.scope for v in self.values)]

    def _bucket(self, variable: int) -> tuple[list[_Mass], list[_Value]]:
        masses = [m for m in self.masses if variable in m.scope]
        return masses, [v for v in self.values if variable in v.scope or not v.under.isdisjoint(masses)]

    def _alone(self, variable: int, masses: Sequence[_Mass]) -> bool:
        """Whether the variable's own distribution is all the mass there is, so that 1 is left of it."""
        if variable < self.count:
            return not masses
        return len(masses) == 1 and masses[0] is self.defining.get(variable)

    def _cost(self, variable: int) -> int:
        masses, values = self._bucket(variable)
        scopes = [m.scope for m in masses]
        least = 1 if self._alone(variable, masses) else size(common(scopes))
        return max([least, *(size(common([*scopes, v.scope])) for v in values)])

    def _eliminate(self, variable: int) -> None:
        masses, values = self._bucket(variable)
        cost = self._cost(variable)
        if cost > MOST_CELLS:
            raise Entangled(f"an expectation needs a table of {cost:,} cells")
        under = None
        if not self._alone(variable, masses) and any(m.scope.keys() != {variable} for m in masses):
            left = self._sum(variable, masses, [])
            under = _Mass(*left) if left is not None else None
        self.masses = [m for m in self.masses if m not in masses]
        if under is not None:
            self.masses.append(under)
        self.values = [v for v in self.values if v not in values]
        for group in _groups(values, [m.scope for m in masses], cost):
            already = group[0].under
            summed = self._sum(variable, [m for m in masses if m not in already], group)
            if summed is not None:
                scope, slot = summed
                left_over = already.difference(masses) | ({under} if under is not None else set())
                self.values.append(_Value(scope, left_over, slot))

    def _sum(
        self, variable: int, masses: Sequence[_Mass], values: Sequence[_Value]
    ) -> tuple[Scope, int] | None:
        """Adds a step; returns what it leaves and where, None where that is a number."""
        own = [] if variable < self.count else [{variable: tuple(range(self.arities[variable]))}]
        scope = common([*(m.scope for m in masses), *(v.scope for v in values), *own])
        shape = tuple(max(c) + 1 for c in scope.values())
        axis = list(scope).index(variable)
        rest = {v: c for v, c in scope.items() if v != variable}
        prior = None
        if variable < self.count:
            rows = np.zeros((len(scope[variable]), shape[axis]))
            rows[np.arange(len(rows)), scope[variable]] = 1.0
            prior = (rows, tuple(n if at == axis else 1 for at, n in enumerate(shape)))
        self.slots += 1
        slot = self.slots if rest else None
        static = [v for v in values if v.cells is not None]
        reads = [_read(v, scope) for v in values if v.cells is None]
        if static:
            cells = sum([_spread(v, scope) for v in static[1:]], _spread(static[0], scope))
            reads.append(_Read(0, cells, (), cells.shape))
        self.steps.append(
            _Sum(variable, axis, shape, prior, tuple(_read(m, scope) for m in masses), tuple(reads), slot)
        )
        return (rest, self.slots) if rest else None


def _groups(values: Sequence[_Value], scopes: Sequence[Scope], most_cells: int) -> list[list[_Value]]:
    """Parts of the price under one mass that can be added without a table of more cells than any has."""
    groups: list[list[_Value]] = []
    joint: list[Scope] = []
    for value in sorted(values, key=lambda v: -len(v.scope)):
        for n, group in enumerate(groups):
            if group[0].under == value.under:
                both = common([joint[n], value.scope])
                if size(both) <= min(most_cells, max(_MERGED_CELLS, size(joint[n]))):
                    group.append(value)
                    joint[n] = both
                    break
        else:
            groups.append([value])
            joint.append(common([*scopes, value.scope]))
    return groups


def _spread(factor: _Mass | _Value, scope: Scope) -> Any:
    return Table(tuple(factor.scope), tuple(factor.scope.values()), factor.cells).over(scope)


def _read(factor: _Mass | _Value, scope: Scope) -> _Read:
    if factor.cells is not None:
        cells = _spread(factor, scope)
        return _Read(0, cells, (), cells.shape)
    rows = [
        (axis, np.array(rows_of(own, scope[variable])))
        for axis, (variable, own) in enumerate(factor.scope.items())
        if scope[variable] != own
    ]
    shape = tuple(max(c) + 1 if v in factor.scope else 1 for v, c in scope.items())
    return _Read(factor.slot, None, tuple(rows), shape)
