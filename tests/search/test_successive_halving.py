"""Which networks successive halving trains for longer, and what the strategy inside observes."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategy_runs import Driver, made, small

from archdsl.diagnostics import SpecError
from archdsl.search.strategies.base import Observation
from archdsl.search.trials.domain import Domain

TEXT = "successive_halving(of = random, rungs = [1, 3, 9], keep = {})"


def rungs_of(driver: Driver) -> dict[int, set]:
    """The networks scored at each rung."""
    found = defaultdict(set)
    for (outcomes, epochs), (_, state) in driver.known.items():
        if state == "scored":
            found[epochs].add(outcomes)
    return found


@given(st.integers(0, 99), st.integers(1, 4), st.integers(2, 4))
def test_of_every_few_networks_of_a_rung_one_is_promoted(seed: int, parallel: int, keep: int):
    domain = Domain.of_sizes([7, 7, 7])
    driver = Driver(made(TEXT.format(keep), domain, seed), domain, parallel)
    driver.run(60)
    count = Counter(one.epochs for one in driver.seen)
    scored = rungs_of(driver)
    for low, high in ((1, 3), (3, 9)):
        assert count[high] <= len(scored[low]) // keep <= count[high] + parallel
        promoted = {one.outcomes for one in driver.seen if one.epochs == high}
        assert promoted <= scored[low]
    assert max(Counter(one for one in driver.seen if one.epochs != 1).values(), default=1) == 1


def test_the_best_network_of_a_rung_is_promoted():
    domain = Domain.of_sizes([100])
    strategy = made(TEXT.format(3), domain)
    values = [0.5, 0.2, 0.9]
    proposed = [strategy.propose() for _ in values]
    assert [one.epochs for one in proposed] == [1, 1, 1]
    for one, value in zip(proposed, values, strict=True):
        strategy.observe(Observation(one.outcomes, (value,), "scored", 1))
    assert strategy.propose() == (proposed[1].outcomes, 3)
    assert strategy.propose().epochs == 1


def test_with_several_objectives_a_network_of_the_first_front_is_promoted():
    domain = Domain.of_sizes([100], goals=2)
    strategy = made(TEXT.format(3), domain)
    proposed = [strategy.propose() for _ in range(3)]
    for one, values in zip(proposed, [(2.0, 2.0), (1.0, 1.0), (3.0, 3.0)], strict=True):
        strategy.observe(Observation(one.outcomes, values, "scored", 1))
    assert strategy.propose() == (proposed[1].outcomes, 3)


def test_the_strategy_inside_observes_its_own_proposals_at_the_first_rung():
    domain = small()
    strategy = made("successive_halving(of = evolution(population = 4), keep = 2)", domain)
    observed = []
    inside = strategy.inner.observe
    strategy.inner.observe = lambda seen: (observed.append(seen), inside(seen))
    driver = Driver(strategy, domain, 2)
    driver.run(40)
    first = [one.outcomes for one in driver.seen if one.epochs == 1]
    assert [one.outcomes for one in observed] == first[: len(observed)]
    assert {one.epochs for one in observed} == {None}
    assert len(first) < len(driver.seen)


@pytest.mark.parametrize(("of", "place"), [("differentiable", "differentiable"), ("evolution", "evolution")])
def test_a_strategy_that_cannot_stand_inside_is_refused_at_its_place(of: str, place: str):
    goals = 1 if of == "differentiable" else 2
    with pytest.raises(SpecError) as caught:
        made(f"successive_halving(of = {of})", Domain.of_sizes([3], goals=goals))
    (found,) = caught.value.diagnostics
    at = found.primary.location
    assert (found.code, at.source.text[at.start : at.end]) == ("ARCH606", place)
