"""Early stopping of trainings that score worse than earlier trainings at the same point.

A point is a number of epochs in a stage. The level of a point is a moving average of the scores of the
trainings that reached it, in the order of proposals. Levels do not depend on where trainings run: the search
passes them to each evaluation, and updates them with the scores of the evaluation. The rule, its random slack
and the decay of the slack are those of `TaskPerformer` in src/helpers/utils.py of DrSleep/nas-segm-pytorch
(arXiv:1904.02365).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from archdsl.configs.evaluators import MovingLevel, TwoStage
from archdsl.search.terms import configured

PREFIX = "validation "
"""The prefix of the names of validation scores at a point of a training: `validation network 2`."""


@dataclass(frozen=True)
class Level:
    """The moving average of scores at a point, the slack, and a count of the scores averaged.

    Scores above the level count twice.
    """

    level: float
    slack: float
    count: int = 0

    def with_value(self, value: float, config: MovingLevel) -> Level:
        """The level updated with the score `value` of another training at this point."""
        at, within = divmod(self.count, config.every)
        narrowed = self.slack
        if within == 0 and 1 <= at <= len(config.narrowed):
            narrowed = narrowed * config.narrowed[at - 1]
        level = config.decay * self.level + (1 - config.decay) * value
        return Level(level, narrowed, self.count + (2 if value > level else 1))


class Levels:
    """The state of early stopping: the level of each point, such as `network 2`."""

    def __init__(self, config: MovingLevel, levels: Mapping[str, Level] | None = None):
        self.config, self.levels = config, dict(levels or {})

    def continues(self, point: str, value: float, rng: random.Random) -> bool:
        """Whether a training with the score `value` at a point continues.

        It does if the score is above the updated level times (1 - u), with u uniform from 0 to the slack.
        """
        now = self._at(point).with_value(value, self.config)
        return value > now.level or value > now.level * (1 - rng.uniform(0.0, now.slack))

    def observe(self, scores: Mapping[str, float]) -> None:
        """Updates the levels with the scores of a finished training."""
        for name, value in scores.items():
            if name.startswith(PREFIX):
                point = name.removeprefix(PREFIX)
                self.levels[point] = self._at(point).with_value(value, self.config)

    def _at(self, point: str) -> Level:
        return self.levels.get(point) or Level(self.config.level, self.config.slack)

    def state(self) -> dict[str, Any]:
        """The levels as JSON values."""
        return {point: asdict(level) for point, level in self.levels.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores the levels from JSON values. Raises TypeError for other values."""
        self.levels = {point: Level(**level) for point, level in state.items()}


def memory(config: TwoStage) -> Levels | None:
    """The memory of the evaluator `two_stage` with these settings; None without early stopping."""
    return None if config.early_stop is None else Levels(configured(config.early_stop))
