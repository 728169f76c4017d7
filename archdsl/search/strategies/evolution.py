"""Regularized evolution: the best network of a tournament is mutated, and the oldest network is removed.

Real et al., "Regularized Evolution for Image Classifier Architecture Search" (arXiv:1802.01548), algorithm 1.
"""

from __future__ import annotations

import math
from collections import deque
from random import Random
from typing import Any

from archdsl.configs.strategies import Evolution as Config
from archdsl.search.strategies.base import Observation, Outcomes
from archdsl.search.strategies.saving import rng_state, set_rng_state
from archdsl.search.strategies.unseen import Unseen
from archdsl.search.trials.domain import Domain


class Evolution:
    """Proposes random networks until the population is full, then mutations of tournament winners.

    A child differs from its parent in one active decision, and in each further one with probability
    `mutation`; a child that was proposed before is mutated further. Networks without a value do not enter the
    population.
    """

    def __init__(self, config: Config, domain: Domain, seed: int):
        self.config, self.domain, self.rng = config, domain, Random(seed)
        self.unseen = Unseen(domain, self.rng)
        self.alive: deque[tuple[float, Outcomes]] = deque(maxlen=config.population)
        self.sampled = 0

    def propose(self) -> Outcomes | None:
        if self.sampled < self.config.population or not self.alive:
            self.sampled += 1
            return self.unseen.sample()
        return self.unseen.near(self._child(self._parent()))

    def observe(self, seen: Observation) -> None:
        self.unseen.add(seen.outcomes)
        if math.isfinite(seen.value):
            self.alive.append((seen.value, seen.outcomes))

    def _parent(self) -> Outcomes:
        """The best of `tournament` networks sampled from the population with replacement, as in the paper."""
        alive, random = self.alive, self.rng.random
        some = [alive[int(random() * len(alive))] for _ in range(self.config.tournament)]
        return min(some)[1]

    def _child(self, parent: Outcomes) -> Outcomes:
        child = self.domain.mutated(parent, self.rng) or parent
        if self.config.mutation:
            for _ in range(sum(self.domain.active(parent)) - 1):
                if self.rng.random() < self.config.mutation:
                    child = self.domain.mutated(child, self.rng) or child
        return child

    def state(self) -> dict[str, Any]:
        return {
            "rng": rng_state(self.rng), "drawn": self.sampled,
            "alive": [[value, list(outcomes)] for value, outcomes in self.alive],
            "arrays": {"known": self.unseen.state()},
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        set_rng_state(self.rng, state["rng"])
        self.sampled = state["drawn"]
        self.alive.clear()
        self.alive.extend((value, tuple(outcomes)) for value, outcomes in state["alive"])
        self.unseen.restore(state["arrays"]["known"])
