"""A second decoder after FasterSeg's code, written apart from `archdsl.search.decoding`, in plain lists.

alphas[row][n] are lists of scores, betas[row][n] pairs, ratios[row][n] lists, all indexed as the released
parameters are. Scores are edited in place, and betas replaced, from one branch to the next.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

Rows = list[list[list[float]]]


def soft(values: list[float]) -> list[float]:
    powers = [math.exp(v) for v in values]
    return [p / sum(powers) for p in powers]


def decode_all(
    alphas: Rows, betas: Rows, ratios: Rows, layers: int, skip: int = 0, teacher: bool = False
) -> list[dict[str, Any]]:
    found = []
    for last in range(3):
        for row in (1, 2):
            betas[row] = [soft(pair) for pair in betas[row]]
        path = find_path(betas, last, layers)
        found.append(compact(alphas, ratios, path, skip, teacher))
    return found


def find_path(betas: Rows, last: int, layers: int) -> list[int]:
    steps = [0] * layers
    if last == 1:
        best = None
        for k in range(1, layers - 3):
            if best is None or betas[1][k][0] > betas[1][best][0]:
                best = k
        steps[best or 0] = 1
    if last == 2:
        best_pair, best_value = (0, 1), 0.0
        for b in range(layers - 4):
            for a in range(1, b - 1):
                if betas[1][a][0] * betas[2][b][0] > best_value:
                    best_pair, best_value = (a, b), betas[1][a][0] * betas[2][b][0]
        steps[best_pair[0] + 1] = 1
        steps[best_pair[1] + 2] = 1
    path = [0]
    for step in steps[:-1]:
        path.append(path[-1] + step)
    return path


def first_greatest(values: list[float]) -> int:
    return values.index(max(values))


def compact(alphas: Rows, ratios: Rows, path: list[int], skip: int, teacher: bool) -> dict[str, Any]:
    count, last = len(path), path[-1]
    shortest = round(count / 3) + 2 * last
    widths = []
    for n in range(1, count):
        row = path[n]
        widths.append(first_greatest(ratios[row][n - 1 if row == 0 else n - row]))
    score = [alphas[path[n]][n - path[n]] for n in range(count)]
    if teacher:
        for one in score:
            one[skip] = -math.inf
    candidates = []
    for n in range(count):
        is_down = n + 1 < count and path[n + 1] > path[n]
        if first_greatest(score[n]) == skip and not is_down:
            candidates.append((n, soft(score[n])[skip]))
    downs = [n for n in range(count - 1) if path[n + 1] > path[n]]
    skipping = [n for n, _ in candidates]
    for start, stop in pairwise([*downs, count]):
        inner = list(range(start + 1, stop))
        if inner and all(n in skipping for n in inner):
            least, at = 1.0, -1
            for n in inner:
                if soft(score[n])[skip] <= least:
                    least, at = soft(score[n])[skip], n
            score[at][skip] = -math.inf
    if len(candidates) > count - shortest:
        candidates = sorted(candidates, key=lambda one: one[1], reverse=True)[: count - shortest]
    removable = [n for n, _ in candidates]
    ops: list[int] = []
    rows: list[int] = []
    kept_widths: list[int] = []
    for n in range(count):
        op = first_greatest(score[n])
        if op == skip and n in removable:
            if n == count - 1:
                kept_widths.pop()
            continue
        if op == skip:
            score[n][skip] = -math.inf
            op = first_greatest(score[n])
        ops.append(op)
        rows.append(path[n])
        if n < len(widths):
            kept_widths.append(widths[n])
    return {"ops": ops, "rows": rows, "widths": kept_widths}
