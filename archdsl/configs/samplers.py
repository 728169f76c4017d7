"""Configs of samplers: how a differentiable search weights or samples the outcomes of decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Fixed:
    """The config of a sampler without settings."""


@dataclass(frozen=True)
class Tempered:
    """A sampler with a temperature; lower temperatures sharpen its distribution."""

    tau: float = setting("number", "initial temperature", 1.0, low=1e-4)
    end: float | None = setting("number", "final temperature", low=1e-4, usual="as `tau`")
    schedule: Any = setting("word", "temperature schedule over the epochs", group="schedules", usual="linear")
    start: int = setting(
        "whole",
        "first epoch in which the decisions are trained; before it, outcomes are sampled uniformly",
        0,
    )


@dataclass(frozen=True)
class Gumbel(Tempered):
    """Gumbel-softmax: weights candidates by probabilities with Gumbel noise (arXiv:1611.01144)."""

    hard: bool = setting(
        "flag", "straight-through: the sampled candidate gets weight 1, as with the sampler `hard`", False
    )
