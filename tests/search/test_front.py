"""Pareto sets against their definitions, by brute force."""

from __future__ import annotations

from itertools import product
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.search.trials.front import bounds, hypervolume, knee, nondominated, scaled

SIDE = 5


def vectors(goals: int, most: int = 14) -> st.SearchStrategy[list[tuple[float, ...]]]:
    """Vectors of small whole numbers, so that many are equal in some goals and volumes are exact."""
    return st.lists(st.tuples(*[st.integers(0, SIDE).map(float)] * goals), max_size=most)


any_goals = st.integers(1, 5).flatmap(vectors)


def dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


@given(any_goals)
@settings(max_examples=50, deadline=None)
def test_the_nondominated_are_those_that_no_other_dominates(values: list[tuple[float, ...]]) -> None:
    wanted = [n for n, one in enumerate(values) if not any(dominates(other, one) for other in values)]
    assert nondominated(values) == wanted


@given(any_goals, st.sampled_from([inf, -inf, nan]))
@settings(max_examples=50, deadline=None)
def test_vectors_that_are_not_finite_are_neither_in_the_set_nor_dominate(
    values: list[tuple[float, ...]], odd: float
) -> None:
    spoiled = [one for value in values for one in (value, (odd, *value[1:]))]
    assert nondominated(spoiled) == [2 * n for n in nondominated(values)]


@given(any_goals)
@settings(max_examples=50, deadline=None)
def test_the_hypervolume_is_the_number_of_unit_cubes_that_are_dominated(
    values: list[tuple[float, ...]],
) -> None:
    goals = len(values[0]) if values else 2
    cubes = sum(
        any(all(a <= c for a, c in zip(one, corner, strict=True)) for one in values)
        for corner in product(range(SIDE), repeat=goals)
    )
    assert hypervolume(values, (float(SIDE),) * goals) == cubes


@given(st.integers(1, 4).flatmap(vectors), st.data())
@settings(max_examples=50, deadline=None)
def test_the_hypervolume_is_that_of_the_front_and_grows_with_it_alone(
    values: list[tuple[float, ...]], data: st.DataObject
) -> None:
    goals = len(values[0]) if values else 2
    top = (SIDE + 1.0,) * goals
    whole = hypervolume(values, top)
    assert hypervolume([values[n] for n in nondominated(values)], top) == whole
    another = data.draw(st.tuples(*[st.integers(0, SIDE).map(float)] * goals))
    covered = any(other == another or dominates(other, another) for other in values)
    more = hypervolume([*values, another], top)
    assert (more == whole) if covered else (more > whole)


@given(st.integers(1, 4).flatmap(vectors))
@settings(max_examples=50, deadline=None)
def test_the_knee_is_on_the_front_and_scaling_a_goal_does_not_move_it(
    values: list[tuple[float, ...]],
) -> None:
    front = [values[n] for n in nondominated(values)]
    if not front:
        with pytest.raises(ValueError, match="empty front"):
            knee(front)
        return
    at = knee(front)
    low, high = bounds(front)
    sums = [sum(scaled(one, low, high)) for one in front]
    assert sums[at] == min(sums)
    assert knee([(4096 * one[0] - 64, *one[1:]) for one in front]) == at


def test_the_knee_of_a_bent_front_is_the_bend() -> None:
    assert knee([(0.0, 100.0), (1.0, 20.0), (2.0, 10.0), (10.0, 9.0), (50.0, 0.0)]) == 2
