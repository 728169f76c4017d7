"""A decoder of branches: from probabilities over the decisions of a lattice to a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from archdsl.configs.decoding import Branches
from archdsl.passes.analyses.lattice import Lattice
from archdsl.program import Network, Space
from archdsl.search.decoding import clean, released
from archdsl.search.decoding.fitting import Ends, ends_of
from archdsl.search.decoding.logits import (
    Branch,
    Logits,
    logits_of,
    objective,
    shared_cells,
    shortest_default,
)

Score = tuple[float, float | None]
"""The mIoU of a network, and its latency in ms; None without a latency table."""
Into = Callable[..., Space]
"""Elaborates the space of the derived networks with settings."""


@dataclass(frozen=True)
class Decoder:
    """Decodes networks of several branches; `into` makes the space of these networks.

    In that space, each branch has a stage of cells, numbered from 1, and a setting `STAGE_ends`: for each row
    of the lattice, the number of the last cell in that row. The stage of the second branch begins after the
    cells that it shares with the first; the setting `shared` is their number. Decisions of cells have the
    same names as in the lattice.
    """

    config: Branches
    cells: Lattice
    into: Into

    @property
    def ends(self) -> tuple[Ends, ...]:
        """The combinations of ends, in the order of the setting `ends`."""
        return ends_of(self.config, self.cells)

    def branches(self, logits: Logits) -> dict[int, Branch]:
        """The branch that ends in each row, by the index of the row."""
        config, rows = self.config, self.cells.rows
        written: tuple[int, ...] = tuple(config.shortest or ())
        shortest = written or tuple(shortest_default(logits.layers, row) for row in range(len(rows)))
        skip = self.cells.kind.index(config.skip) if config.skip in self.cells.kind else None
        if config.mode == "released":
            found = released.decoded_in_order(logits, shortest, skip, without_skip=config.without_skip)
        else:
            used = logits if not config.without_skip or skip is None else without(logits, skip)
            found = [clean.decoded(used, row, shortest[row], skip) for row in range(len(rows))]
        return dict(zip(rows, found, strict=True))

    def candidates(self, by: Mapping[str, Any]) -> dict[Ends, tuple[Branch, ...]]:
        """The branches of each combination of ends, from logits or log-probabilities by decision path."""
        found = self.branches(logits_of(self.cells, by))
        return {ends: tuple(found[end] for end in ends) for ends in self.ends}

    @property
    def by_score(self) -> bool:
        """Whether `preferred` selects the combination of ends; otherwise `selected` does."""
        usual = "score" if self.config.mode == "released" else "probability"
        return self.config.select is not None and (self.config.select_by or usual) == "score"

    def selected(self, by: Mapping[str, Any]) -> Ends:
        """The combination of ends of the most probable outcome of the decision `select`, else the first."""
        if self.config.select is None:
            return self.ends[0]
        return self.ends[int(np.argmax(by[self.config.select]))]

    @staticmethod
    def preferred(scores: Mapping[Ends, Score]) -> Ends:
        """The combination of ends with the largest `objective` of mIoU and latency in ms, as in the released
        code.

        Of equal ones the last, as there. Without latency, the largest mIoU.
        """
        return max(reversed(list(scores)), key=lambda ends: objective(*scores[ends]))

    def network(self, branches: Sequence[Branch], name: str = "Found") -> Network:
        """The network of these branches. Raises SpecError if its space lacks a setting or a candidate."""
        stages, rows = self.config.stages, len(self.cells.rows)
        shared = [0, *(shared_cells(branches[0], branch) for branch in branches[1:])]
        given: dict[str, Any] = {}
        for stage, branch in zip(stages, branches, strict=True):
            given[f"{stage}_ends"] = branch.ends(rows)
        given |= {"shared": shared[1]} if len(shared) > 1 else {}
        space = self.into(**given)
        outcomes: dict[str, str] = {}
        for stage, branch, first in zip(stages, branches, shared, strict=True):
            for n in range(first, len(branch.kinds)):
                outcomes[self._path(stage, n, self.config.kinds)] = self.cells.kind[branch.kinds[n]]
            for n in range(first, len(branch.widths)):
                outcomes[self._path(stage, n, self.config.widths)] = self.cells.width[branch.widths[n]]
        return space.bind(outcomes, name)

    def _path(self, stage: str, cell: int, name: str) -> str:
        return f"{stage}[{cell + 1}].{name.rpartition('.')[2]}"


def without(logits: Logits, skip: int) -> Logits:
    """Logits with that of candidate `skip` set to -inf in all cells."""
    copied = logits.copy()
    for scores in copied.kinds:
        scores[:, skip] = -np.inf
    return copied
