"""The expected latency of a lattice of cells as computed by the released code of FasterSeg, with its defects.

`Network_Multi_Path.forward_latency` in search/model_search.py of VITA-Group/FasterSeg, commit 478b026, adds
up latencies along the layers, row by row and in place. These defects are reproduced:

* all totals are blended by the read probabilities of the last row, or by the last of these for layers in
  which that row has no cell. So the read probabilities of other rows have no useful gradient; the gradient
  is largest for the last read probability of the last row;
* the total that a row takes from the next finer row already includes the current layer, and so does its own
  total, to which a halving is added;
* a cell counts as if it were part of every network;
* only stem and cells count, not the layers that join the rows.

Two more defects are in the table: with the mapping `fasterseg_released`, two zoomed convolutions have the row
of two plain convolutions, and the rows of skips at stride 1 timed an identity.
`archdsl.devices.objective.Costs.soft` is the expected latency without these defects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archdsl.devices.lattice_rows import LatticeRows, Way

if TYPE_CHECKING:
    import torch


def released_latency(rows: LatticeRows, probabilities: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The expected latency in ms, differentiable in `probabilities`, vectors over outcomes by decision path.

    Decisions without probabilities are uniform. A width has its most probable outcome, with a
    straight-through gradient to its probability. Sums are in the order of the released code, in the dtype of
    the probabilities.
    """
    import torch

    cells, decisions = rows.cells, rows.graph.decisions

    def chances(path: str) -> torch.Tensor:
        size = decisions[path].size
        given = probabilities.get(path)
        return torch.full((size,), 1 / size) if given is None else given

    def width(path: str | None) -> tuple[int, torch.Tensor | float]:
        if path is None:
            return 0, 1.0
        vector = chances(path)
        largest = int(vector.argmax())
        return largest, vector[largest] + (1 - vector[largest].detach())

    def spent(way: Way, kinds: torch.Tensor) -> torch.Tensor:
        (before, taken), (behind, given) = width(way.before), width(way.behind)
        total = torch.zeros(())
        for kind, chance in enumerate(kinds):
            total = total + way.ms[kind, before, behind] * chance * taken * given
        return total

    def spent_in(layer: int, row: int) -> list[torch.Tensor]:
        """The latency of a cell in each mode, blended over the rows that it reads, which cost the same."""
        kinds = chances(cells.kinds[row][layer - row])
        found = [spent(way, kinds) for way in rows.ways[layer][row]]
        if not layer > row > 0:
            return found
        read = chances(cells.reads[row][layer - row - 1])
        return [read[cells.finer] * ms + read[1 - cells.finer] * ms for ms in found]

    last = len(cells.rows) - 1
    keep: list[torch.Tensor | float] = [rows.stem_ms, *([0.0] * last)]
    down: list[torch.Tensor | float] = [0.0] * (last + 1)
    for layer, ways in enumerate(rows.ways):
        for row in range(len(ways)):
            kept, *rest = spent_in(layer, row)
            halved = rest[0] if rest else None
            if row == 0:
                keep[0] = keep[0] + kept
                down[0] = down[0] if halved is None else keep[0] + halved
            elif row == layer:
                keep[row] = down[row - 1] + kept
                down[row] = down[row] if halved is None else down[row - 1] + halved
            else:
                read = chances(cells.reads[last][layer - last - 1])  # at -1, the last one
                finer, same = read[cells.finer], read[1 - cells.finer]
                keep[row] = same * keep[row] + finer * down[row - 1] + kept
                down[row] = same * keep[row] + finer * down[row - 1] + (0.0 if halved is None else halved)
    return torch.stack([torch.as_tensor(ms) for ms in keep]).sum()
