"""Configs of the rules that sample networks for training shared weights."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Uniform:
    """One network per step, uniform over the outcomes of each decision (SPOS, arXiv:1904.00420)."""


@dataclass(frozen=True)
class Fair:
    """Networks with equally frequent outcomes, as many per step as the largest decision has (FairNAS)."""


@dataclass(frozen=True)
class Sandwich:
    """The largest, the smallest and some random networks per step (US-Nets, arXiv:1903.05134)."""

    random: int = setting("whole", "random networks", 2, low=0, high=64)
    distill: bool = setting(
        "flag",
        "train the others on predictions of the largest instead of labels (in-place distillation)",
        True,
    )
