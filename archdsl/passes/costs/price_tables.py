"""Functions of a few variables as tables; outcomes that a function does not distinguish share a row.

The price of a space is a sum of such tables (terms); further tables define auxiliary variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.passes.analyses.decision_diagrams import LEAF, Diagrams

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

Classes = tuple[int, ...]
"""The row of a table for each outcome of a variable: a partition of the outcomes into equivalence classes."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table of a function: `cells` has one axis for each variable; variables are in increasing order."""

    variables: tuple[int, ...]
    classes: tuple[Classes, ...]
    cells: Array

    @property
    def scope(self) -> dict[int, Classes]:
        return dict(zip(self.variables, self.classes, strict=True))

    def over(self, scope: Mapping[int, Classes]) -> Array:
        """The cells as an array over a scope with more variables or finer classes.

        Axes of variables that the table does not depend on have size 1.
        """
        cells = self.cells
        for axis, (variable, own) in enumerate(zip(self.variables, self.classes, strict=True)):
            finer = scope[variable]
            if finer != own:
                cells = np.take(cells, rows_of(own, finer), axis=axis)
        axes = dict(zip(self.variables, cells.shape, strict=True))
        return cells.reshape([axes.get(v, 1) for v in scope])


@dataclass(frozen=True)
class Tables:
    """A cost of the networks of a space as a sum of table lookups.

    The first variables are the decisions, with `sizes[n]` outcomes each. Auxiliary variables follow; the
    value of each is given by its table. The cost is `constant` plus one cell of each table in `terms`.
    """

    decisions: tuple[str, ...]
    sizes: tuple[int, ...]
    auxiliaries: tuple[Table, ...]
    terms: tuple[Table, ...]
    constant: float

    @property
    def arities(self) -> tuple[int, ...]:
        """The number of outcomes of each variable; an auxiliary variable may have some that no network
        has.
        """
        read = {
            variable: len(classes)
            for table in (*self.terms, *self.auxiliaries)
            for variable, classes in table.scope.items()
        }
        first = len(self.sizes)
        own = [int(table.cells.max()) + 1 for table in self.auxiliaries]
        return (*self.sizes, *(max(most, read.get(first + n, 0)) for n, most in enumerate(own)))


def from_diagram(diagrams: Diagrams, root: int, number: Mapping[int, int]) -> Table:
    """The table of a decision diagram whose leaves are numbers; `number` maps levels to variables."""
    classes = diagrams.classes(root)
    levels = list(classes)
    rows = {level: _representatives(c) for level, c in classes.items()}
    memo: dict[tuple[int, int], Array] = {}

    def build(at: int, depth: int) -> Array:
        found = memo.get((at, depth))
        if found is None:
            found = memo[at, depth] = make(at, depth)
        return found

    def make(at: int, depth: int) -> Array:
        if depth == len(levels):
            assert diagrams.level[at] == LEAF
            return np.array(diagrams.value(at))
        level = levels[depth]
        if diagrams.level[at] != level:
            below = build(at, depth + 1)
            return np.broadcast_to(below, (len(rows[level]), *below.shape))
        return np.stack([build(diagrams.children[at][o], depth + 1) for o in rows[level]])

    cells = build(root, 0)
    order = sorted(range(len(levels)), key=lambda n: number[levels[n]])
    return Table(
        tuple(number[levels[n]] for n in order),
        tuple(classes[levels[n]] for n in order),
        np.array(cells.transpose(order), order="C"),
    )


def _representatives(classes: Classes) -> list[int]:
    return [classes.index(c) for c in range(max(classes) + 1)]


def rows_of(coarse: Classes, fine: Classes) -> list[int]:
    """For each class of the partition `fine`, the class of the partition `coarse` that contains it."""
    return [coarse[o] for o in _representatives(fine)]


def common(scopes: Iterable[Mapping[int, Classes]]) -> dict[int, Classes]:
    """The smallest scope in which all tables with these scopes can be added."""
    found: dict[int, Classes] = {}
    for scope in scopes:
        for variable, classes in scope.items():
            known = found.get(variable)
            found[variable] = classes if known is None or known == classes else refined(known, classes)
    return dict(sorted(found.items()))


def refined(a: Classes, b: Classes) -> Classes:
    """The common refinement of two partitions: outcomes share a class if they do in both partitions."""
    numbers: dict[tuple[int, int], int] = {}
    return tuple([numbers.setdefault(pair, len(numbers)) for pair in zip(a, b, strict=True)])


def size(scope: Mapping[int, Classes]) -> int:
    """The number of cells of a table with this scope."""
    return prod(max(classes) + 1 for classes in scope.values())


def added(tables: Sequence[Table]) -> Table:
    """The sum of tables."""
    if len(tables) == 1:
        return tables[0]
    scope = common(t.scope for t in tables)
    cells = np.zeros([max(c) + 1 for c in scope.values()])
    for table in tables:
        cells += table.over(scope)
    return Table(tuple(scope), tuple(scope.values()), cells)


def gathered(tables: Iterable[Table], most_cells: int = 1) -> list[Table]:
    """Adds up tables of equal variables, unless the result exceeds both `most_cells` and its parts."""
    equal: dict[Any, list[Table]] = {}
    for table in tables:
        equal.setdefault((table.variables, table.classes), []).append(table)
    groups: dict[tuple[int, ...], list[Table]] = {}
    for same in equal.values():
        groups.setdefault(same[0].variables, []).append(added(same))
    return [part for group in groups.values() for part in _packed(group, most_cells)]


def merged(tables: Iterable[Table], most_cells: int) -> list[Table]:
    """Adds up tables where the result has at most `most_cells` cells, to get fewer tables with the same sum.

    Tables with equal variables are added, and a small table is added to a table with all or most of its
    variables.
    """
    left = gathered(tables, most_cells)
    left.sort(key=lambda t: (-len(t.variables), -t.cells.size))
    kept: list[list[Table]] = []
    scopes: list[dict[int, Classes]] = []
    for table in left:
        best, cost, own = -1, float("inf"), table.scope
        for n, scope in enumerate(scopes):
            new = len(own) - len(scope.keys() & own.keys())
            if (new and new >= len(own) - 1) or new * most_cells >= cost:
                continue
            cells = size(common([scope, own]))
            if cells <= most_cells and new * most_cells + cells < cost:
                best, cost = n, new * most_cells + cells
        if best < 0:
            kept.append([table])
            scopes.append(own)
        else:
            kept[best].append(table)
            scopes[best] = common([scopes[best], own])
    return [added(group) for group in kept]


def _packed(tables: Sequence[Table], most_cells: int) -> list[Table]:
    """Adds up tables with equal variables as far as the limit on their size allows."""
    whole = size(common(t.scope for t in tables))
    if whole <= max(most_cells, *(t.cells.size for t in tables)):
        return [added(tables)]
    return list(tables)
