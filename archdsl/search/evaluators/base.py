"""What an evaluator is: it scores networks, which it is handed as outcomes of decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

Scores = Mapping[str, float]
"""Numbers by name: `miou`, `macs`, `latency_ms`, `objective`."""


class Evaluator(Protocol):
    """Scores a network, the outcomes of whose decisions are given by path."""

    def score(self, outcomes: Mapping[str, int]) -> Scores:
        """The scores of a network.  Raises SpecError where it cannot be evaluated."""
