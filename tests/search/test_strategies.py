"""What all strategies keep: snapshots, requirements, ends, and the best networks of small spaces."""

from __future__ import annotations

import builtins
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from strategy_runs import Driver, every, hashed, made, small

from archdsl.diagnostics import SpecError
from archdsl.search.strategies.base import Observation, Proposal, Snapshot
from archdsl.search.trials.domain import Domain

WITH_SNAPSHOTS = [
    "random", "random(over = networks)", "evolution(population = 5)",
    "evolution(population = 3, tournament = 2, mutation = 0.4)", "nsga2(population = 4, offspring = 2)",
    "nsga2(population = 5, offspring = 9, candidates = 1)", "hill_climb",
    "hill_climb(draws = 3, order = random)",
    "hill_climb(restart = false)", "successive_halving(of = hill_climb)",
    "successive_halving(of = evolution(population = 4), rungs = [1, 2, 9], keep = 2)",
]  # fmt: skip
STRATEGIES = [
    *WITH_SNAPSHOTS, "optuna", "optuna(sampler = nsga2(population = 4))", "optuna(sampler = random)",
    "successive_halving(of = optuna)",
]  # fmt: skip
LEARNED = "successive_halving(of = reinforce(lr = 0.03, controller = lstm(hidden = 5)), keep = 2)"
"""Proposes networks again, and not every network; others alike are in test_policy_gradient.py."""
SEVERAL = [
    "random", "nsga2", "nsga2(population = 4, offspring = 1)", "optuna",
    "optuna(sampler = nsga2(population = 4))",
    "successive_halving(of = nsga2(population = 4), keep = 2)",
]  # fmt: skip


# ------------------------------------------------------------ snapshots


@pytest.mark.parametrize("text", [*WITH_SNAPSHOTS, LEARNED])
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 60), st.integers(1, 5), st.integers(0, 2**63 - 1))
def test_a_restored_strategy_proposes_what_the_other_one_would_have(
    text: str, steps: int, parallel: int, seed: int
):
    domain = small()
    one = Driver(made(text, domain, seed), domain, parallel)
    one.run(steps)
    other = one.copied(made(text, domain, seed + 1))
    assert other.run(60) == one.run(60)
    assert isinstance(other.strategy, Snapshot)


@pytest.mark.parametrize("text", SEVERAL)
def test_strategies_of_several_objectives_are_restored_and_replayed_as_well(text: str):
    domain = small(goals=2)
    one = Driver(made(text, domain), domain, 3)
    one.run(15)
    if isinstance(one.strategy, Snapshot):
        other = one.copied(made(text, domain, 7))
        assert other.run(20) == one.run(20)
    one.run(20)
    assert Driver(made(text, domain), domain, 3).run(len(one.seen))[: len(one.seen)] == one.seen


@pytest.mark.parametrize("text", STRATEGIES)
def test_proposals_depend_on_the_seed_and_on_it_alone(text: str):
    domain = small()
    first, again, other = (Driver(made(text, domain, seed), domain, 2).run(20) for seed in (3, 3, 4))
    assert first == again != other


# ------------------------------------------------------------ spaces


@pytest.mark.parametrize("text", STRATEGIES)
@pytest.mark.parametrize("parallel", [1, 3])
def test_the_best_network_of_a_small_space_is_found_and_the_search_ends(text: str, parallel: int):
    domain = small()
    driver = Driver(made(text, domain), domain, parallel, rough=False)
    driver.run(4000)
    assert driver.strategy.propose() is None or text.startswith("random")
    rungs = {one.epochs for one in driver.seen}
    found = {domain.canonical(one.outcomes) for one in driver.seen}
    if text != "hill_climb(restart = false)":
        assert found == set(every(domain))
        assert min(found, key=hashed) == min(every(domain), key=hashed)
    if not text.startswith("random"):
        assert len(driver.seen) <= 1.6 * len(rungs) * len(found)


@pytest.mark.parametrize("text", STRATEGIES)
def test_networks_that_miss_a_requirement_on_costs_are_never_proposed(text: str):
    domain = small(meets=lambda outcomes: outcomes[-1] == 1 and sum(outcomes) % 3 != 0)
    driver = Driver(made(text, domain), domain, 2)
    driver.run(400)
    assert driver.seen
    assert all(domain.allowed(domain.canonical(one.outcomes)) for one in driver.seen)
    if text not in ("hill_climb(restart = false)",):
        assert {domain.canonical(one.outcomes) for one in driver.seen} == set(every(domain))


