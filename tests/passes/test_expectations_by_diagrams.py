"""The sweep over diagrams where functions are cut: near, with gradients of what it computes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

import archdsl
from archdsl.passes.analyses.closed_form import Limits, closed_form
from archdsl.passes.costs.expected import Expected
from archdsl.passes.costs.pricer import Pricer
from archdsl.passes.costs.pricing import MACS, PARAMS, price_functions, price_tables
from archdsl.passes.costs.space_cost import SpaceCost, random_outcomes
from archdsl.resources import specs_folder
from random_spaces import random_space


@cache
def small() -> SpaceCost:
    return SpaceCost(archdsl.load(specs_folder() / "space.arch").space().graph)


def cut(cost: SpaceCost, above: int) -> Expected:
    closed = closed_form(cost.graph, Limits(cut_above=above))
    found = Expected(closed, price_functions(closed, MACS))
    assert not found.exact
    return found


def some_logits(cost: SpaceCost) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    sizes = {path: d.size for path, d in cost.graph.decisions.items()}
    return {path: torch.randn(n, generator=generator, dtype=torch.float64) for path, n in sizes.items()}


@pytest.mark.parametrize("seed", range(6))
def test_a_certain_network_costs_what_it_does_however_much_is_cut(seed):
    cost = SpaceCost(random_space(seed).graph)
    found = cut(cost, 1)
    rows = random_outcomes(cost.graph, 10, seed)
    for row, price in zip(rows, cost.pricer(MACS).many(rows), strict=True):
        certain = {p: np.eye(d.size)[o] for (p, d), o in zip(cost.graph.decisions.items(), row, strict=True)}
        assert found.of(certain) == price


POOLED = """
arch 1
space Pooled {
  input image: [2, 8, 8]
  s = one of {1, 2}
  output y = image -> max_pool(s = s) -> one of {relu, sigmoid}
}
"""


def test_a_price_that_no_decision_changes_is_expected_where_functions_are_cut():
    closed = closed_form(archdsl.load("pooled.arch", text=POOLED).space().graph, Limits(cut_above=1))
    assert closed.auxiliaries
    price = Expected(closed, price_functions(closed, PARAMS)).torch({"s": torch.tensor([0.3, 0.7])})
    assert price == 0


def test_a_price_that_no_decision_changes_reads_no_table():
    closed = closed_form(archdsl.load("pooled.arch", text=POOLED).space().graph, Limits(cut_above=1))
    tables = price_tables(closed, PARAMS)
    assert tables.auxiliaries
    pricer = Pricer(tables)
    assert pricer.tables.auxiliaries == ()
    rows = [[0, 0], [1, 1], [0, 1]]
    assert pricer.many(rows).tolist() == [pricer.one(row) for row in rows] == [0, 0, 0]


@pytest.mark.parametrize("seed", range(4))
def test_where_functions_are_cut_the_expectation_is_near(seed):
    cost = small()
    rng = np.random.default_rng(seed)
    probabilities = {path: rng.dirichlet(np.ones(d.size)) for path, d in cost.graph.decisions.items()}
    exact = cost.expected(MACS)
    assert exact.exact
    assert cut(cost, 1 << 12).of(probabilities) == pytest.approx(exact.of(probabilities), rel=0.01)


def test_where_functions_are_cut_gradients_are_those_of_the_approximation():
    cost = small()
    found, logits = cut(cost, 1 << 12), some_logits(cost)
    own = {path: v.clone().requires_grad_() for path, v in logits.items()}
    found.torch({path: v.softmax(0) for path, v in own.items()}).backward()
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
    gradient = torch.cat([v.grad for v in own.values()])
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=found.of() * 1e-7)
