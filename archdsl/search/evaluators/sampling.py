"""Samples the networks on which shared weights are trained in each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from archdsl.configs.sharing import Fair, Progressive, Sandwich, Uniform
from archdsl.ir import Graph
from archdsl.passes.costs.pricing import MACS
from archdsl.passes.costs.space_cost import SpaceCost
from archdsl.search.evaluators.shrinking import networks_of, shrinking_schedule
from archdsl.search.strategies.base import Outcomes
from archdsl.search.trials.domain import Domain

NetworksOfStep = Callable[[int], list[Outcomes]]
"""A deterministic function from the number of a step to the networks that are trained in it."""


def networks_by(rule: Any, graph: Graph, seed: int, steps: int) -> NetworksOfStep:
    """A function that samples the networks of a step by `Uniform`, `Fair`, `Sandwich` or `Progressive`.

    `steps` is the total number of steps. Raises SpecError (ARCH606) for invalid settings of `Progressive`.
    """
    domain = Domain.of_graph(graph)
    if isinstance(rule, Progressive):
        return _progressive(rule, graph, domain, seed, steps)

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


def _progressive(rule: Progressive, graph: Graph, domain: Domain, seed: int, steps: int) -> NetworksOfStep:
    """Samples networks by another rule; closed decisions have their outcomes in the largest network."""
    opens = shrinking_schedule(rule, graph.decisions)
    when = [opens.get(path, 0.0) for path in graph.decisions]
    of_all = networks_by(networks_of(rule), graph, seed, steps)
    largest = _largest(graph, domain)

    def shrinking(step: int) -> list[Outcomes]:
        is_open = [share <= step / steps for share in when]
        return [domain.canonical(_where(is_open, one, largest)) for one in of_all(step)]

    return shrinking


def _largest(graph: Graph, domain: Domain) -> Outcomes:
    """The network with the most MACs; its inactive decisions have the outcome with the largest number."""
    found = tuple(SpaceCost(graph).extreme(MACS, "most").outcomes)
    return _where(domain.active(found), found, tuple(map(_greatest, domain.outcomes)))


def _where(condition: Sequence[bool], these: Outcomes, those: Outcomes) -> Outcomes:
    return tuple([a if c else b for c, a, b in zip(condition, these, those, strict=True)])


def _greatest(outcomes: Sequence[str]) -> int:
    """The index of the outcome with the largest number; 0 if outcomes are not numbers."""
    try:
        return max(range(len(outcomes)), key=lambda n: float(outcomes[n]))
    except ValueError:
        return 0


def _random(domain: Domain, rng: Random) -> Outcomes:
    found = domain.sample(rng)
    assert found is not None  # without requirements
    return found


def _fair(domain: Domain, rng: Random) -> list[Outcomes]:
    """Networks in which the outcomes of each decision are equally frequent (FairNAS, arXiv:1907.01845).

    There are as many networks as the largest decision has outcomes, so that the outcomes of smaller decisions
    are only about equally frequent.
    """
    most = max(domain.sizes)
    columns = []
    for size in domain.sizes:
        column = [n % size for n in range(most)]
        rng.shuffle(column)
        columns.append(column)
    return [domain.canonical(tuple(row)) for row in zip(*columns, strict=True)]
