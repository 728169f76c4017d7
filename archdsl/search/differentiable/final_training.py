"""The final training of a search: a hill climb over networks that are trained from scratch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch

from archdsl.configs.strategies import HillClimb as Climb
from archdsl.devices.objective import Costs
from archdsl.passes.identity import identity
from archdsl.program import Space
from archdsl.search.config import SearchConfig
from archdsl.search.engines.base import Done, Task
from archdsl.search.engines.in_process import InProcess
from archdsl.search.result import Result, bound
from archdsl.search.strategies.base import Outcomes, Proposal, Standing
from archdsl.search.strategies.hill_climb import HillClimb
from archdsl.search.trials.domain import Domain
from archdsl.search.trials.loop import Identified, Loop, Trial


def refined(
    start: Result, chances: Mapping[str, torch.Tensor], config: SearchConfig, space: Space, costs: Costs,
    score: Callable[[Result], float],
) -> Result:  # fmt: skip
    """Hill climbing from `start` over at most `config.refine` networks; returns the best by `score`.

    `score` trains a network from scratch. Neighbours of the best network so far differ in one decision; those
    with the most probable outcomes (`chances`) are tried first.
    """

    @lru_cache(maxsize=1)  # identified first, then scored
    def result(outcomes: Outcomes, how: str = "") -> Result:
        return bound(space, dict(zip(chances, outcomes, strict=True)), how, costs)

    def identify(outcomes: Outcomes) -> str | None:
        one = result(outcomes)
        return None if one.unmet else identity(one.network.graph)

    def evaluate(task: Task) -> Done:
        return Done(task.number, {"objective": score(result(task.outcomes))})

    first = tuple(start.outcomes[path] for path in chances)
    rows = [chance.tolist() for chance in chances.values()]
    strategy = HillClimb(Climb(restart=False), Domain.of_sizes(map(len, rows)), 0, first, rows)
    trials: list[Trial] = []
    loop = Loop(strategy, _Judge(identify), InProcess(evaluate), trials=config.refine, observed=trials.append)
    loop.run()
    epochs = config.refine_epochs
    each = f"each trained for {epochs} epoch{'s' if epochs > 1 else ''}"
    how = f"the best of {len(trials)} networks, the most probable one and neighbours, {each}"
    return result(min(trials, key=lambda trial: trial.value).outcomes, how)


@dataclass(frozen=True)
class _Judge:
    """The scorer of the final training's trials, by one objective; `of` returns the key of a network."""

    of: Callable[[Outcomes], str | None]
    objectives: int = 1

    def identify(self, proposal: Proposal) -> Identified:
        return Identified(proposal.outcomes, self.of(proposal.outcomes))

    def score(self, outcomes: Outcomes, done: Done) -> tuple[tuple[float, ...], Standing]:
        return (done.scores["objective"],), "scored"
