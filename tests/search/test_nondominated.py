"""The order of networks by several objectives, beside its definition."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from archdsl.search.strategies.nondominated import crowding, dominates, fronts, ranked

VALUES = st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[st.integers(0, 5)] * n), max_size=24))


@given(VALUES)
def test_each_front_is_what_nothing_outside_of_earlier_ones_dominates(values):
    left = set(range(len(values)))
    for front in fronts(values):
        assert set(front) == {n for n in left if not any(dominates(values[m], values[n]) for m in left)}
        left -= set(front)
    assert not left


@given(VALUES)
def test_what_dominates_is_ranked_better(values):
    ranks = ranked(values)
    for n, one in enumerate(values):
        assert all(ranks[n] < ranks[m] for m, other in enumerate(values) if dominates(one, other))


def test_crowding_is_the_extent_of_the_neighbours_relative_to_that_of_all():
    values = [(0.0, 10.0), (1.0, 6.0), (3.0, 1.0), (4.0, 0.0)]
    assert crowding(values) == [math.inf, 3 / 4 + 9 / 10, 3 / 4 + 6 / 10, math.inf]
    assert crowding([(1.0, 2.0)]) == [math.inf]
    assert crowding([]) == []


def test_with_one_objective_fronts_hold_equal_values():
    assert fronts([(2,), (1,), (2,), (0,)]) == [[3], [1], [0, 2]]
