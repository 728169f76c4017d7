"""Rules by which networks of a space are drawn while they train weights that they share."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Uniform:
    """One network a step, every outcome of a decision equally likely (SPOS, arXiv:1904.00420)."""


@dataclass(frozen=True)
class Fair:
    """As many networks a step as the largest decision has outcomes, in which each is equally often (FairNAS)."""


@dataclass(frozen=True)
class Sandwich:
    """The largest, the smallest and some random networks a step (US-Nets, arXiv:1903.05134)."""

    random: int = setting("whole", "random networks", 2, low=0, high=64)
    distill: bool = setting(
        "flag", "the others learn what the largest predicts, instead of labels (in-place distillation)", True
    )
