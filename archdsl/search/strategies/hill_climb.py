"""Hill climbing: moves to better networks that differ in one decision; restarts at local optima."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any

from archdsl.configs.strategies import HillClimb as Config
from archdsl.search.strategies.base import Observation, Outcomes
from archdsl.search.strategies.outcome_means import OutcomeMeans
from archdsl.search.strategies.saving import rng_state, set_rng_state
from archdsl.search.strategies.unseen import Unseen
from archdsl.search.trials.domain import Domain


class HillClimb:
    """Climbs from the best of a few random networks to better neighbours, and restarts at a local optimum.

    A neighbour has another outcome of one active decision; the climb continues from the first neighbour that
    is better. Neighbours are tried in random order, or by how much better the new outcome was than the
    replaced one, on average over all networks observed; or, with `chances`, the outcome probabilities by
    decision, by the ratio of the probabilities of the new and the replaced outcome. The first climb starts at
    `first`, if set, or at the best network observed before any proposal, that is, at an initial network of
    the search.
    """

    def __init__(
        self,
        config: Config,
        domain: Domain,
        seed: int,
        first: Outcomes | None = None,
        chances: Sequence[Sequence[float]] | None = None,
    ):
        self.config, self.domain, self.rng, self.chances = config, domain, Random(seed), chances
        self.unseen = Unseen(domain, self.rng)
        self.means = OutcomeMeans(domain)
        self.first, self.open = first, 0
        self.draws = config.draws if first is None else 0
        self.best, self.lowest = first, math.inf
        self.ahead: list[Outcomes] | None = None
        """The neighbours of the best network that were not tried yet; the next one is last."""

    def propose(self) -> Outcomes | None:
        found = self._next()
        self.open += found is not None
        return found

    def observe(self, seen: Observation) -> None:
        if not self.open and math.isfinite(seen.value):
            self.draws = 0  # it was not proposed: a network that the search is started with
        self.open = max(self.open - 1, 0)
        self.unseen.add(seen.outcomes)
        if seen.state == "scored" and math.isfinite(seen.value):
            self.means.add(seen.outcomes, seen.value)
        if seen.value < self.lowest:
            self.best, self.lowest, self.ahead = seen.outcomes, seen.value, None

    def _next(self) -> Outcomes | None:
        if self.first is not None:
            first, self.first = self.first, None
            self.unseen.add(first)
            return first
        while not self.draws:
            found = self._neighbour()
            if found is not None or self.open:  # one that is not observed yet may be better
                return found
            if self.best is not None and not self.config.restart:
                return None
            self.best, self.lowest, self.ahead, self.draws = None, math.inf, None, self.config.draws
        self.draws -= 1
        return self.unseen.sample()

    def _neighbour(self) -> Outcomes | None:
        if self.best is None:
            return None
        if self.ahead is None:
            self.ahead = self._neighbours(self.best)
        while self.ahead:
            found = self.ahead.pop()
            if found not in self.unseen.known and self.domain.allowed(found):
                self.unseen.add(found)
                return found
        return None

    def _neighbours(self, at: Outcomes) -> list[Outcomes]:
        """The neighbours of a network; the one to try first is last."""
        active = self.domain.active(at)
        changes = [
            (n, outcome)
            for n, size in enumerate(self.domain.sizes)
            if active[n]
            for outcome in range(size)
            if outcome != at[n]
        ]
        if self.chances is not None:
            gain = {(n, o): self.chances[n][o] / max(self.chances[n][at[n]], 1e-12) for n, o in changes}
            changes.sort(key=lambda change: (gain[change], -change[0], -change[1]))
        else:
            self.rng.shuffle(changes)
            if self.config.order == "learned":
                changes.sort(
                    key=lambda change: self.means.of(change[0], at[change[0]]) - self.means.of(*change)
                )
        return [self.domain.canonical((*at[:n], outcome, *at[n + 1 :])) for n, outcome in changes]

    def state(self) -> dict[str, Any]:
        return {
            "rng": rng_state(self.rng), "first": self.first, "open": self.open, "draws": self.draws,
            "best": self.best, "lowest": self.lowest if math.isfinite(self.lowest) else None,
            "ahead": self.ahead, "means": self.means.state(), "arrays": {"known": self.unseen.state()},
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        set_rng_state(self.rng, state["rng"])
        self.open, self.draws = state["open"], state["draws"]
        self.first, self.best = (state[name] and tuple(state[name]) for name in ("first", "best"))
        self.lowest = math.inf if state["lowest"] is None else state["lowest"]
        self.ahead = state["ahead"] and [tuple(one) for one in state["ahead"]]
        self.means.restore(state["means"])
        self.unseen.restore(state["arrays"]["known"])
