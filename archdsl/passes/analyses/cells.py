"""Groups the decisions of a space by cell, and defines the graph for message passing between cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archdsl.ir import Graph
from archdsl.passes.base import Analysis, Contract


@dataclass(frozen=True)
class Cell:
    """The decisions of one block (paths equal up to the last dot): at least two, with equally many
    outcomes.
    """

    path: str
    decisions: tuple[str, ...]
    outcomes: int

    @property
    def form(self) -> tuple[int, int]:
        """The number of decisions, and the number of outcomes of each."""
        return len(self.decisions), self.outcomes


@dataclass(frozen=True)
class CellGraph:
    """The cells in order; `before` is the previous cell of the same form for each cell, if any."""

    cells: tuple[Cell, ...]
    before: Mapping[int, int]


@dataclass(frozen=True)
class Cells(Analysis[CellGraph]):
    """The analysis that finds the cells of a space; messages go from a cell to the next of the same form."""

    name = "cells"
    summary = "the cells of a space, and for each cell the previous one of the same form"
    contract = Contract(needs="space")

    def run(self, graph: Graph) -> CellGraph:
        members: dict[str, list[str]] = {}
        for path in graph.decisions:
            members.setdefault(path.rpartition(".")[0], []).append(path)
        sizes = {path: {graph.decisions[one].size for one in paths} for path, paths in members.items()}
        cells = tuple(
            Cell(path, tuple(paths), min(sizes[path]))
            for path, paths in members.items()
            if len(paths) > 1 and len(sizes[path]) == 1
        )
        last: dict[tuple[int, int], int] = {}
        before: dict[int, int] = {}
        for number, cell in enumerate(cells):
            if cell.form in last:
                before[number] = last[cell.form]
            last[cell.form] = number
        return CellGraph(cells, before)

    def text(self, found: CellGraph) -> str:
        lines = []
        for number, cell in enumerate(found.cells):
            heard = found.cells[found.before[number]].path if number in found.before else ""
            after = f", after {heard}" if heard else ""
            lines.append(f"{cell.path}: {cell.form[0]} decisions of {cell.outcomes} outcomes{after}")
        return "\n".join(lines)
