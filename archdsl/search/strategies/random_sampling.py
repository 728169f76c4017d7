"""Random search."""

from __future__ import annotations

from random import Random
from typing import Any

from archdsl.configs.strategies import Random as Config
from archdsl.search.strategies.base import Observation, Outcomes
from archdsl.search.strategies.saving import rng_state, set_rng_state
from archdsl.search.trials.domain import Domain


class RandomSampling:
    """Samples networks that satisfy the requirements on costs, independently.

    With `over = networks`, networks are sampled uniformly; with `over = outcomes`, the outcomes of each
    decision. A network may be proposed repeatedly.
    """

    def __init__(self, config: Config, domain: Domain, seed: int):
        self.domain, self.rng = domain, Random(seed)
        self.over: Any = config.over

    def propose(self) -> Outcomes | None:
        return self.domain.sample(self.rng, self.over)

    def observe(self, seen: Observation) -> None:
        """Ignores observations."""

    def state(self) -> dict[str, Any]:
        return {"rng": rng_state(self.rng)}

    def restore(self, state: dict[str, Any]) -> None:
        set_rng_state(self.rng, state["rng"])
