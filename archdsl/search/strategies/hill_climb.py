"""Hill climbing from a network: neighbours that differ in one decision, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archdsl.search.strategies.base import Observation, Outcomes


class HillClimb:
    """Proposes `first`, then neighbours of the best network observed.

    A neighbour differs in one decision; those whose outcome has the greatest chance, relative to the outcome
    that it replaces, come first.  `chances` are the probabilities of outcomes by decision.
    """

    def __init__(self, first: Outcomes, chances: Sequence[Sequence[float]]):
        self.chances = chances
        self.best, self.lowest = first, float("inf")
        self._proposed: set[Outcomes] = set()

    def propose(self) -> Outcomes | None:
        ahead = (self.best, *_neighbours(self.best, self.chances))
        found = next((outcomes for outcomes in ahead if outcomes not in self._proposed), None)
        if found is not None:
            self._proposed.add(found)
        return found

    def observe(self, seen: Observation) -> None:
        if seen.state == "scored" and seen.value < self.lowest:
            self.best, self.lowest = seen.outcomes, seen.value


def _neighbours(at: Outcomes, chances: Sequence[Sequence[float]]) -> Iterator[Outcomes]:
    """Outcomes that differ in one decision, the likeliest first."""
    others = [
        (chance[outcome] / max(chance[at[n]], 1e-12), n, outcome)
        for n, chance in enumerate(chances)
        for outcome in range(len(chance))
        if outcome != at[n]
    ]
    for _, n, outcome in sorted(others, key=lambda other: (-other[0], *other[1:])):
        yield (*at[:n], outcome, *at[n + 1 :])
