"""Configs of search strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs import forms
from archdsl.configs.setting import setting
from archdsl.configs.sharing import BN, Kernels
from archdsl.configs.word import Maker


@dataclass(frozen=True)
class StrategyKind(Maker):
    """A strategy that proposes individual networks, in contrast to differentiable search.

    `make(config, domain, seed)` returns an `archdsl.search.strategies.base.Strategy`; `domain` contains the
    decisions (`archdsl.search.trials.domain`). A strategy with `pareto` supports several objectives. With
    `learns=False`, its proposals do not depend on the scores of earlier ones.
    """

    pareto: bool = False
    learns: bool = True


@dataclass(frozen=True)
class Differentiable:
    """Differentiable search: a supernet and architecture parameters, trained jointly."""

    sampler: Any = setting(
        "word",
        "how outcomes are sampled or weighted",
        group="samplers",
        usual="gumbel(tau = 3.0, end = 0.03)",
    )
    epochs: int = setting("whole", "number of epochs", 8, low=1)
    gates_from: int = setting(
        "whole",
        "first epoch in which depth decisions are trained; shorthand for `start` of their samplers",
        0,
    )
    order: int = setting(
        "whole", "0: weights and architecture are updated from one backward pass; 1: first-order bilevel optimization (DARTS), each on half of the data",
        0, choices=(0, 1),
    )  # fmt: skip
    clip: float = setting("number", "maximum gradient norm; 0 disables clipping", 5.0)
    share: str | None = setting(
        "text",
        "weights: elastic, stored once at their largest size; or candidates, a layer for each",
        choices=("elastic", "candidates"),
        usual="elastic where networks differ in sizes",
    )
    bn: BN = setting(
        "text",
        "batch normalization of elastic weights: slices of one set of parameters, or a set for each combination of widths",
        "shared",
        choices=("shared", "per_width"),
    )
    kernels: Kernels = setting(
        "text",
        "smaller kernels of elastic weights: the centre of the largest (cropped), or a learned linear map of it (transformed)",
        "cropped",
        choices=("cropped", "transformed"),
    )
    refine: int = setting(
        "whole", "final training: number of networks trained from scratch on a short schedule and compared", 0
    )
    refine_epochs: int = setting("whole", "final training: epochs of each network", 8, low=1)
    pretrain: int = setting(
        "whole", "epochs before the search in which only weights are trained, with a separate learning rate schedule", 0
    )  # fmt: skip


@dataclass(frozen=True)
class Random:
    """Settings of random search."""

    over: str = setting(
        "text",
        "sample uniformly over the outcomes of each decision, or over networks",
        "outcomes",
        choices=("outcomes", "networks"),
    )


@dataclass(frozen=True)
class Evolution:
    """Regularized (ageing) evolution (arXiv:1802.01548)."""

    population: int = setting(
        "whole", "population size; each child replaces the oldest network", 16, low=1, high=100_000
    )
    tournament: int = setting(
        "whole", "tournament size: the best of this many networks is the parent", 20, low=1, high=10_000
    )
    mutation: float = setting(
        "number", "probability of mutating each further decision; one is always mutated", 0.0, high=1
    )


@dataclass(frozen=True)
class Nsga2:
    """NSGA-II: evolution towards the Pareto front of several objectives (Deb et al. 2002)."""

    population: int = setting("whole", "population size", 32, low=1, high=10_000)
    offspring: int = setting(
        "whole",
        "children evaluated before each selection; 1: steady state",
        8,
        low=1,
        high=10_000,
    )
    candidates: int = setting(
        "whole",
        "candidates per proposed child, selected by a forecast from observed outcomes; 1: as in the paper",
        8,
        low=1,
        high=1000,
    )
    crossover: float = setting("number", "probability of crossover", 0.9, high=1)
    mutation: float = setting(
        "number",
        "mutation probability of each decision; a child that was proposed before is always mutated",
        0.1,
        high=1,
    )


@dataclass(frozen=True)
class HillClimb:
    """Hill climbing: repeatedly moves to a better network that differs in one decision."""

    draws: int = setting(
        "whole", "number of random networks; the climb starts from the best of them", 4, low=1, high=100_000
    )
    order: str = setting(
        "text",
        "order of neighbours: learned (by the mean values of outcomes observed), or random",
        "learned",
        choices=("learned", "random"),
    )
    restart: bool = setting("flag", "restart at a local optimum; otherwise the search ends there", True)


@dataclass(frozen=True)
class Optuna:
    """A sampler of Optuna as a strategy."""

    sampler: Any = setting("word", "sampler of Optuna", group="optuna_samplers", usual="tpe")


@dataclass(frozen=True)
class Tpe:
    """Settings of Optuna's sampler by tree-structured Parzen estimators."""

    startup: int = setting("whole", "number of initial random networks", 10)
    candidates: int = setting(
        "whole", "candidates sampled per decision, of which the best is used", 24, low=1, high=100_000
    )
    multivariate: bool = setting("flag", "sample active decisions jointly", False)


@dataclass(frozen=True)
class Gp:
    """Settings of Optuna's Bayesian optimization with a Gaussian process."""

    startup: int = setting("whole", "number of initial random networks", 10)


@dataclass(frozen=True)
class Genetic:
    """Settings of Optuna's genetic algorithm."""

    population: int = setting("whole", "population size", 50, low=2, high=100_000)
    crossover: float = setting("number", "probability of crossover", 0.9, high=1)
    mutation: float | None = setting(
        "number", "mutation probability of each decision", high=1, usual="1 / number of decisions"
    )


@dataclass(frozen=True)
class Unset:
    """A sampler of Optuna without settings."""


@dataclass(frozen=True)
class SuccessiveHalving:
    """Asynchronous successive halving (ASHA, arXiv:1810.05934) of networks that another strategy proposes."""

    of: Any = setting("word", "strategy that proposes networks", group="strategies", usual="evolution")
    rungs: Any = setting("data", "training epochs of each rung", (1, 3, 9), form=forms.RUNGS)
    keep: int = setting(
        "whole", "reduction factor: one of this many networks is promoted to the next rung", 3, low=2
    )
