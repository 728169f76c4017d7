"""Recognizes lattices of cells: spaces that consist of rows of cells at falling resolutions.

In such a space (as in Auto-DeepLab and FasterSeg), the cell in layer l and row j reads the cell of layer l -
1 in its own row or in the next finer row. Layers are numbered from 0, rows from 0 for the finest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from archdsl.ir import Decision, Graph, Mux

_ENTRY = re.compile(r"\[(-?\d+), (-?\d+)\]")


class NoLattice(Exception):
    """Raised if decisions do not form a lattice of cells; `path` is the first decision that does not fit."""

    def __init__(self, why: str, path: str | None = None):
        super().__init__(why)
        self.path = path


@dataclass(frozen=True)
class Lattice:
    """The paths of the decisions of a lattice, by row j and layer l.

    `kinds[j][l - j]` is the decision on the candidate of cell (l, j). `reads[j][l - j - 1]` is the decision
    on the row that it reads; there is none in the first row, and in the first layer of a row. `widths[0][l]`,
    and `widths[j][l - j + 1]` for j > 0, is the decision on the width of the feature map after layer l; there
    is none in the last layer. `widths` is empty if no width is searched. `finer` is the index of the outcome
    of `reads` that selects the finer row. `rows` are the subscripts of rows, `kind` and `width` the labels of
    outcomes.
    """

    layers: int
    rows: tuple[int, ...]
    kinds: tuple[tuple[str, ...], ...]
    reads: tuple[tuple[str, ...], ...]
    widths: tuple[tuple[str, ...], ...]
    finer: int
    kind: tuple[str, ...]
    width: tuple[str, ...]


def lattice(graph: Graph, kinds: str, reads: str, widths: str | None) -> Lattice:
    """The lattice of a space, from paths of its decisions without subscripts, such as "cells.kind".

    Raises NoLattice if the decisions with these names do not form a complete lattice.
    """
    of_kinds, of_reads = _entries(graph, kinds), _entries(graph, reads)
    of_widths = _entries(graph, widths) if widths is not None else {}
    if not of_kinds:
        raise NoLattice(f"no decision `{kinds}[layer, row]`")
    layers = sorted({layer for layer, _ in of_kinds})
    rows = sorted({row for _, row in of_kinds})
    if layers != list(range(layers[0], layers[0] + len(layers))):
        raise NoLattice(f"the layers of `{kinds}` are not consecutive", next(iter(of_kinds.values())))
    first, count = layers[0], len(layers)
    if count < len(rows) + 1:
        raise NoLattice(f"{count} layers are too few for {len(rows)} rows", next(iter(of_kinds.values())))

    def filled(found: Mapping[tuple[int, int], str], name: str, start: list[int], end: int) -> _Grid:
        return _filled(found, name, rows, [first + n for n in start], first + end)

    cells = filled(of_kinds, kinds, list(range(len(rows))), count)
    joined = filled(of_reads, reads, [count, *range(2, len(rows) + 1)], count)
    sized: _Grid = ()
    if of_widths:
        sized = filled(of_widths, str(widths), [0, *range(len(rows) - 1)], count - 1)
    kind, width = _labels(graph, of_kinds.values()), _labels(graph, of_widths.values())
    stage = next(iter(of_kinds.values())).partition("[")[0]
    finer = {_finer(graph, stage, first, rows, j, n, path)
             for j, paths in enumerate(joined) for n, path in enumerate(paths)}  # fmt: skip
    if len(finer) > 1:
        raise NoLattice(f"the outcomes of `{reads}` are not in one order", joined[1][0])
    return Lattice(count, tuple(rows), cells, joined, sized, finer.pop() if finer else 0, kind, width)


_Grid = tuple[tuple[str, ...], ...]


def _entries(graph: Graph, name: str) -> dict[tuple[int, int], str]:
    """The decisions whose path without subscripts is `name`, by their (layer, row)."""
    found: dict[tuple[int, int], str] = {}
    for path in graph.decisions:
        subscripts = _ENTRY.findall(path)
        if len(subscripts) == 1 and _ENTRY.sub("", path) == name:
            found[int(subscripts[0][0]), int(subscripts[0][1])] = path
    return found


def _filled(
    found: Mapping[tuple[int, int], str], name: str, rows: list[int], starts: list[int], end: int
) -> _Grid:
    """The paths of each row from its first layer on. Raises NoLattice for missing and additional ones."""
    wanted = [[(layer, row) for layer in range(start, end)] for row, start in zip(rows, starts, strict=True)]
    for entry in (entry for row in wanted for entry in row):
        if entry not in found:
            raise NoLattice(f"no decision `{name}` of layer {entry[0]}, row {entry[1]}")
    further = found.keys() - {entry for row in wanted for entry in row}
    if further:
        raise NoLattice(f"`{found[min(further)]}` has no place in the lattice", found[min(further)])
    return tuple(tuple(found[entry] for entry in row) for row in wanted)


def _labels(graph: Graph, paths: Iterable[str]) -> tuple[str, ...]:
    decisions: list[Decision] = [graph.decisions[path] for path in paths]
    for decision in decisions:
        if decision.outcomes != decisions[0].outcomes or decision.count > 1:
            raise NoLattice(f"`{decision.path}` and `{decisions[0].path}` differ in outcomes", decision.path)
    return decisions[0].outcomes if decisions else ()


def _finer(graph: Graph, stage: str, first: int, rows: list[int], j: int, n: int, path: str) -> int:
    """The index of the outcome that reads the finer row; the other outcome must read the row itself."""
    layer = first + j + n
    wanted = [f"{stage}[{layer}, {rows[j - 1]}].", f"{stage}[{layer}, {rows[j]}]."]
    mux = next((item for item in graph.nodes.values() if isinstance(item, Mux) and item.on == path), None)
    sources = [str(source) for _, source in mux.cases] if mux is not None else []
    for finer, starts in enumerate((wanted, wanted[::-1])):
        if len(sources) == 2 and all(map(str.startswith, sources, starts)):
            return finer
    why = f"`{path}` does not choose between the cells of the previous layer in its row and in the finer row"
    raise NoLattice(why, path)
