"""A fast forecast of the values of networks, from the mean values of networks with each outcome."""

from __future__ import annotations

from typing import Any

from archdsl.search.strategies.base import Outcomes
from archdsl.search.trials.domain import Domain


class OutcomeMeans:
    """The mean value of the observed networks with each outcome of an active decision.

    For every outcome, a network with the overall mean value is added, so that rare outcomes are assumed to be
    average.
    """

    def __init__(self, domain: Domain):
        self.domain = domain
        self.sums = [[0.0] * size for size in domain.sizes]
        self.counts = [[0] * size for size in domain.sizes]
        self.sum, self.count = 0.0, 0

    def add(self, outcomes: Outcomes, value: float) -> None:
        """Adds a network with its value."""
        self.sum, self.count = self.sum + value, self.count + 1
        for n, there in enumerate(self.domain.active(outcomes)):
            if there:
                self.sums[n][outcomes[n]] += value
                self.counts[n][outcomes[n]] += 1

    def of(self, decision: int, outcome: int) -> float:
        """The mean value of the networks with an outcome of a decision."""
        average = self.sum / max(self.count, 1)
        return (self.sums[decision][outcome] + average) / (self.counts[decision][outcome] + 1)

    def forecast(self, outcomes: Outcomes) -> float:
        """The forecast of a network, relative to the overall mean: the sum of its outcomes' effects.

        The effect of an outcome is its mean value minus the overall mean.
        """
        average = self.sum / max(self.count, 1)
        active = self.domain.active(outcomes)
        return sum(self.of(n, outcomes[n]) - average for n, there in enumerate(active) if there)

    def state(self) -> list[Any]:
        return [self.sums, self.counts, self.sum, self.count]

    def restore(self, state: list[Any]) -> None:
        sums, counts, self.sum, self.count = state
        self.sums, self.counts = [list(row) for row in sums], [list(row) for row in counts]
