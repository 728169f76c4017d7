"""Prices networks by table lookups: many networks at once, or one network with little overhead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.passes.costs.factoring import factored
from archdsl.passes.costs.price_tables import Classes, Table, Tables, merged

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Outcomes = NDArray[np.integer[Any]]

CHUNK = 1 << 13
"""The number of networks that are priced at a time, so that intermediate results stay in the CPU cache."""
MOST_CELLS_TOGETHER = 1 << 12
MOST_CELLS_OF_MANY = 1 << 14
MOST_CELLS_OF_ONE = 1 << 14


class Pricer:
    """A price of the networks of a space, computed by lookups in tables.

    Networks are given as outcome indices in the order of `decisions`; inactive decisions may have any
    outcome.
    """

    def __init__(self, tables: Tables):
        self.tables = tables = factored(tables, MOST_CELLS_TOGETHER)
        self.decisions = tables.decisions
        terms = merged(tables.terms, MOST_CELLS_OF_MANY)
        self._plan = _Plan(tables, terms)

    def many(self, outcomes: ArrayLike) -> NDArray[np.float64]:
        """The prices of N networks; `outcomes` are outcome indices, an array of shape N × decisions.

        Raises ValueError for a wrong number of decisions and for invalid outcomes.
        """
        rows = np.asarray(outcomes)
        if rows.ndim != 2 or rows.shape[1] != len(self.decisions):
            raise ValueError(f"expected N × {len(self.decisions)} outcomes, got shape {rows.shape}")
        if rows.size and not np.issubdtype(rows.dtype, np.integer):  # an empty array has no integer dtype
            raise ValueError(f"expected integer outcomes, got {rows.dtype}")
        prices = np.empty(len(rows))
        for start in range(0, len(rows), CHUNK):
            prices[start : start + CHUNK] = self._plan.run(rows[start : start + CHUNK])
        return prices

    def one(self, outcomes: Sequence[int]) -> float:
        """The price of one network. Raises ValueError or IndexError for invalid outcomes.

        For loops, use `one_function`, which has no call overhead and no checks.
        """
        if min(outcomes, default=0) < 0:
            raise IndexError("outcome out of range")
        return self.one_function(outcomes)  # type: ignore[no-any-return]

    @cached_property
    def one_function(self) -> Any:
        """A compiled function that maps the outcome indices of one network to its price, without checks."""
        return _compiled(self.tables, merged(self.tables.terms, MOST_CELLS_OF_ONE))


class _Plan:
    """The steps of pricing many networks: for each table, the offset in its cells that each outcome adds."""

    def __init__(self, tables: Tables, terms: Sequence[Table]):
        self.sizes = np.array(tables.sizes)
        self.constant = tables.constant
        needed = _needed(tables, terms)
        self.auxiliaries = [
            (len(tables.sizes) + n, _offsets(t), np.ascontiguousarray(t.cells.reshape(-1).astype(np.intp)))
            for n, t in enumerate(tables.auxiliaries)
            if n in needed
        ]
        self.terms = [(_offsets(t), np.ascontiguousarray(t.cells.reshape(-1))) for t in terms]
        read = {v for _, offsets, _ in self.auxiliaries for v, _ in offsets}
        self.read = sorted(read | {v for offsets, _ in self.terms for v, _ in offsets})

    def run(self, rows: Outcomes) -> NDArray[np.float64]:
        columns = np.ascontiguousarray(rows.T).astype(np.intp)
        if columns.size and (columns.min() < 0 or (columns.max(axis=1) >= self.sizes).any()):
            raise ValueError("outcome out of range")
        found: dict[int, Any] = {v: columns[v] for v in self.read if v < len(columns)}
        index, moved = np.empty(len(rows), np.intp), np.empty(len(rows), np.intp)
        for variable, offsets, cells in self.auxiliaries:
            _place(offsets, found, index, moved)
            found[variable] = cells.take(index)
        prices = np.full(len(rows), self.constant)
        picked = np.empty(len(rows))
        for offsets, cells in self.terms:
            _place(offsets, found, index, moved)
            cells.take(index, out=picked, mode="clip")
            prices += picked
        return prices


def _place(offsets: Sequence[tuple[int, Any]], found: Mapping[int, Any], index: Any, moved: Any) -> None:
    """Writes the index of each network's cell in a table to `index`: the sum of the offsets of its outcomes.

    `moved` is a buffer of the same shape.
    """
    (variable, step), *rest = offsets
    _move(step, found[variable], index)
    for variable, step in rest:
        _move(step, found[variable], moved)
        np.add(index, moved, out=index)


def _move(step: Any, outcomes: Any, out: Any) -> None:
    if isinstance(step, int):
        np.multiply(outcomes, step, out=out)
    else:
        step.take(outcomes, out=out, mode="clip")


def _offsets(table: Table) -> list[tuple[int, Any]]:
    """The offset in a table's cells for each outcome, by variable.

    The offset of outcome o is o times a number if all outcomes are distinguished, otherwise an entry of an
    array.
    """
    found = []
    stride = 1
    for variable, classes, size in reversed(
        list(zip(table.variables, table.classes, table.cells.shape, strict=True))
    ):
        plain = classes == tuple(range(len(classes)))
        found.append((variable, stride if plain else np.array(classes, np.intp) * stride))
        stride *= size
    return found


def _needed(tables: Tables, terms: Sequence[Table]) -> set[int]:
    """The auxiliary variables that the terms depend on, directly or through other auxiliary variables."""
    first = len(tables.sizes)
    wanted = {v - first for t in terms for v in t.variables if v >= first}
    for n in reversed(range(len(tables.auxiliaries))):
        if n in wanted:
            wanted |= {v - first for v in tables.auxiliaries[n].variables if v >= first}
    return wanted


def _compiled(tables: Tables, terms: Sequence[Table]) -> Any:
    """A Python function from a sequence of outcome indices to the price, generated as one expression."""
    scope: dict[str, Any] = {}
    decisions = ", ".join(f"v{n}" for n in range(len(tables.sizes)))
    lines = [f"({decisions},) = outcomes"] if tables.sizes else []
    needed = _needed(tables, terms)
    for n, table in enumerate(tables.auxiliaries):
        if n in needed:
            lines.append(f"v{len(tables.sizes) + n} = {_lookup(table, f'a{n}', scope)}")
    parts = [_lookup(table, f"t{n}", scope) for n, table in enumerate(terms)]
    parts.insert(0, repr(float(tables.constant)))
    groups = [" + ".join(parts[n : n + 50]) for n in range(0, len(parts), 50)]
    lines.append(f"total = {groups[0]}")
    lines += [f"total += {group}" for group in groups[1:]]
    lines.append("return total")
    names = ", ".join(f"{name}={name}" for name in scope)
    text = f"def price(outcomes, *, {names}):\n    " if names else "def price(outcomes):\n    "
    exec(compile(text + "\n    ".join(lines), "<price>", "exec"), scope)
    return scope["price"]


def _lookup(table: Table, name: str, scope: dict[str, Any]) -> str:
    """The Python expression that looks up the cell of a table, indexed by local variables."""
    scope[name] = _expanded(table)
    return name + "".join(f"[v{v}]" for v in table.variables)


def _expanded(table: Table) -> Any:
    """The cells of a table as nested tuples indexed by outcomes; equal rows are the same tuple."""

    def nested(cells: Any, classes: Sequence[Classes]) -> Any:
        if not classes:
            return cells.item()
        rows = [nested(row, classes[1:]) for row in cells]
        return tuple([rows[c] for c in classes[0]])

    return nested(table.cells, table.classes)
