"""Finds networks that were not proposed before, near others or anywhere.

Proposing a network twice is one trial, from which nothing is learned. Strategies that search near their best
networks would do so more and more often.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cached_property
from random import Random
from typing import Any

from archdsl.search.strategies.base import Outcomes
from archdsl.search.strategies.saving import as_array, from_array
from archdsl.search.trials.domain import Domain

WALK = 32
"""Steps from a known network to one that is not, before one is sampled."""
DRAWS = 200
"""Known networks sampled in a row, before the space is taken to be exhausted."""
LISTED = 1 << 14
"""Combinations of outcomes up to which it is known exactly whether a space is exhausted."""


class Unseen:
    """The networks of a domain that were not proposed yet."""

    def __init__(self, domain: Domain, rng: Random):
        self.domain, self.rng = domain, rng
        self.known: dict[Outcomes, None] = {}

    def near(self, outcomes: Outcomes) -> Outcomes | None:
        """This network if it is new; else one with few changes, or any; None if none was found."""
        found = self.walked(outcomes)
        return self.sample() if found is None else self._proposed(found)

    def walked(self, outcomes: Outcomes) -> Outcomes | None:
        """This network, or one with few changes; it is not marked as proposed."""
        at: Outcomes | None = outcomes
        for _ in range(WALK):
            if at is None or at not in self.known:
                return at
            at = self.domain.mutated(at, self.rng)
        return None

    def sample(self) -> Outcomes | None:
        """A random new network; None if none was found."""
        for _ in range(DRAWS):
            found = self.domain.sample(self.rng)
            if found is None:
                break
            if found not in self.known:
                return self._proposed(found)
        left = [one for one in self._listed if one not in self.known]
        return self._proposed(self.rng.choice(left)) if left else None

    def add(self, outcomes: Outcomes) -> None:
        """Marks a network as proposed."""
        self.known[outcomes] = None

    def _proposed(self, outcomes: Outcomes) -> Outcomes:
        self.known[outcomes] = None
        return outcomes

    @cached_property
    def _listed(self) -> Sequence[Outcomes]:
        """All networks of a small space that satisfy the requirements."""
        domain = self.domain
        if math.prod(domain.sizes) > LISTED:
            return ()
        every = dict.fromkeys(map(domain.canonical, itertools.product(*map(range, domain.sizes))))
        return [one for one in every if domain.allowed(one)]

    def state(self) -> Any:
        """The networks proposed, as an array of shape (networks, decisions)."""
        return as_array(self.known, len(self.domain.sizes))

    def restore(self, state: Any) -> None:
        self.known = dict.fromkeys(from_array(state))
