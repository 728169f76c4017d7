"""Settings of strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs.setting import setting
from archdsl.configs.word import Maker


@dataclass(frozen=True)
class StrategyKind(Maker):
    """A strategy that proposes networks one after the other.

    `make` is (config, domain, seed) -> archdsl.search.strategies.base.Strategy; `domain` has the decisions
    (`archdsl.search.trials.domain`).  `pareto` says that it takes several objectives.  What does not `learn`
    proposes the same whatever it observes.
    """

    pareto: bool = False
    learns: bool = True


@dataclass(frozen=True)
class Differentiable:
    """A supernet and architecture parameters, trained together by gradients."""

    sampler: Any = setting(
        "word", "how outcomes are weighed", group="samplers", usual="gumbel(tau = 3.0, end = 0.03)"
    )
    epochs: int = setting("whole", "epochs of the search", 8, low=1)
    gates_from: int = setting(
        "whole", "epoch from which decisions of depth are trained; short for their `start`", 0
    )
    order: int = setting(
        "whole", "0: weights and architecture in one backward pass; 1: first-order bilevel, on half of the data each",
        0, choices=(0, 1),
    )  # fmt: skip
    clip: float = setting("number", "greatest norm of gradients; 0: not clipped", 5.0)
    refine: int = setting(
        "whole", "networks trained from scratch on a short schedule and compared at the end", 0
    )
    refine_epochs: int = setting("whole", "epochs of each of them", 8, low=1)
    pretrain: int = setting("whole", "epochs in which the weights alone are trained first", 0, run=False)


@dataclass(frozen=True)
class Evolution:
    """Ageing evolution (arXiv:1802.01548)."""

    population: int = setting("whole", "networks alive", low=1, run=False)
    generations: int = setting("whole", "how often the population is replaced", low=1, run=False)
    mutation: float = setting("number", "chance that a decision changes", high=1, run=False)
    tournament: int = setting("whole", "networks that the fittest is chosen from", low=1, run=False)


@dataclass(frozen=True)
class Random:
    """Networks drawn at random."""

    trials: int = setting("whole", "networks drawn", low=1, run=False)
