"""Rewrites the tables of a price as fewer and smaller tables with the same sum.

If several tables depend on the same few variables, an auxiliary variable replaces these; it has a value for
each combination that some table distinguishes. An auxiliary variable that saves little is substituted into
the tables that read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from archdsl.passes.costs.price_tables import Classes, Table, Tables, common, gathered, size

MOST_COMBINATIONS = 1 << 12
MOST_VISITED = 400_000
"""The maximum number of outcomes of the tables visited to introduce auxiliary variables, a few seconds; no
more are introduced if it is exceeded. Shipped spaces take at most a third of it."""


def factored(tables: Tables, most_cells: int) -> Tables:
    """Tables of the same price with fewer variables in total, where possible of at most `most_cells`."""
    if not tables.terms:  # a constant price reads no variable, however many there are
        return replace(tables, auxiliaries=())
    work = _Work.of(tables, most_cells)
    work.share()
    work.put_in()
    work.share()
    return work.tables(tables)


@dataclass
class _Work:
    """The tables while they are rewritten, and the definitions of auxiliary variables."""

    terms: list[Table]
    definitions: dict[int, Table]
    next: int
    most_cells: int
    refused: set[tuple[int, ...]] = field(default_factory=set)
    visited: int = 0

    @staticmethod
    def of(tables: Tables, most_cells: int) -> _Work:
        first = len(tables.sizes)
        definitions = {first + n: reduced(t) for n, t in enumerate(tables.auxiliaries)}
        terms = [reduced(t) for t in gathered(tables.terms)]
        return _Work(terms, definitions, first + len(definitions), most_cells)

    def share(self) -> None:
        """Introduces an auxiliary variable for each group of variables that occur together in many tables."""
        while self.visited <= MOST_VISITED and (best := self._best_group()) is not None:
            self._replace(best)

    def _all(self) -> list[Table]:
        return [*self.terms, *self.definitions.values()]

    def _best_group(self) -> tuple[int, ...] | None:
        distinct = Counter(frozenset(t.variables) for t in self._all())
        reading: dict[int, list[frozenset[int]]] = {}
        for scope in distinct:
            for variable in scope:
                reading.setdefault(variable, []).append(scope)
        wanted = {s for s, n in distinct.items() if n > 1}
        for scope in distinct:
            wanted.update(scope & other for other in {s for v in scope for s in reading[v]} - {scope})
        best: tuple[int, tuple[int, ...]] | None = None
        for group in sorted(map(tuple, map(sorted, wanted))):
            if len(group) < 2:
                continue
            fewest = min((reading[v] for v in group), key=len)
            users = sum(distinct[scope] for scope in fewest if scope.issuperset(group))
            saved = users * (len(group) - 1) - len(group) - 1
            if saved > 0 and group not in self.refused and (best is None or saved > best[0]):
                best = (saved, group)
        return best[1] if best else None

    def _replace(self, group: tuple[int, ...]) -> None:
        """Replaces a group of variables by an auxiliary one; rejects it if that one has too many values."""
        users = [t for t in self._all() if set(group) <= set(t.variables)]
        self.visited += sum(len(c) for t in users for c in t.classes)
        scope = common({v: c for v, c in t.scope.items() if v in group} for t in users)
        if size(scope) > MOST_COMBINATIONS:
            self.refused.add(group)
            return
        rows = [_grouped(t, scope) for t in users]
        numbers = _joint_numbers(rows)
        if max(numbers) + 1 > min(256, len(numbers) // 2):
            self.refused.add(group)
            return
        shape = [max(c) + 1 for c in scope.values()]
        variable, self.next = self.next, self.next + 1
        place = {id(t): n for n, t in enumerate(users)}
        first = [numbers.index(n) for n in range(max(numbers) + 1)]

        def rewritten(table: Table) -> Table:
            n = place.get(id(table))
            if n is None:
                return table
            rest = {v: c for v, c in table.scope.items() if v not in group}
            cells = rows[n][first].reshape(len(first), *(max(c) + 1 for c in rest.values()))
            plain = tuple(range(len(first)))
            return reduced(_sorted((variable, *rest), (plain, *rest.values()), cells))

        self.terms = [rewritten(t) for t in self.terms]
        self.definitions = {v: rewritten(t) for v, t in self.definitions.items()}
        cells = np.array(numbers).reshape(shape)
        self.definitions[variable] = reduced(Table(tuple(scope), tuple(scope.values()), cells))

    def put_in(self) -> None:
        """Substitutes the definitions of auxiliary variables into the tables that read them, where tables
        become smaller.
        """
        changed = True
        while changed:
            changed = False
            for variable in self._order():
                users = [t for t in self._all() if variable in t.variables]
                if not users:
                    del self.definitions[variable]
                    changed = True
                    continue
                definition = self.definitions[variable]
                grown = sum(len(set(definition.variables) - set(t.variables)) - 1 for t in users)
                if grown >= len(definition.variables) + 1:
                    continue
                if any(_size_with(t, variable, definition) > self.most_cells for t in users):
                    continue
                del self.definitions[variable]
                self.terms = [_with(t, variable, definition) for t in self.terms]
                self.definitions = {v: _with(t, variable, definition) for v, t in self.definitions.items()}
                changed = True
        self.terms = [reduced(t) for t in gathered(self.terms)]

    def _order(self) -> list[int]:
        """The auxiliary variables, each after those that its definition depends on."""
        order: list[int] = []
        done: set[int] = set()

        def visit(variable: int) -> None:
            if variable in done or variable not in self.definitions:
                return
            done.add(variable)
            for other in self.definitions[variable].variables:
                visit(other)
            order.append(variable)

        for variable in self.definitions:
            visit(variable)
        return order

    def tables(self, before: Tables) -> Tables:
        """The resulting tables, renumbered so that auxiliary variables follow the decisions."""
        order = self._order()
        number = {v: v for v in range(len(before.sizes))}
        number |= {v: len(before.sizes) + n for n, v in enumerate(order)}

        def renamed(table: Table) -> Table:
            return _sorted(tuple(number[v] for v in table.variables), table.classes, table.cells)

        constant = before.constant + sum(float(t.cells) for t in self.terms if not t.variables)
        terms = tuple(renamed(t) for t in self.terms if t.variables)
        return replace(
            before,
            auxiliaries=tuple(renamed(self.definitions[v]) for v in order),
            terms=terms,
            constant=constant,
        )


def reduced(table: Table) -> Table:
    """A table of the same function, with equal rows merged and irrelevant variables removed."""
    cells, scope = table.cells, dict(table.scope)
    for variable in list(scope):
        axis = list(scope).index(variable)
        rows = np.moveaxis(cells, axis, 0).reshape(cells.shape[axis], -1)
        first, numbers = _numbered_rows(rows)
        cells = np.take(cells, first, axis=axis)
        if len(first) == 1:
            cells = np.take(cells, 0, axis=axis)
            del scope[variable]
        else:
            scope[variable] = tuple([numbers[c] for c in scope[variable]])
    return Table(tuple(scope), tuple(scope.values()), np.array(cells, order="C"))


def _numbered_rows(rows: Any) -> tuple[list[int], list[int]]:
    """Finds equal rows: the first row of each set of equal rows, and for each row the index of its set."""
    seen: dict[bytes, int] = {}
    first: list[int] = []
    numbers = []
    for n, row in enumerate(np.ascontiguousarray(rows)):
        key = row.tobytes()
        if key not in seen:
            seen[key] = len(first)
            first.append(n)
        numbers.append(seen[key])
    return first, numbers


def _grouped(table: Table, scope: dict[int, Classes]) -> Any:
    """The cells as a matrix: combinations of the variables in `scope` by those of the others."""
    finest = {v: scope.get(v, c) for v, c in table.scope.items()}
    cells = table.over(finest)
    axes = [list(finest).index(v) for v in scope]
    rest = [n for n in range(cells.ndim) if n not in axes]
    return np.ascontiguousarray(cells.transpose(*axes, *rest)).reshape(size(scope), -1)


def _joint_numbers(matrices: Iterable[Any]) -> list[int]:
    """Numbers the rows of matrices; rows that are equal in every matrix get the same number."""
    joint: list[tuple[int, ...]] = list(
        zip(*(_numbered_rows(m)[1] for m in matrices), strict=True)  # a column for each matrix
    )
    numbers: dict[tuple[int, ...], int] = {}
    return [numbers.setdefault(row, len(numbers)) for row in joint]


def _sorted(variables: Sequence[int], classes: Sequence[Classes], cells: Any) -> Table:
    order = sorted(range(len(variables)), key=lambda n: variables[n])
    return Table(
        tuple(variables[n] for n in order),
        tuple(classes[n] for n in order),
        np.array(cells.transpose(order), order="C"),
    )


def _size_with(table: Table, variable: int, definition: Table) -> int:
    rest = {v: c for v, c in table.scope.items() if v != variable}
    return size(common([rest, definition.scope]))


def _with(table: Table, variable: int, definition: Table) -> Table:
    """The table with an auxiliary variable replaced by its definition."""
    if variable not in table.variables:
        return table
    classes = np.array(table.scope[variable])
    rest = {v: c for v, c in table.scope.items() if v != variable}
    scope = common([rest, definition.scope])
    shape = [max(c) + 1 for c in scope.values()]
    by_value = np.moveaxis(
        table.over({v: scope.get(v, c) for v, c in table.scope.items()}), table.variables.index(variable), 0
    )
    spread = by_value.reshape(
        len(by_value), *(n if v in rest else 1 for v, n in zip(scope, shape, strict=True))
    )
    spread = np.broadcast_to(spread, (len(by_value), *shape))
    rows = np.broadcast_to(classes[definition.over(scope)], shape)
    cells = np.take_along_axis(spread, rows[None], axis=0)[0]
    return reduced(Table(tuple(scope), tuple(scope.values()), np.array(cells, order="C")))
