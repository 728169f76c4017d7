"""Which networks near a found one are tried, in what order, and which of them is taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archdsl.search.strategies.hill_climb import Outcomes, climb

CHANCES = [[0.6, 0.3, 0.1], [0.2, 0.8], [0.5, 0.1, 0.4]]


def tried(most: int, score=lambda outcomes: 0.0, name=lambda outcomes: outcomes) -> list[Outcomes]:
    found: list[Outcomes] = []

    def noted(outcomes: Outcomes) -> float:
        found.append(outcomes)
        return score(outcomes)

    climb((0, 1, 0), CHANCES, most, name, noted)
    return found


def test_the_likeliest_neighbours_come_first():
    assert tried(4) == [(0, 1, 0), (0, 1, 2), (1, 1, 0), (0, 0, 0)]


def test_a_better_network_is_gone_on_from():
    assert tried(4, score=lambda o: -o[2]) == [(0, 1, 0), (0, 1, 2), (1, 1, 2), (0, 0, 2)]


def test_outcomes_of_one_network_are_tried_once():
    assert tried(3, name=lambda o: o[:2]) == [(0, 1, 0), (1, 1, 0), (0, 0, 0)]


def test_networks_that_are_not_wanted_are_passed_over():
    assert tried(3, name=lambda o: None if o[2] == 2 else o) == [(0, 1, 0), (1, 1, 0), (0, 0, 0)]


def test_it_ends_where_no_neighbour_is_left():
    assert len(tried(100)) == 1 + 2 + 1 + 2


@given(st.lists(st.floats(-9, 9), min_size=18, max_size=18), st.integers(1, 30))
def test_what_is_taken_is_the_best_of_what_was_tried(scores, most):
    values = dict(zip(((a, b, c) for a in range(3) for b in range(2) for c in range(3)), scores, strict=True))
    seen: dict[Outcomes, float] = {}

    def score(outcomes: Outcomes) -> float:
        return seen.setdefault(outcomes, values[outcomes])

    best = climb((0, 1, 0), CHANCES, most, lambda o: o, score)
    assert seen[best] == min(seen.values())
    assert len(seen) <= most
