"""The order of networks by several objectives: non-dominated fronts, and crowding inside each.

Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II" (2002), sections III.A and III.B.
Fronts are built by sequential insertion (Zhang et al., "An efficient approach to nondominated sorting",
2015), which makes the same fronts with fewer comparisons.  With one objective a front holds equal values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Values = tuple[float, ...]


def dominates(one: Values, other: Values) -> bool:
    """Whether one is no worse in every objective, and better in some; lower is better."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def fronts(values: Sequence[Values]) -> list[list[int]]:
    """Positions by front: the first holds what nothing dominates, each other what only those before it do."""
    found: list[list[int]] = []
    for n in sorted(range(len(values)), key=values.__getitem__):  # nothing dominates what stands before it
        here = values[n]
        for front in found:
            if not any(dominates(values[other], here) for other in reversed(front)):
                front.append(n)
                break
        else:
            found.append([n])
    return found


def crowding(values: Sequence[Values]) -> list[float]:
    """How far the neighbours of each are apart, relative to the extent of all, summed over objectives.

    Infinite for those at an end of an objective.
    """
    found = [0.0] * len(values)
    for goal in range(len(values[0]) if values else 0):
        order = sorted(range(len(values)), key=lambda n: values[n][goal])
        low, high = values[order[0]][goal], values[order[-1]][goal]
        found[order[0]] = found[order[-1]] = math.inf
        if high > low:
            for before, n, after in zip(order, order[1:], order[2:], strict=False):
                found[n] += (values[after][goal] - values[before][goal]) / (high - low)
    return found


def ranked(values: Sequence[Values]) -> list[tuple[int, float]]:
    """For each its front and its crowding, negative: sorting puts the best first."""
    found: list[tuple[int, float]] = [(0, 0.0)] * len(values)
    for number, front in enumerate(fronts(values)):
        for n, distance in zip(front, crowding([values[n] for n in front]), strict=True):
            found[n] = number, -distance
    return found
