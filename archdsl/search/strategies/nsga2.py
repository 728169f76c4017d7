"""NSGA-II: evolution towards the Pareto front of several objectives.

Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II" (2002). Parents and children are
selected by front and crowding distance. With few `offspring`, selection runs before a generation is full (the
steady-state variant of Durillo et al., EMO 2009).

An extension: several `candidates` are generated for each child, and the one with the best forecast is
proposed, since evaluations are expensive compared with forecasts. The forecast uses the outcomes of all
networks observed, and a random weighting of the objectives (as in ParEGO: Knowles 2006). With one candidate,
the algorithm is that of the paper.

Libraries such as pymoo are not used, since their representations and operators do not support inactive
decisions, and their states are saved by pickling.
"""

from __future__ import annotations

import math
from random import Random
from typing import Any, NamedTuple

from archdsl.configs.strategies import Nsga2 as Config
from archdsl.search.strategies.base import Observation, Outcomes
from archdsl.search.strategies.nondominated import Values, ranked
from archdsl.search.strategies.outcome_means import OutcomeMeans
from archdsl.search.strategies.saving import rng_state, set_rng_state
from archdsl.search.strategies.unseen import Unseen
from archdsl.search.trials.domain import Domain

CROSSINGS = 8
"""The maximum number of crossovers that are tried until a child satisfies the requirements."""


class Individual(NamedTuple):
    """A network of the population; `rank`, lower is better, is the index of its front, then -crowding."""

    outcomes: Outcomes
    values: Values
    rank: tuple[int, float] = (0, 0.0)


class Nsga2:
    """Proposes random networks until the population is full, then children of winners of binary tournaments.

    With one objective, the population consists of the best networks.
    """

    def __init__(self, config: Config, domain: Domain, seed: int):
        self.config, self.domain, self.rng = config, domain, Random(seed)
        self.unseen = Unseen(domain, self.rng)
        self.means = [OutcomeMeans(domain) for _ in range(domain.goals)]
        self.parents: list[Individual] = []
        self.children: list[Individual] = []

    def propose(self) -> Outcomes | None:
        if not self.parents:
            return self.unseen.sample()
        made = [self.unseen.walked(self._child()) for _ in range(self.config.candidates)]
        candidates = [one for one in made if one is not None]
        if not candidates:
            return self.unseen.sample()
        child = candidates[0] if len(candidates) == 1 else self._promising(candidates)
        self.unseen.add(child)
        return child

    def observe(self, seen: Observation) -> None:
        self.unseen.add(seen.outcomes)
        if not all(map(math.isfinite, seen.values)):
            return
        if seen.state == "scored":
            for means, value in zip(self.means, seen.values, strict=True):
                means.add(seen.outcomes, value)
        self.children.append(Individual(seen.outcomes, seen.values))
        wanted = self.config.offspring if self.parents else self.config.population
        if len(self.children) >= wanted:
            self._select()

    # ------------------------------------------------------------ selection

    def _select(self) -> None:
        """Selects the next parents from the parents and children, without duplicates."""
        every = list({one.outcomes: one for one in (*self.parents, *self.children)}.values())
        ranks = ranked([one.values for one in every])
        best = sorted(range(len(every)), key=ranks.__getitem__)[: self.config.population]
        self.parents = [every[n]._replace(rank=ranks[n]) for n in best]
        self.children = []

    def _parent(self) -> Outcomes:
        parents, random = self.parents, self.rng.random
        one, other = (parents[int(random() * len(parents))] for _ in range(2))
        return one.outcomes if one.rank <= other.rank else other.outcomes

    # ------------------------------------------------------------ variation

    def _child(self) -> Outcomes:
        child = self._parent()
        if self.rng.random() < self.config.crossover:
            child = self._crossed(child, self._parent())
        for _ in range(sum(self.domain.active(child))):
            if self.rng.random() < self.config.mutation:
                child = self.domain.mutated(child, self.rng) or child
        return child

    def _crossed(self, one: Outcomes, other: Outcomes) -> Outcomes:
        """A child by uniform crossover over active decisions; `one` if none satisfies the requirements."""
        active, active_too = self.domain.active(one), self.domain.active(other)
        for _ in range(CROSSINGS):
            coin = self.rng.random
            child = self.domain.canonical(tuple(
                b if there and not (here and coin() < 0.5) else a
                for a, b, here, there in zip(one, other, active, active_too, strict=True)
            ))  # fmt: skip
            if self.domain.allowed(child):
                return child
        return one

    def _promising(self, candidates: list[Outcomes]) -> Outcomes:
        """The candidate with the lowest forecast of a randomly weighted sum of scaled objectives."""
        weights = [self.rng.random() for _ in self.means]
        total = [0.0] * len(candidates)
        for means, weight in zip(self.means, weights, strict=True):
            forecasts = [means.forecast(one) for one in candidates]
            low, high = min(forecasts), max(forecasts)
            for n, forecast in enumerate(forecasts):
                total[n] += weight * (forecast - low) / ((high - low) or 1.0)
        return candidates[min(range(len(candidates)), key=total.__getitem__)]

    # ------------------------------------------------------------ snapshots

    def state(self) -> dict[str, Any]:
        return {
            "rng": rng_state(self.rng), "arrays": {"known": self.unseen.state()},
            "means": [means.state() for means in self.means],
            **{name: [[list(one.outcomes), list(one.values), list(one.rank)] for one in getattr(self, name)]
               for name in ("parents", "children")},
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        set_rng_state(self.rng, state["rng"])
        self.unseen.restore(state["arrays"]["known"])
        for means, saved in zip(self.means, state["means"], strict=True):
            means.restore(saved)
        for name in ("parents", "children"):
            rows = [Individual(tuple(o), tuple(v), (int(r[0]), float(r[1]))) for o, v, r in state[name]]
            setattr(self, name, rows)
