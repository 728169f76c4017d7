"""Decodes branches from the probabilities of a lattice, each independently of the others.

A branch follows the most probable path, on which the product of the probabilities of the cells' inputs is
maximal. The released code differs (`archdsl.search.decoding.released`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.search.decoding.logits import Branch, Logits

if TYPE_CHECKING:
    from numpy.typing import NDArray


def decoded(logits: Logits, end: int, shortest: int, skip: int | None) -> Branch:
    """The branch that ends in row `end`, with at least `shortest` cells.

    Cells whose most probable op is `skip` are removed, with exceptions that keep the cell with its second
    most probable op: a cell that halves the resolution; one cell between two halvings, and one after the last
    halving; and the cells with the least probable skips, if otherwise fewer than `shortest` cells would
    remain.
    """
    rows = most_probable_path(logits, end)
    scores = [logits.kinds[row][layer - row].astype(float) for layer, row in enumerate(rows)]
    left_out = _left_out(rows, scores, shortest, skip)
    kept = [layer for layer in range(len(rows)) if layer not in left_out]
    kinds = []
    for layer in kept:
        order = np.argsort(-scores[layer], kind="stable")
        kinds.append(int(order[1] if order[0] == skip else order[0]))
    widths = tuple(logits.width(layer, rows[layer + 1]) for layer in kept[:-1]) if logits.widths else ()
    return Branch(tuple(rows[layer] for layer in kept), tuple(kinds), widths)


def most_probable_path(logits: Logits, end: int) -> list[int]:
    """The row of each cell on the most probable path to row `end`, by dynamic programming (Viterbi)."""
    none = -np.inf
    best = np.full((logits.layers, end + 1), none)
    finer = np.zeros((logits.layers, end + 1), dtype=bool)
    best[0, 0] = 0.0
    for layer in range(1, logits.layers):
        for row in range(min(layer, end) + 1):
            down, same = _log_reads(logits, layer, row)
            above = best[layer - 1, row - 1] + down if row else none
            here = best[layer - 1, row] + same
            best[layer, row], finer[layer, row] = max(above, here), above > here
    rows = [end]
    for layer in range(logits.layers - 1, 0, -1):
        rows.append(rows[-1] - int(finer[layer, rows[-1]]))
    return rows[::-1]


def _log_reads(logits: Logits, layer: int, row: int) -> tuple[float, float]:
    """The log-probabilities that a cell reads the next finer row, and that it reads its own row."""
    if row == 0:
        return -np.inf, 0.0
    if layer == row:
        return 0.0, -np.inf
    down, same = logits.reads[row][layer - row - 1].astype(float)
    both = np.logaddexp(down, same)
    return float(down - both), float(same - both)


def _left_out(rows: list[int], scores: list[NDArray[Any]], shortest: int, skip: int | None) -> set[int]:
    """The indices of the cells of a path that are removed (see `decoded`)."""
    if skip is None:
        return set()
    count = len(rows)
    halving = [n for n in range(count - 1) if rows[n + 1] > rows[n]]
    skipping = {n for n in range(count) if n not in halving and int(scores[n].argmax()) == skip}
    chance = [float(np.exp(s[skip] - np.logaddexp.reduce(s))) for s in scores]
    for start, stop in pairwise([*halving, count]):
        between = set(range(start + 1, stop))
        if between and between <= skipping:
            skipping.remove(min(between, key=lambda n: (chance[n], -n)))
    return set(sorted(skipping, key=lambda n: (-chance[n], n))[: max(0, count - shortest)])
