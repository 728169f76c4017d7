"""Successive halving around another strategy: many networks are trained briefly, few for long.

This is the asynchronous variant (ASHA: Li et al., "A System for Massively Parallel Hyperparameter Tuning",
arXiv:1810.05934): networks are promoted before a rung is complete, so that any number of proposals can be
open. For every `keep` networks scored in a rung, the best network that was not promoted yet is promoted.
Algorithm 2 of the paper does the same, but also promotes networks that replace others among the best.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from typing import Any

from archdsl.configs.strategies import SuccessiveHalving as Config
from archdsl.search.strategies.base import Observation, Outcomes, Proposal, Snapshot, Strategy
from archdsl.search.strategies.nondominated import Values, crowding, fronts
from archdsl.search.trials.config import strategy_of
from archdsl.search.trials.domain import Domain
from archdsl.spec.search_values import Term

Waiting = list[tuple[Values, Outcomes]]


def successive_halving(config: Config, domain: Domain, seed: int) -> SuccessiveHalving:
    """Creates successive halving around the strategy that the config names."""
    inner = strategy_of(config.of or Term("evolution"), domain, seed)
    return Resumable(config, inner) if isinstance(inner, Snapshot) else SuccessiveHalving(config, inner)


class SuccessiveHalving:
    """Proposes new networks with the epochs of the first rung, and the best of a rung with the next's.

    The inner strategy proposes the new networks, and observes their values in the first rung only, since
    values after different numbers of epochs are not comparable. With several objectives, the best network of
    a rung is the least crowded one of the first non-dominated front.
    """

    def __init__(self, config: Config, inner: Strategy):
        self.config, self.inner = config, inner
        self.waiting: list[Waiting] = [[] for _ in config.rungs]
        """For each rung, the networks that are scored and not promoted."""
        self.promoted = [0] * len(config.rungs)
        self.open: deque[int] = deque()
        """The rungs of proposals that are not observed yet."""

    def propose(self) -> Proposal | None:
        for rung in reversed(range(len(self.waiting) - 1)):
            waiting = self.waiting[rung]
            if self.promoted[rung] < (self.promoted[rung] + len(waiting)) // self.config.keep:
                self.promoted[rung] += 1
                return self._proposed(waiting.pop(_best(waiting))[1], rung + 1)
        made = self.inner.propose()
        if made is None:
            return None
        return self._proposed(made.outcomes if isinstance(made, Proposal) else tuple(made), 0)

    def _proposed(self, outcomes: Outcomes, rung: int) -> Proposal:
        self.open.append(rung)
        return Proposal(outcomes, self.config.rungs[rung])

    def observe(self, seen: Observation) -> None:
        if not self.open:  # a network that the search is started with, which has no rung
            self.inner.observe(seen)
            return
        rung = self.open.popleft()
        if rung == 0:
            self.inner.observe(replace(seen, epochs=None))
        if seen.state == "scored" and all(map(math.isfinite, seen.values)):
            self.waiting[rung].append((seen.values, seen.outcomes))


class Resumable(SuccessiveHalving):
    """Successive halving around a strategy that has snapshots, so that it has snapshots too."""

    inner: Snapshot  # type: ignore[assignment]

    def state(self) -> dict[str, Any]:
        inner = self.inner.state()
        arrays = inner.pop("arrays", {})
        return {
            "inner": inner, "arrays": arrays, "promoted": self.promoted, "open": list(self.open),
            "waiting": [[[list(v), list(o)] for v, o in waiting] for waiting in self.waiting],
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        self.inner.restore({**state["inner"], "arrays": state["arrays"]})
        self.promoted, self.open = list(state["promoted"]), deque(state["open"])
        self.waiting = [[(tuple(v), tuple(o)) for v, o in waiting] for waiting in state["waiting"]]


def _best(waiting: Waiting) -> int:
    """The index of the best network; the first one if several are equal."""
    values = [values for values, _ in waiting]
    if len(values[0]) == 1:
        return min(range(len(values)), key=values.__getitem__)
    first = fronts(values)[0]
    distances = crowding([values[n] for n in first])
    return first[max(range(len(first)), key=distances.__getitem__)]
