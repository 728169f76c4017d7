"""Prices of spaces with train-only outputs, against the networks that they bind to."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import archdsl
from archdsl.diagnostics import SpecError
from archdsl.ir.same import fingerprint
from archdsl.ir.verify import verify
from archdsl.ops import primitives
from archdsl.passes.costs.pricing import MACS, PARAMS, network_price, traffic_price
from archdsl.passes.costs.space_cost import SpaceCost, random_outcomes
from archdsl.passes.transforms.bind import Binder
from archdsl.passes.transforms.simplify import simplify
from archdsl.program import Space
from archdsl.search.result import not_searched
from grown_spaces import seeded

PRICES = (PARAMS, MACS, traffic_price())


def grown() -> list[tuple[int, Space]]:
    """The first 25 spaces of the generator that have a train-only output and decisions."""
    found: list[tuple[int, Space]] = []
    seed = 0
    while len(found) < 25:
        seed += 1
        text = seeded(seed).text
        if " train = " not in text:
            continue
        try:
            space = archdsl.load(Path("s.arch"), text=text).space()
        except SpecError:
            continue
        if space.decisions:
            found.append((seed, space))
    return found


@pytest.mark.parametrize("whole", [False, True], ids=["deployed", "with train outputs"])
def test_the_prices_of_a_space_are_those_of_its_networks_where_it_has_train_outputs(whole):
    compared = 0
    for seed, space in grown():
        cost = SpaceCost(space.graph if whole else space.deployed)
        for row in random_outcomes(space.graph, 5, seed).tolist():
            try:
                network = space.bind(cost.decisions(row))
            except SpecError:  # ill-typed under these outcomes
                continue
            graph = (network.with_train_outputs() if whole else network).graph
            for price in PRICES:
                assert cost.pricer(price).one(row) == network_price(graph, price), (seed, row)
                compared += 1
    assert compared > 150


def test_what_is_deployed_depends_on_the_searched_decisions_alone():
    """Whatever the other decisions are; and the graph with these alone is one that the passes accept."""
    left_out = compared = 0
    for seed, space in grown():
        verify(space.searched, primitives())
        others = not_searched(space)
        left_out += len(others)
        rng = random.Random(seed)
        for _ in range(4):
            drawn = space.sample(rng)
            changed = drawn | {path: rng.choice(space.decisions[path].outcomes) for path in others}
            try:
                one, other = space.bind(drawn), space.bind(changed)
            except SpecError:  # ill-typed under these outcomes
                continue
            assert fingerprint(one.graph) == fingerprint(other.graph), (seed, drawn, changed)
            kept = {path: drawn[path] for path in space.searched.decisions}
            bound = Binder(space.searched).bind(Binder(space.searched).outcomes(kept), one.name)
            assert fingerprint(simplify(bound.graph, bound.shapes)) == fingerprint(one.graph), (seed, drawn)
            compared += 1
    assert left_out >= 3
    assert compared > 30