@pytest.mark.parametrize("text", [*STRATEGIES, LEARNED])
def test_a_space_where_nothing_meets_the_requirements_has_no_proposals(text: str):
    domain = small(meets=lambda outcomes: False)
    assert made(text, domain).propose() is None


@pytest.mark.parametrize("text", STRATEGIES)
@pytest.mark.parametrize("sizes", [[1], [1, 1], [2], [1, 3, 1]])
def test_decisions_of_one_outcome_are_searched(text: str, sizes: list[int]):
    domain = Domain.of_sizes(sizes)
    if "networks" in text:
        pytest.skip("sizes alone are not counted")
    driver = Driver(made(text, domain), domain, 2, rough=False)
    driver.run(1500)
    if text != "hill_climb(restart = false)":
        assert {one.outcomes for one in driver.seen} == set(every(domain))


@pytest.mark.parametrize("text", STRATEGIES)
def test_where_all_networks_fail_the_search_goes_on_to_its_end(text: str):
    domain = small()
    strategy = made(text, domain)
    for _ in range(200):
        if (found := strategy.propose()) is None:
            break
        one = found if isinstance(found, Proposal) else Proposal(found)
        strategy.observe(Observation(one.outcomes, (math.inf,), "failed", one.epochs))


@pytest.mark.parametrize("text", [t for t in STRATEGIES if "restart" not in t and "random" not in t])
def test_networks_that_a_search_is_started_with_are_learned_from(text: str):
    domain = small()
    best = min(every(domain), key=hashed)
    strategy = made(text, domain, 5)
    strategy.observe(Observation(best, (hashed(best),)))
    driver = Driver(strategy, domain, 2, rough=False)
    proposed = driver.run(60)
    assert best not in [one.outcomes for one in proposed if one.epochs == proposed[0].epochs]


# ------------------------------------------------------------ random


def test_random_networks_are_all_equally_likely():
    domain, count = small(), Counter()
    strategy = made("random(over = networks)", domain, 11)
    for _ in range(5200):
        count[strategy.propose()] += 1
    assert set(count) == set(every(domain))
    assert chisquare(list(count.values())).pvalue > 0.001


def test_random_outcomes_are_equally_likely_for_each_decision_that_arises():
    domain = small()
    strategy = made("random(over = outcomes)", domain, 12)
    drawn = [strategy.propose() for _ in range(4000)]
    for n, size in enumerate(domain.sizes):
        arose = [one[n] for one in drawn if domain.active(one)[n]]
        assert chisquare([arose.count(o) for o in range(size)]).pvalue > 0.001


def test_random_networks_that_meet_a_requirement_are_all_equally_likely():
    domain = small(meets=lambda outcomes: sum(outcomes) % 2 == 0)
    strategy = made("random(over = networks)", domain, 13)
    count = Counter(strategy.propose() for _ in range(3000))
    assert set(count) == set(every(domain))
    assert chisquare(list(count.values())).pvalue > 0.001


# ------------------------------------------------------------ Optuna


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "optuna":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SpecError) as caught:
        made("optuna(sampler = gp)", small())
    (found,) = caught.value.diagnostics
    assert found.code == "ARCH835"
    assert "archdsl[optuna]" in (found.help or "")


def test_optuna_is_asked_for_the_decisions_that_arise():
    domain = small()
    strategy = made("optuna(sampler = tpe(startup = 2))", domain)
    for _ in range(20):
        outcomes = strategy.propose()
        asked = strategy.open[-1].params  # type: ignore[attr-defined]
        assert {domain.paths[n] for n, there in enumerate(domain.active(outcomes)) if there} <= set(asked)
        assert all(
            asked[path] == o for path, o in zip(domain.paths, outcomes, strict=True) if path in asked and o
        )
        strategy.observe(Observation(outcomes, (hashed(outcomes),)))


def test_what_is_observed_reaches_the_study_and_failures_have_no_value():
    domain = small(goals=2)
    strategy = made("optuna(sampler = nsga2(population = 4))", domain)
    driver = Driver(strategy, domain, 3)
    driver.run(12)
    study = strategy.study  # type: ignore[attr-defined]
    told = {tuple(trial.values) for trial in study.trials if trial.state.name == "COMPLETE"}
    assert told == {values for values, state in driver.known.values() if state == "scored"}
    assert any(trial.state.name == "FAIL" for trial in study.trials)
