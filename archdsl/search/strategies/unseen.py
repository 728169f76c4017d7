"""Finds networks that were not proposed before, near other networks or anywhere.

A network that is proposed again is not evaluated again, so that nothing is learned from it. Strategies that
search near their best networks would otherwise propose such networks more and more often.
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
"""The maximum number of mutations from a known network to a new one, before a random one is sampled."""
DRAWS = 200
"""The number of consecutive samples that are known networks, after which a space counts as exhausted."""
LISTED = 1 << 14
"""The maximum number of combinations of outcomes for listing all networks, to find the ones that are left."""


class Unseen:
    """Finds networks of a domain that were not proposed yet; `known` are the proposed networks."""

    def __init__(self, domain: Domain, rng: Random):
        self.domain, self.rng = domain, rng
        self.known: dict[Outcomes, None] = {}

    def near(self, outcomes: Outcomes) -> Outcomes | None:
        """A new network, marked as proposed: the given network, a mutation, or else a random one; or None."""
        found = self.walked(outcomes)
        return self.sample() if found is None else self._proposed(found)

    def walked(self, outcomes: Outcomes) -> Outcomes | None:
        """A new network, not marked as proposed: the given one after 0 or more mutations; or None."""
        at: Outcomes | None = outcomes
        for _ in range(WALK):
            if at is None or at not in self.known:
                return at
            at = self.domain.mutated(at, self.rng)
        return None

    def sample(self) -> Outcomes | None:
        """A random new network, marked as proposed; None if none was found."""
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
        """All networks that satisfy the requirements; empty for a large space."""
        domain = self.domain
        if math.prod(domain.sizes) > LISTED:
            return ()
        every = dict.fromkeys(map(domain.canonical, itertools.product(*map(range, domain.sizes))))
        return [one for one in every if domain.allowed(one)]

    def state(self) -> Any:
        """The proposed networks as an array, N × decisions."""
        return as_array(self.known, len(self.domain.sizes))

    def restore(self, state: Any) -> None:
        self.known = dict.fromkeys(from_array(state))
