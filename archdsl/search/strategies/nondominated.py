"""Ranks networks by several objectives: non-dominated sorting, and crowding distance.

Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II" (2002), sections III.A and III.B.
Fronts are built by sequential insertion (Zhang et al., "An efficient approach to nondominated sorting",
2015), which gives the same fronts with fewer comparisons. With one objective, a front contains equal values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Values = tuple[float, ...]


def dominates(one: Values, other: Values) -> bool:
    """Whether `one` is at most `other` in every objective, and lower in some."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def fronts(values: Sequence[Values]) -> list[list[int]]:
    """The indices of vectors by front: the first front is non-dominated, others only by earlier fronts."""
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
    """The crowding distance of each vector: the distance of its neighbours, summed over objectives.

    Infinite for the extremes of an objective.
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
    """The rank of each vector, lower is better: index of its front, and negative crowding distance."""
    found: list[tuple[int, float]] = [(0, 0.0)] * len(values)
    for number, front in enumerate(fronts(values)):
        for n, distance in zip(front, crowding([values[n] for n in front]), strict=True):
            found[n] = number, -distance
    return found
