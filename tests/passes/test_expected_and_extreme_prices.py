"""Expected, least and greatest prices of spaces, against enumeration."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
import torch

import archdsl
from archdsl.passes.analyses.closed_form import Entangled
from archdsl.passes.costs import extremes
from archdsl.passes.costs.pricing import MACS, PARAMS, Price, traffic_price
from archdsl.passes.costs.space_cost import SpaceCost, random_outcomes
from archdsl.resources import specs_folder
from random_spaces import random_space

PRICES = {price.name: price for price in (PARAMS, MACS, traffic_price())}
SEEDS = range(20)
ONE = "arch 1\nspace One { input image: [3, 16, 16]\noutput y = image -> conv(c = 8) }"


@cache
def shipped(name: str) -> SpaceCost:
    return SpaceCost(archdsl.load(specs_folder() / f"{name}.arch").space().graph)


def all_networks(cost: SpaceCost) -> np.ndarray:
    sizes = [d.size for d in cost.graph.decisions.values()]
    return np.array(list(itertools.product(*map(range, sizes))))


def some_probabilities(cost: SpaceCost, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {path: rng.dirichlet(np.ones(d.size)) for path, d in cost.graph.decisions.items()}


def weights(rows: np.ndarray, probabilities: dict[str, np.ndarray]) -> np.ndarray:
    found = np.ones(len(rows))
    for column, vector in zip(rows.T, probabilities.values(), strict=True):
        found *= vector[column]
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", PRICES)
def test_the_expected_price_is_the_mean_over_all_networks(seed, name):
    cost = SpaceCost(random_space(seed).graph)
    rows = all_networks(cost)
    prices = cost.pricer(PRICES[name]).many(rows)
    expected = cost.expected(PRICES[name])
    assert expected.exact
    assert expected.of() == pytest.approx(prices.mean(), rel=1e-12)
    probabilities = some_probabilities(cost, seed)
    mean = (weights(rows, probabilities) * prices).sum()
    assert expected.of(probabilities) == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", PRICES)
def test_gradients_of_the_expected_price_are_those_of_the_mean_over_all_networks(seed, name):
    cost = SpaceCost(random_space(seed).graph)
    rows = all_networks(cost)
    prices = torch.as_tensor(cost.pricer(PRICES[name]).many(rows))
    torch.manual_seed(seed)
    logits = {p: torch.randn(d.size, dtype=torch.float64) for p, d in cost.graph.decisions.items()}

    def gradients(function):
        own = {path: v.clone().requires_grad_() for path, v in logits.items()}
        function({path: v.softmax(0) for path, v in own.items()}).backward()
        return torch.cat([v.grad for v in own.values()])

    def mean(probabilities):
        chance = torch.ones(len(rows), dtype=torch.float64)
        for column, vector in zip(rows.T, probabilities.values(), strict=True):
            chance = chance * vector[torch.as_tensor(column)]
        return (chance * prices).sum()

    torch.testing.assert_close(
        gradients(cost.expected(PRICES[name]).torch), gradients(mean), rtol=1e-9, atol=1e-3
    )


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["space", "autortnet", "fasterseg"])
def test_gradients_on_shipped_spaces_agree_with_finite_differences(spec):
    cost = shipped(spec)
    expected = cost.expected(MACS)
    generator = torch.Generator().manual_seed(1)
    logits = {p: torch.randn(d.size, generator=generator) for p, d in cost.graph.decisions.items()}
    own = {p: v.to(torch.float64).requires_grad_() for p, v in logits.items()}
    expected.torch({p: v.softmax(0) for p, v in own.items()}).backward()
    for path in list(own)[:: len(own) // 5]:
        direction = torch.zeros_like(own[path])
        direction[0] = 1e-5

        def at(sign, path=path, direction=direction):
            moved = {p: (v + sign * direction if p == path else v).detach() for p, v in own.items()}
            return expected.of({p: v.softmax(0).numpy() for p, v in moved.items()})

        slope = (at(1) - at(-1)) / 2e-5
        assert own[path].grad[0].item() == pytest.approx(slope, rel=1e-4, abs=abs(expected.of()) * 1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["space", "gas", "autortnet", "fasterseg"])
def test_the_expectation_over_a_shipped_space_is_what_sampling_tends_to(spec):
    cost = shipped(spec)
    assert cost.expected(MACS).exact
    drawn = cost.distribution(MACS, 40_000).prices
    error = drawn.std() / len(drawn) ** 0.5
    assert abs(cost.expected(MACS).of() - drawn.mean()) < 5 * error


def test_a_cell_of_autortnet_lives_with_the_probability_that_the_gate_is_not_before_it():
    """Where no edge is zero, so that every cell reads the one before it (AutoRTNet, section 3.2)."""
    cost = shipped("autortnet")
    rng = np.random.default_rng(2)
    probabilities = {}
    for path, decision in cost.graph.decisions.items():
        vector = rng.dirichlet(np.ones(decision.size))
        if "zero" in decision.index:
            vector[decision.index["zero"]] = 0
        probabilities[path] = vector / vector.sum()
    for hyper, cells in ((1, 5), (2, 10), (3, 10)):
        gate = probabilities[f"hyper[{hyper}].gate"]
        for i in (2, 3, cells):
            last = [n for n in cost.graph.nodes if n.startswith(f"hyper[{hyper}].cells[{i}].x.")][-1]
            assert cost.life(last, probabilities) == pytest.approx(gate[i - 1 :].sum(), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["params", "macs"])
@pytest.mark.parametrize("spec", ["space", "gas", "autortnet", "fasterseg"])
def test_a_network_that_is_certain_is_expected_at_its_price_exactly(spec, name):
    cost, price = shipped(spec), PRICES[name]
    rows = random_outcomes(cost.graph, 5)
    for row, own in zip(rows, cost.pricer(price).many(rows), strict=True):
        certain = {p: np.eye(d.size)[o] for (p, d), o in zip(cost.graph.decisions.items(), row, strict=True)}
        assert cost.expected(price).of(certain) == own


def test_a_space_without_decisions_is_expected_at_the_price_of_its_network():
    graph = archdsl.load("one.arch", text=ONE).space().graph
    found = SpaceCost(graph).expected(PARAMS)
    assert found.of() == float(found.torch({})) == 3 * 8 * 9


def test_any_additive_price_has_an_expectation():
    cost = shipped("space")
    price = Price("kernels", "", lambda piece: 1.5 + len(piece), by="op")
    drawn = cost.distribution(price, 20_000).prices
    assert abs(cost.expected(price).of() - drawn.mean()) < 5 * drawn.std() / len(drawn) ** 0.5


def test_probabilities_that_do_not_fit_are_refused():
    expected = shipped("space").expected(MACS)
    with pytest.raises(ValueError, match="unknown decision"):
        expected.of({"nonsense": [1.0]})
    with pytest.raises(ValueError, match="outcomes"):
        expected.of({"hyper[1].gate": [1.0]})


@pytest.mark.slow
def test_a_space_without_closed_form_has_no_exact_expectation():
    with pytest.raises(Entangled, match="too many decisions"):
        shipped("template").expected(MACS)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", PRICES)
def test_the_extremes_are_those_of_all_networks(seed, name):
    cost = SpaceCost(random_space(seed).graph)
    prices = cost.pricer(PRICES[name]).many(all_networks(cost))
    least, most = cost.extreme(PRICES[name], "least"), cost.extreme(PRICES[name], "most")
    assert (least.price, most.price) == (prices.min(), prices.max())
    for found in (least, most):
        assert found.exact
        assert cost.pricer(PRICES[name]).one(found.outcomes) == found.price


@pytest.mark.parametrize("spec", ["space", "gas", "autortnet", "fasterseg"])
def test_no_random_network_of_a_shipped_space_is_beyond_its_extremes(spec):
    cost = shipped(spec)
    drawn = cost.distribution(MACS, 20_000).prices
    least, most = cost.extreme(MACS, "least"), cost.extreme(MACS, "most")
    assert least.exact
    assert most.exact
    assert least.price <= drawn[0] <= drawn[-1] <= most.price


@pytest.mark.slow
def test_values_that_no_network_takes_are_no_obstacle_to_bounds():
    cost = shipped("template_small")
    drawn = cost.distribution(MACS, 2_000).prices
    for sense, end in (("least", 0), ("most", -1)):
        found = cost.extreme(MACS, sense)
        assert cost.pricer(MACS).one(found.outcomes) == found.price
        order = (found.bound, found.price, drawn[end])
        assert sorted(order, reverse=sense == "most") == list(order)


@pytest.mark.parametrize("sense", ["least", "most"])
def test_where_tables_grow_too_large_bounds_are_sound(sense, monkeypatch):
    monkeypatch.setattr(extremes, "MOST_CELLS", 4)
    sign = 1 if sense == "least" else -1
    for seed in SEEDS:
        cost = SpaceCost(random_space(seed).graph)
        prices = cost.pricer(MACS).many(all_networks(cost))
        found = cost.extreme(MACS, sense)
        assert found.price in prices
        assert sign * found.bound <= (sign * prices).min() <= sign * found.price


def test_a_bound_and_the_best_network_found_are_told_apart(monkeypatch):
    cost = shipped("space")
    exact = cost.extreme(MACS, "most").price
    monkeypatch.setattr(extremes, "MOST_CELLS", 50)
    found = cost.extreme(MACS, "most")
    assert not found.exact
    assert found.price <= exact <= found.bound


def test_the_best_found_of_an_entangled_space_claims_no_bound():
    found = shipped("template").extreme(PARAMS, "least")
    assert found.bound is None
    assert not found.exact
    assert found.price == shipped("template").pricer(PARAMS).one(found.outcomes)
