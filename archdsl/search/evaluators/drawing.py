"""Samples the networks that train shared weights at each step."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from archdsl.configs.sharing import Fair, Sandwich, Uniform
from archdsl.ir import Graph
from archdsl.passes.costs.pricing import MACS
from archdsl.passes.costs.space_cost import SpaceCost
from archdsl.search.strategies.base import Outcomes
from archdsl.search.trials.domain import Domain

Drawn = Callable[[int], list[Outcomes]]
"""The networks of a step, the same for each call."""


def drawing(rule: Any, graph: Graph, seed: int) -> Drawn:
    """The networks trained at each step by a rule: `Uniform`, `Fair` or `Sandwich`."""
    domain = Domain.of_graph(graph)

    def rng(step: int) -> Random:
        return Random(f"{seed} {step}")

    if isinstance(rule, Uniform):
        return lambda step: [_random(domain, rng(step))]
    if isinstance(rule, Fair):
        return lambda step: _fair(domain, rng(step))
    assert isinstance(rule, Sandwich)
    cost = SpaceCost(graph)
    ends = [domain.canonical(tuple(cost.extreme(MACS, sense).outcomes)) for sense in ("most", "least")]

    def sandwich(step: int) -> list[Outcomes]:
        random = rng(step)
        return [*ends, *(_random(domain, random) for _ in range(rule.random))]

    return sandwich


def _random(domain: Domain, rng: Random) -> Outcomes:
    found = domain.draw(rng)
    assert found is not None  # without requirements
    return found


def _fair(domain: Domain, rng: Random) -> list[Outcomes]:
    """Networks in which the outcomes of each decision are equally frequent (FairNAS, arXiv:1907.01845).

    As many as the largest decision has outcomes; outcomes of smaller decisions are about equally frequent.
    """
    most = max(domain.sizes)
    columns = []
    for size in domain.sizes:
        column = [n % size for n in range(most)]
        rng.shuffle(column)
        columns.append(column)
    return [domain.canonical(tuple(row)) for row in zip(*columns, strict=True)]
