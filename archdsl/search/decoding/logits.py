"""Architecture parameters of a lattice as arrays, and branches decoded from them.

Shapes: L layers, R rows, q candidates, w widths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.passes.analyses.lattice import Lattice

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Logits:
    """The logits of a lattice, as arrays by row j; cell (l, j) is the cell of layer l in row j.

    `kinds[j]` are the logits of ops, (L - j) × q, with cell (l, j) at index l - j. `reads[j]` are the logits
    of the rows that cells read, the finer row first: (L - j - 1) × 2 for j > 0, with cell (l, j) at index l -
    j - 1 (`reads[0]` is empty). `widths` are the logits of output widths: `widths[0]` is (L - 1) × w, with
    layer l at index l, and `widths[j]` is (L - j) × w, with layer l at index l - j + 1; empty if widths are
    not searched.
    """

    kinds: tuple[NDArray[Any], ...]
    reads: tuple[NDArray[Any], ...]
    widths: tuple[NDArray[Any], ...]

    @property
    def layers(self) -> int:
        return len(self.kinds[0])

    @property
    def rows(self) -> int:
        return len(self.kinds)

    def width(self, layer: int, row: int) -> int:
        """The index of the most probable output width of a layer in a row; 0 if widths are not searched."""
        if not self.widths:
            return 0
        return int(self.widths[row][layer - max(0, row - 1)].argmax())

    def copy(self) -> Logits:
        """A copy with separate arrays."""
        return Logits(*(tuple(map(np.array, part)) for part in (self.kinds, self.reads, self.widths)))


@dataclass(frozen=True)
class Branch:
    """A decoded branch, a chain of cells: the input row and candidate of each, and output widths, as indices.

    The last cell has no entry in `widths`, since its width is that of the head.
    """

    rows: tuple[int, ...]
    kinds: tuple[int, ...]
    widths: tuple[int, ...]

    @property
    def end(self) -> int:
        """The row of the output of the branch."""
        return self.rows[-1]

    def ends(self, rows: int) -> tuple[int, ...]:
        """For each of `rows` rows, the number of cells whose output is in this row or in a finer one."""
        written = [*self.rows[1:], self.rows[-1]]
        return tuple(sum(at <= row for at in written) for row in range(rows))


def logits_of(found: Lattice, by: Mapping[str, Any]) -> Logits:
    """Arranges vectors by decision path, logits or log-probabilities, in the arrays of a lattice."""

    def stacked(rows: Sequence[Sequence[str]], finer: int = 0) -> tuple[NDArray[Any], ...]:
        arrays = [np.array([np.asarray(by[path]) for path in paths]) for paths in rows]
        return tuple(array[:, ::-1] if finer else array for array in arrays)

    reads = (np.empty((0, 2)), *stacked(found.reads[1:], found.finer))
    return Logits(stacked(found.kinds), reads, stacked(found.widths))


def shared_cells(first: Branch, other: Branch) -> int:
    """The number of cells at the beginning that two branches share: with equal candidate, width and next row.

    The last cell of a branch is never shared.
    """
    count = min(len(first.rows), len(other.rows)) - 1
    for n in range(count):
        alike = first.kinds[n] == other.kinds[n] and first.rows[n + 1] == other.rows[n + 1]
        if not alike or (first.widths and first.widths[n] != other.widths[n]):
            return n
    return count


def objective(
    miou: float, latency_ms: float | None, target_ms: float = 8.3, exponent: float = -0.07
) -> float:
    """mIoU · (latency / target)^exponent, by which the released code of FasterSeg selects a pair of branches.

    Returns the mIoU if the latency is None. Implements objective_acc_lat in tools/utils/darts_utils.py of
    VITA-Group/FasterSeg, which follows MnasNet (arXiv:1807.11626).
    """
    if latency_ms is None:
        return miou
    return miou * float((latency_ms / target_ms) ** exponent)


def shortest_default(layers: int, row: int) -> int:
    """The default minimum number of cells of a branch that ends in a row: layers / 3, plus 2 per halving.

    As in the released code of FasterSeg.
    """
    return round(layers / 3) + 2 * row
