"""Prices of a space in closed form, against the networks themselves."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import archdsl
from archdsl.ir import Decision, Graph, Mux
from archdsl.passes.analyses.closed_form import MOST_CELLS
from archdsl.passes.costs.binding_pricer import BindingPricer
from archdsl.passes.costs.cost import costs, total
from archdsl.passes.costs.memory import traffic
from archdsl.passes.costs.pricer import Pricer
from archdsl.passes.costs.pricing import MACS, PARAMS, Price, network_price, traffic_price
from archdsl.passes.costs.space_cost import SpaceCost, random_outcomes
from archdsl.passes.transforms.simplify import simplify
from archdsl.program import Space
from archdsl.resources import specs_folder
from graphs import Network
from random_spaces import random_space

SEEDS = range(12)


@cache
def shipped(name: str) -> Space:
    return archdsl.load(specs_folder() / f"{name}.arch").space()


@cache
def deployed_cost(name: str) -> SpaceCost:
    return SpaceCost(shipped(name).deployed)


def space_of(body: str) -> Space:
    text = f"arch 1\nspace S {{\n  input image: [3, 8, 8]\n{body}\n}}\n"
    return archdsl.load(Path("s.arch"), text=text).space()


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["space", "gas", "autortnet", "fasterseg", "template"])
def test_the_prices_of_random_networks_are_what_the_bound_networks_cost(spec):
    space = shipped(spec)
    cost = deployed_cost(spec)
    rows = random_outcomes(space.graph, 12, seed=3)
    params, macs = cost.pricer(PARAMS), cost.pricer(MACS)
    many = zip(params.many(rows), macs.many(rows), strict=True)
    for row, (p, m) in zip(rows.tolist(), many, strict=True):
        whole = total(costs(space.bind(cost.decisions(row)).graph).values())
        assert (p, m) == (whole.params, whole.macs) == (params.one(row), macs.one(row))


def test_equal_nodes_are_computed_once_in_the_traffic_of_a_space():
    space = shipped("space")
    cost = SpaceCost(space.graph)
    pricer = cost.pricer(traffic_price("float16"))
    assert isinstance(pricer, Pricer)
    rows = random_outcomes(space.graph, 12, seed=4)
    for row, moved in zip(rows.tolist(), pricer.many(rows), strict=True):
        graph = space.bind(cost.decisions(row)).graph
        assert moved == sum(map(sum, traffic(graph, dtype="float16").values()))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("price", [PARAMS, MACS, traffic_price()], ids=lambda p: p.name)
def test_every_network_of_a_small_random_space_has_its_price(seed, price):
    space = random_space(seed)
    cost = SpaceCost(space.graph)
    pricer = cost.pricer(price)
    assert isinstance(pricer, Pricer)
    rows = random_outcomes(space.graph, 25, seed)
    for row, found in zip(rows.tolist(), pricer.many(rows), strict=True):
        assert found == network_price(space.bind(cost.decisions(row)).graph, price)


def test_a_price_may_be_a_table_of_measured_ops():
    """By application of a declared op: its primitives that live, with all their sizes."""
    space = shipped("space")
    cost = SpaceCost(space.graph)

    def milliseconds(piece):
        names = sum(len(applied.op) + len(applied.attrs) for _, applied in piece)
        return 0.25 * names + 1e-3 * sum(applied.shape[0] * applied.shape[1] for _, applied in piece)

    price = Price("latency", "ms", milliseconds, by="op")
    rows = random_outcomes(space.graph, 20, seed=8)
    found = cost.pricer(price).many(rows)
    for row, ms in zip(rows.tolist(), found, strict=True):
        network = space.bind(cost.decisions(row))
        whole = simplify(network.bound, across_ops=False)
        assert ms == pytest.approx(network_price(whole, price), rel=1e-12)


def test_tied_weights_count_once_wherever_their_first_use_is():
    net = Network((3, 8, 8))
    left = net.conv("image", c=3, name="left", weights="shared")
    right = net.conv(net.relu("image", name="relu"), c=3, name="right", weights="shared")
    both = net.add(left, right, name="both")
    pick = Mux("pick", "d", ((0, left), (1, right), (2, both)))
    graph = Graph(
        "Tied", net.inputs, {**net.nodes, "pick": pick}, {"y": "pick"}, {"d": Decision("d", ("l", "r", "b"))}
    )
    cost = SpaceCost(graph)
    assert cost.pricer(PARAMS).many([[0], [1], [2]]).tolist() == [81, 81, 81]
    assert cost.pricer(MACS).many([[0], [1], [2]]).tolist() == [81 * 64, 81 * 64, 2 * 81 * 64]


def test_sizes_that_follow_a_width_are_priced():
    space = space_of("""
  w = one of {4, 8}
  x = image -> conv(c = w)
  output y = concat(x, x -> conv(c = 2 * w)) -> conv(c = 1, k = 1)
