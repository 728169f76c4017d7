"""How well the outcomes of decisions did so far: a cheap forecast of networks that were not evaluated."""

from __future__ import annotations

from typing import Any

from archdsl.search.strategies.base import Outcomes
from archdsl.search.trials.domain import Domain


class OutcomeMeans:
    """The mean value of the networks with each outcome, where its decision arises.

    A network of mean value is added to those of every outcome, so that one that was rarely seen is taken to
    be average.
    """

    def __init__(self, domain: Domain):
        self.domain = domain
        self.sums = [[0.0] * size for size in domain.sizes]
        self.counts = [[0] * size for size in domain.sizes]
        self.sum, self.count = 0.0, 0

    def add(self, outcomes: Outcomes, value: float) -> None:
        """Counts a network with its value."""
        self.sum, self.count = self.sum + value, self.count + 1
        for n, there in enumerate(self.domain.arising(outcomes)):
            if there:
                self.sums[n][outcomes[n]] += value
                self.counts[n][outcomes[n]] += 1

    def of(self, decision: int, outcome: int) -> float:
        """The mean value of the networks with an outcome."""
        average = self.sum / max(self.count, 1)
        return (self.sums[decision][outcome] + average) / (self.counts[decision][outcome] + 1)

    def forecast(self, outcomes: Outcomes) -> float:
        """What a network may be worth, from the mean of all: effects of outcomes are added."""
        average = self.sum / max(self.count, 1)
        arises = self.domain.arising(outcomes)
        return sum(self.of(n, outcomes[n]) - average for n, there in enumerate(arises) if there)

    def state(self) -> list[Any]:
        return [self.sums, self.counts, self.sum, self.count]

    def restore(self, state: list[Any]) -> None:
        sums, counts, self.sum, self.count = state
        self.sums, self.counts = [list(row) for row in sums], [list(row) for row in counts]
