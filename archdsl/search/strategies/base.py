"""What a strategy is: it proposes outcomes of decisions, and observes how well their networks do."""

from __future__ import annotations

from typing import Protocol

Outcomes = tuple[int, ...]
"""An outcome of each decision, by number, in the order of the space's decisions."""


class Strategy(Protocol):
    """Proposes networks one after the other.

    Proposals depend on the settings, the seed and the observations alone, so that a search is resumed by
    proposing again and observing what was recorded.
    """

    def propose(self) -> Outcomes | None:
        """The outcomes to evaluate next; None where nothing is left to propose."""

    def observe(self, outcomes: Outcomes, value: float | None) -> None:
        """Takes the objective of what was proposed last, the lower the better.

        None: it was not evaluated, as it misses a requirement or makes a network that was evaluated before.
        """
