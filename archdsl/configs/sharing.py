"""Configs of the rules that sample networks for training shared weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from archdsl.configs.forms import GROUPED_NAMES, SHARES
from archdsl.configs.setting import setting

BN = Literal["shared", "per_width"]
"""Batch normalization of elastic weights: parts of one set, or a set for each combination of widths."""
Kernels = Literal["cropped", "transformed"]
"""Smaller kernels of elastic weights: the centre of the largest, or learned linear maps of it (OFA)."""


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


@dataclass(frozen=True)
class Progressive:
    """Decisions that open in turn; before that, they have their largest outcome (OFA)."""

    opens: Any = setting(
        "data", "decisions fixed to their largest outcomes at first, in the order in which they are opened; those of a list together", (),
        form=GROUPED_NAMES, usual="required",
    )  # fmt: skip
    at: Any = setting(
        "data", "fractions of the training after which they are opened, one for each entry", form=SHARES, usual="evenly spaced from 0",
    )  # fmt: skip
    train: Any = setting(
        "word", "how networks are sampled from the opened outcomes", group="sharing",
        choices=("uniform", "fair", "sandwich"), usual="sandwich(random = 2)",
    )  # fmt: skip
