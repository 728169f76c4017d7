"""Decodes branches exactly as the released code of FasterSeg does, including its defects.

network_metas in train/model_seg.py of VITA-Group/FasterSeg, commit 478b026:

* branches to the end rows are decoded in sequence from arrays that are modified in place: for each end row,
  softmax is applied to the probabilities of the reads again, and a skip excluded for one branch is excluded
  for the next;
* the path depends only on the probabilities of halving, and halves one layer early: the read of cell k + 1 is
  used as that of cell k (issue 59 of that repository);
* a cell that must remain between two halvings is still counted among the removable cells.

Arithmetic uses the dtype of the arrays, which is float32 for released parameters.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from archdsl.search.decoding.fitting import RELEASED_ROWS
from archdsl.search.decoding.logits import Branch, Logits

if TYPE_CHECKING:
    from numpy.typing import NDArray


def decoded_in_order(
    logits: Logits, shortest: tuple[int, ...], skip: int | None, *, without_skip: bool = False
) -> list[Branch]:
    """The branches that end in each row, the finest row first.

    `shortest` are the minimum numbers of cells by end row. `without_skip` excludes the candidate `skip`
    everywhere, as the paper does for its teacher. Raises ValueError for more than three rows.
    """
    if logits.rows > RELEASED_ROWS:
        raise ValueError(f"at most {RELEASED_ROWS} rows, got {logits.rows}")
    edited = logits.copy()
    reads = list(edited.reads)
    branches = []
    for end in range(logits.rows):
        reads = [reads[0], *map(softmax, reads[1:])]
        rows = path(reads, end, logits.layers)
        scores = [edited.kinds[row][layer - row] for layer, row in enumerate(rows)]
        widths = [logits.width(layer, rows[layer + 1]) for layer in range(logits.layers - 1)]
        branches.append(_simplified(rows, scores, widths, shortest[end], skip, without_skip))
    return [b if logits.widths else Branch(b.rows, b.kinds, ()) for b in branches]


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """The softmax of each row by PyTorch, whose rounding decides between nearly equal probabilities."""
    found: NDArray[Any] = torch.from_numpy(np.ascontiguousarray(logits)).softmax(-1).numpy()
    return found


def path(reads: list[NDArray[Any]], end: int, layers: int) -> list[int]:
    """The row of each cell on the path to row `end`; `reads` are probabilities, the finer row first."""
    halving: tuple[int, ...] = ()
    if end == 1:
        halving = (int(reads[1][1:-1, 0].argmax()) + 1,)
    elif end == 2:
        halving = (1, 3)  # where every product is 0
        most = 0.0
        for second in range(layers - 4):
            for first in range(1, second - 1):
                product = reads[1][first, 0] * reads[2][second, 0]
                if product > most:
                    halving, most = (first + 1, second + 2), product
    return [sum(layer > at for at in halving) for layer in range(layers)]


def _simplified(
    rows: list[int], scores: list[NDArray[Any]], widths: list[int], shortest: int, skip: int | None,
    without_skip: bool,
) -> Branch:  # fmt: skip
    """The branch without removed cells; excluded skips are set to -inf in `scores`, in place."""
    count = len(rows)
    if without_skip and skip is not None:
        for score in scores:
            score[skip] = -np.inf
    ends = [n + 1 == count or rows[n] == rows[n + 1] for n in range(count)]
    skipping = [n for n in range(count) if ends[n] and scores[n].argmax() == skip]
    chance = {n: softmax(scores[n])[skip] for n in skipping}
    halving = [n for n in range(count) if not ends[n]]
    for start, stop in pairwise([*halving, count]):
        between = range(start + 1, stop)
        if between and all(n in chance for n in between):
            least = min(reversed(between), key=chance.__getitem__)
            scores[least][skip] = -np.inf
    most = count - shortest
    may_go = set(sorted(skipping, key=lambda n: -chance[n])[: max(0, most)])
    kept, kinds = [], []
    for n in range(count):
        kind = int(scores[n].argmax())
        if kind == skip and n in may_go:
            continue
        if kind == skip:
            scores[n][skip] = -np.inf
            kind = int(scores[n].argmax())
        kept.append(n)
        kinds.append(kind)
    return Branch(tuple(rows[n] for n in kept), tuple(kinds), tuple(widths[n] for n in kept[:-1]))
