"""Settings of samplers: how the outcomes of decisions are weighed or drawn in a differentiable search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Fixed:
    """A sampler without settings."""


@dataclass(frozen=True)
class Tempered:
    """A sampler whose distribution sharpens as its temperature falls."""

    tau: float = setting("number", "temperature at the start", 1.0, low=1e-4)
    end: float | None = setting("number", "temperature at the end", low=1e-4, usual="as `tau`")
    schedule: Any = setting("word", "of the temperature, by epoch", group="schedules", usual="linear")
    start: int = setting(
        "whole", "epoch from which the decisions are trained; before, outcomes are sampled uniformly", 0
    )


@dataclass(frozen=True)
class Gumbel(Tempered):
    """Gumbel-softmax."""

    hard: bool = setting("flag", "the sampled candidate with weight 1, as by the sampler `hard`", False)