""")
    macs = SpaceCost(space.graph).pricer(MACS).many([[0], [1]])
    assert macs.tolist() == [64 * (9 * 3 * w + 9 * w * 2 * w + 3 * w) for w in (4, 8)]


@pytest.mark.slow
def test_a_space_without_closed_form_is_priced_by_binding_and_says_so():
    cost = deployed_cost("template")
    assert cost.entangled is not None
    assert "too many decisions" in cost.entangled
    assert isinstance(cost.pricer(MACS), BindingPricer)


@pytest.mark.parametrize("seed", SEEDS)
def test_pricing_by_binding_agrees_with_the_closed_form(seed):
    space = random_space(seed)
    rows = random_outcomes(space.graph, 10, seed)
    for price in (PARAMS, MACS, traffic_price()):
        slow = BindingPricer(space.graph, price)
        assert slow.many(rows).tolist() == SpaceCost(space.graph).pricer(price).many(rows).tolist()


def test_outcomes_that_do_not_exist_are_refused():
    for make in (lambda g: SpaceCost(g).pricer(MACS), lambda g: BindingPricer(g, MACS)):
        pricer = make(random_space(0).graph)
        count = len(pricer.decisions)
        for wrong in ([[99] * count], [[-1] * count], [[0] * (count + 1)], [0] * count):
            with pytest.raises(ValueError, match="outcome"):
                pricer.many(wrong)
        for wrong in ([99] * count, [-1] * count, [0] * (count + 1)):
            with pytest.raises((ValueError, IndexError)):
                pricer.one(wrong)


def test_a_space_without_decisions_has_one_price():
    graph = archdsl.load(specs_folder() / "fasterseg_student.arch").target(image=(3, 64, 128)).graph
    cost = SpaceCost(graph)
    whole = total(costs(graph).values())
    assert cost.pricer(PARAMS).one([]) == whole.params
    assert cost.pricer(MACS).many(np.zeros((3, 0), int)).tolist() == [whole.macs] * 3


def test_the_distribution_is_of_uniform_networks_and_repeatable():
    space = random_space(3)
    cost = SpaceCost(space.graph)
    found = cost.distribution(MACS, 500, seed=1)
    assert found.prices.tolist() == cost.distribution(MACS, 500, seed=1).prices.tolist()
    assert found.quantile(0) == found.prices[0] <= found.mean <= found.prices[-1] == found.quantile(1)
    rng = random.Random(7)
    drawn = [network_price(space.bind(space.sample(rng)).graph, MACS) for _ in range(300)]
    assert found.mean == pytest.approx(sum(drawn) / len(drawn), rel=0.15)


def test_the_closed_form_of_a_price_is_small_tables():
    tables = SpaceCost(shipped("autortnet").graph).tables(MACS)
    assert max(t.cells.size for t in (*tables.terms, *tables.auxiliaries)) <= MOST_CELLS


def test_no_networks_and_networks_without_decisions_have_prices():
    text = "arch 1\n\nspace S {\n  input x: [3, 8, 8]\n  output y = x -> conv(c = 2)\n}\n"
    cost = SpaceCost(archdsl.load("s.arch", text=text).space().graph)
    assert cost.pricer(PARAMS).many([[]]).tolist() == [54.0]
    assert cost.pricer(PARAMS).many([[], []]).tolist() == [54.0, 54.0]
    space = shipped("space")
    assert SpaceCost(space.graph).pricer(PARAMS).many(random_outcomes(space.graph, 0)).tolist() == []
