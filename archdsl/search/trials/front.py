"""Pareto sets: non-dominated vectors, their hypervolume, and their knee.

A vector has a number for each objective, lower is better. A vector dominates another one if it is at least as
good in every objective and better in one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import inf, isfinite

Values = tuple[float, ...]


def nondominated(values: Iterable[Values]) -> list[int]:
    """The indices of the non-dominated vectors in ascending order; equal vectors do not dominate each other.

    Non-finite vectors are excluded. Takes O(n log n) time for at most three objectives.
    """
    places: dict[Values, list[int]] = {}
    for place, one in enumerate(values):
        if all(map(isfinite, one)):
            places.setdefault(one, []).append(place)
    return sorted(place for one in _minimal(sorted(places)) for place in places[one])


def _minimal(ordered: Sequence[Values]) -> Iterator[Values]:
    """Yields the non-dominated vectors of `ordered`, which are distinct and in lexicographic order."""
    if ordered and len(ordered[0]) > 3:
        yield from _minimal_of_many(ordered)
        return
    stairs = Stairs()
    for one in ordered:
        x, y = (*one[1:], 0.0, 0.0)[:2]
        if not stairs.covers(x, y):
            stairs.add(x, y)
            yield one


def _minimal_of_many(ordered: Sequence[Values]) -> Iterator[Values]:
    """Yields as `_minimal`, for more than three objectives: compares each vector with those kept so far."""
    import numpy as np

    kept, count = np.empty((len(ordered), len(ordered[0]))), 0
    for one in ordered:  # what dominates it comes before it
        if not (kept[:count] <= one).all(1).any():
            kept[count], count = one, count + 1
            yield one


def hypervolume(values: Iterable[Values], reference: Values) -> float:
    """The volume dominated by the vectors, up to a reference point (Zitzler and Thiele, 1998).

    Exact for any number of objectives; vectors that are not better than the reference in every objective
    contribute nothing. Takes O(n log n) time for at most three objectives, by a sweep (Fonseca, Paquete and
    López-Ibáñez, 2006); for more objectives, slicing takes time polynomial in n, with a degree that grows
    with their number.
    """
    inside = {one for one in values if all(a < b for a, b in zip(one, reference, strict=True))}
    if len(reference) <= 3:
        return _swept({_padded(one, 0.0) for one in inside}, _padded(reference, 1.0))
    ordered = sorted(inside, key=lambda one: one[-1])
    depths = [one[-1] for one in ordered] + [reference[-1]]
    return sum(
        (high - low) * hypervolume((one[:-1] for one in ordered[: n + 1]), reference[:-1])
        for n, (low, high) in enumerate(pairwise(depths))
        if high > low
    )


def _padded(one: Values, by: float) -> Values:
    """The vector with the value `by` appended until it has three elements."""
    return (*one, by, by)[:3]


def _swept(inside: Iterable[Values], reference: Values) -> float:
    """The dominated volume for three objectives, by a sweep: the integral of areas along the last one."""
    stairs, volume, area, before = Stairs(reference[0], reference[1]), 0.0, 0.0, 0.0
    for x, y, z in sorted(inside, key=lambda one: one[2]):
        volume += area * (z - before)
        area, before = area + stairs.add(x, y), z
    return volume + area * (reference[2] - before)


class Stairs:
    """A set of non-dominated points in the plane, lower is better, with the area that they dominate.

    The area is bounded by x = `right` and y = `top`.
    """

    def __init__(self, right: float = inf, top: float = inf):
        self.right, self.top = right, top
        self._xs: list[float] = []  # ascending, while those of y descend
        self._ys: list[float] = []

    def covers(self, x: float, y: float) -> bool:
        """Whether some point of the set is at least as good as (x, y) in both objectives."""
        n = bisect_right(self._xs, x)
        return n > 0 and self._ys[n - 1] <= y

    def add(self, x: float, y: float) -> float:
        """Adds a point, and removes those that it dominates; returns the area gained, 0 if dominated."""
        if self.covers(x, y):
            return 0.0
        first = last = bisect_left(self._xs, x)
        ceiling = self._ys[first - 1] if first else self.top
        gained, left = 0.0, x
        while last < len(self._xs) and self._ys[last] >= y:
            gained += (self._xs[last] - left) * (ceiling - y)
            left, ceiling = self._xs[last], self._ys[last]
            last += 1
        gained += ((self._xs[last] if last < len(self._xs) else self.right) - left) * (ceiling - y)
        self._xs[first:last], self._ys[first:last] = [x], [y]
        return gained


def knee(values: Sequence[Values]) -> int:
    """The index of the knee: the vector farthest below the plane through the extremes (Das, 1999).

    With objectives scaled to the range of the vectors, this is the vector with the minimum sum; the first
    one, if there are several. Raises ValueError without vectors.
    """
    if not values:
        raise ValueError("the knee of an empty front")
    low, high = bounds(values)
    sums = [sum(scaled(one, low, high)) for one in values]
    return sums.index(min(sums))


def bounds(values: Iterable[Values]) -> tuple[Values, Values]:
    """The minimum and the maximum of each objective, as two vectors. Raises ValueError without vectors."""
    columns = list(zip(*values, strict=True))
    if not columns:
        raise ValueError("the bounds of an empty set of vectors")
    return tuple(map(min, columns)), tuple(map(max, columns))


def scaled(one: Values, low: Values, high: Values) -> Values:
    """The vector `one`, scaled so that `low` becomes 0 and `high` becomes 1 in each objective; 0 where these
    are equal.
    """
    return tuple((v - a) / (b - a) if b > a else 0.0 for v, a, b in zip(one, low, high, strict=True))
