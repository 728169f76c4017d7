"""Checks that a decoder of branches fits a space. Imports few modules, since `check` uses this one."""

from __future__ import annotations

from itertools import product

from archdsl.configs.decoding import Branches
from archdsl.diagnostics import Diagnostic, Label, Location, SpecError
from archdsl.ir import Graph
from archdsl.lang import ast
from archdsl.lang.loader import Unit
from archdsl.passes.analyses.lattice import Lattice, NoLattice, lattice

Ends = tuple[int, ...]
"""The subscripts of the rows at which the branches end, one for each branch."""

RELEASED_ROWS = 3
"""The maximum number of rows that the released code of FasterSeg supports."""
RELEASED_LAYERS = 5
"""The minimum number of layers of the released code: its default path halves in cells 1 and 3, from 0."""


def ends_of(config: Branches, cells: Lattice) -> tuple[Ends, ...]:
    """The combinations of end rows, in the order of the setting `ends`."""
    return tuple(product(*(config.ends or ((cells.rows[-1],), cells.rows[:-1]))))


def fitting(config: Branches, graph: Graph, unit: Unit, at: Location | None = None) -> Lattice:
    """The lattice of cells that the decisions of a space form.

    `unit` is the file with the space `into`. Raises SpecError (ARCH815) if the decisions do not form a
    lattice, or if the settings of the decoder do not fit it.
    """
    if config.into is None or not isinstance(unit.find(config.into)[1], ast.Space):
        named = f"`{config.into}` is not a space of the file" if config.into else "`branches` needs `into`"
        raise unfit(named, "name a space of the file, or an imported one: branches(into = Name)", at)
    try:
        cells = lattice(graph, config.kinds, config.reads, config.widths)
    except NoLattice as error:
        help = "`kinds`, `reads` and `widths` name decisions by their paths without subscripts"
        raise unfit(f"`{graph.name}` is not a lattice of cells: {error}", help, at) from error
    _demand_fits(config, cells, graph, at)
    return cells


def _demand_fits(config: Branches, cells: Lattice, graph: Graph, at: Location | None) -> None:
    rows, ends = cells.rows, ends_of(config, cells)
    for end in (end for combination in ends for end in combination):
        if end not in rows:
            raise unfit(
                f"`ends` has {end}, which is not a row of the lattice",
                f"rows: {', '.join(map(str, rows))}",
                at,
            )
    if len(config.stages) > 2:
        raise unfit(
            "`stages` must name one or two stages, not more", "one for each branch, of the space `into`", at
        )
    if len(ends[0]) != len(config.stages):
        raise unfit("`ends` and `stages` differ in length", "write a list of rows for each stage", at)
    if config.shortest is not None and len(config.shortest) != len(rows):
        raise unfit(f"`shortest` needs {len(rows)} numbers", "one for each row of the lattice", at)
    if config.mode == "released" and len(rows) > RELEASED_ROWS:
        raise unfit(f"`mode = released` needs at most {RELEASED_ROWS} rows", "use mode = corrected", at)
    if config.mode == "released" and cells.layers < RELEASED_LAYERS:
        headline = f"`mode = released` needs at least {RELEASED_LAYERS} layers, not {cells.layers}"
        raise unfit(headline, "use mode = corrected", at)
    if config.select is None:
        if config.select_by is not None:
            raise unfit(
                "`select_by` needs `select`", "name the decision that chooses the end rows: select = NAME", at
            )
        return
    decision = graph.decisions.get(config.select)
    if decision is None or decision.size != len(ends):
        headline = f"`{config.select}` is not a decision with {len(ends)} outcomes"
        raise unfit(
            headline, "name a decision with an outcome for each combination of `ends`, in their order", at
        )


def unfit(headline: str, help: str, at: Location | None) -> SpecError:
    """The error ARCH815, for a decoder that does not fit a space."""
    return SpecError([Diagnostic("ARCH815", headline, Label(at) if at else None, help=help)])
