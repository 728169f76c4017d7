"""The decoder of branches: derives a network from outcome probabilities of the decisions of a lattice."""

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
"""The mIoU of a network, and its latency in ms (None without a latency table)."""
Into = Callable[..., Space]
"""A function from settings to the space of the derived networks."""


@dataclass(frozen=True)
class Decoder:
    """Decodes networks of one or two branches; `into` returns the space of these networks.

    In that space, each branch has a stage of cells, numbered from 1, and a setting `STAGE_ends`: for each row
    of the lattice, the number of the last cell in that row. The stage of the second branch begins after the
    cells that it shares with the first branch; the setting `shared` is the number of these cells. Decisions
    of cells have the same names as in the lattice.
    """

    config: Branches
    cells: Lattice
    into: Into

    @property
    def ends(self) -> tuple[Ends, ...]:
        """The combinations of end rows, in the order of the setting `ends`."""
        return ends_of(self.config, self.cells)

    def branches(self, logits: Logits) -> dict[int, Branch]:
        """The branches that end in each row of the lattice, by the subscript of the row."""
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
        """The branches of each combination of end rows; `by` are logits or log-probabilities by path."""
        found = self.branches(logits_of(self.cells, by))
        return {ends: tuple(found[end] for end in ends) for ends in self.ends}

    @property
    def by_score(self) -> bool:
        """Whether the combination of end rows is selected by scores (`preferred`), not by probability."""
        usual = "score" if self.config.mode == "released" else "probability"
        return self.config.select is not None and (self.config.select_by or usual) == "score"

    def selected(self, by: Mapping[str, Any]) -> Ends:
        """The combination of end rows of the most probable outcome of the decision `select`.

        The first combination without the setting `select`.
        """
        if self.config.select is None:
            return self.ends[0]
        return self.ends[int(np.argmax(by[self.config.select]))]

    @staticmethod
    def preferred(scores: Mapping[Ends, Score]) -> Ends:
        """The combination of end rows with the largest `objective`, as in the released code of FasterSeg.

        `scores` are mIoU and latency in ms by combination. Of equal combinations, the last one is selected.
        """
        return max(reversed(list(scores)), key=lambda ends: objective(*scores[ends]))

    def network(self, branches: Sequence[Branch], name: str = "Found") -> Network:
        """The network of these branches. Raises SpecError if its space lacks a setting or a candidate.

        A branch is given for each stage of the settings.
        """
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
    """A copy of logits in which those of the candidate `skip` are -inf in all cells."""
    copied = logits.copy()
    for scores in copied.kinds:
        scores[:, skip] = -np.inf
    return copied
