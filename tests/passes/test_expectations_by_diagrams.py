"""Expected prices from diagrams, against those from tables and single networks."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

import archdsl
from archdsl.passes.closed_form import Limits, closed_form
from archdsl.passes.diagram_expectation import DiagramExpectation, diagram_expectation
from archdsl.passes.pricing import MACS, PARAMS, price_functions
from archdsl.passes.space_cost import SpaceCost, random_outcomes
from archdsl.resources import specs_folder
from random_spaces import random_space


@cache
def small() -> SpaceCost:
    return SpaceCost(archdsl.load(specs_folder() / "space.arch").space().graph)


def cut(cost: SpaceCost, above: int) -> DiagramExpectation:
    closed = closed_form(cost.graph, Limits(cut_above=above))
    found = DiagramExpectation(closed, price_functions(closed, MACS))
    assert not found.exact
    return found


def some_probabilities(cost: SpaceCost, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {path: rng.dirichlet(np.ones(d.size)) for path, d in cost.graph.decisions.items()}


def gradients(found, logits):
    own = {path: v.clone().requires_grad_() for path, v in logits.items()}
    found({path: v.softmax(0) for path, v in own.items()}).backward()
    return torch.cat([v.grad for v in own.values()])


def some_logits(cost: SpaceCost) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    sizes = {path: d.size for path, d in cost.graph.decisions.items()}
    return {path: torch.randn(n, generator=generator, dtype=torch.float64) for path, n in sizes.items()}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("price", [MACS, PARAMS], ids=lambda price: price.name)
def test_the_expected_price_by_diagrams_is_that_by_tables(seed, price):
    cost = SpaceCost(random_space(seed).graph)
    probabilities = some_probabilities(cost, seed)
    exact, found = cost.expected(price), diagram_expectation(cost.graph, price)
    assert found.exact
    assert found.of() == pytest.approx(exact.of(), rel=1e-12)
    assert found.of(probabilities) == pytest.approx(exact.of(probabilities), rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_gradients_by_diagrams_are_those_by_tables(seed):
    cost = SpaceCost(random_space(seed).graph)
    logits = some_logits(cost)
    found = gradients(diagram_expectation(cost.graph, MACS).torch, logits)
    torch.testing.assert_close(found, gradients(cost.expected(MACS).torch, logits), rtol=1e-9, atol=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_a_certain_network_costs_what_it_does_however_much_is_cut(seed):
    cost = SpaceCost(random_space(seed).graph)
    found = cut(cost, 1)
    rows = random_outcomes(cost.graph, 10, seed)
    for row, price in zip(rows, cost.pricer(MACS).many(rows), strict=True):
        certain = {p: np.eye(d.size)[o] for (p, d), o in zip(cost.graph.decisions.items(), row, strict=True)}
        assert found.of(certain) == pytest.approx(price, rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_where_functions_are_cut_the_expectation_is_near(seed):
    cost = small()
    probabilities = some_probabilities(cost, seed)
    exact = cost.expected(MACS).of(probabilities)
    assert diagram_expectation(cost.graph, MACS).of(probabilities) == pytest.approx(exact, rel=1e-12)
    assert cut(cost, 1 << 12).of(probabilities) == pytest.approx(exact, rel=0.01)


def test_where_functions_are_cut_gradients_are_those_of_the_approximation():
    cost = small()
    found, logits = cut(cost, 1 << 12), some_logits(cost)
    slopes = []
    for path in logits:
        for outcome in range(len(logits[path])):
            moved = []
            for by in (1e-5, -1e-5):
                here = {p: v.clone() for p, v in logits.items()}
                here[path][outcome] += by
                moved.append(found.of({p: v.softmax(0).numpy() for p, v in here.items()}))
            slopes.append((moved[0] - moved[1]) / 2e-5)
    expected = torch.tensor(slopes, dtype=torch.float64)
    torch.testing.assert_close(gradients(found.torch, logits), expected, rtol=1e-5, atol=found.of() * 1e-7)


def test_probabilities_that_do_not_fit_are_refused():
    found = diagram_expectation(small().graph, MACS)
    path = found.decisions[0]
    with pytest.raises(ValueError, match="there is no decision depth"):
        found.of({"depth": [0.5, 0.5]})
    with pytest.raises(ValueError, match=f"{found.sizes[0]} outcomes, and not \\(1,\\)"):
        found.torch({path: torch.ones(1)})
