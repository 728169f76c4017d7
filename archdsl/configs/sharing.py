"""Configs of the rules that sample networks for training shared weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from archdsl.configs.forms import GROUPED_NAMES, SHARES
from archdsl.configs.setting import setting

BN = Literal["shared", "per_width"]
"""Batch normalization of elastic weights: slices of one set of parameters, or a set for each combination of
widths.
"""
Kernels = Literal["cropped", "transformed"]
"""Smaller kernels of elastic weights: the centre of the largest kernel, or a learned linear map of it (OFA).
"""


@dataclass(frozen=True)
class Uniform:
    """One network per step, uniform over the outcomes of each decision (SPOS, arXiv:1904.00420)."""


@dataclass(frozen=True)
class Fair:
    """Strict fairness (FairNAS, arXiv:1907.01845).

    Each step trains as many networks as the largest decision has outcomes; in these, all outcomes of a
    decision are equally frequent.
    """


@dataclass(frozen=True)
class Sandwich:
    """The largest, the smallest and some random networks per step (US-Nets, arXiv:1903.05134)."""

    random: int = setting("whole", "random networks", 2, low=0, high=64)


@dataclass(frozen=True)
class Progressive:
    """Progressive shrinking (OFA, arXiv:1908.09791).

    Each decision is fixed to its largest outcome until it is opened; decisions are opened in sequence.
    """

    opens: Any = setting(
        "data", "decisions fixed to their largest outcomes at first, in the order in which they are opened; decisions in an inner list are opened together", (),
        form=GROUPED_NAMES, usual="required",
    )  # fmt: skip
    at: Any = setting(
        "data", "fractions of the training after which the entries of `opens` are opened, one for each entry", form=SHARES, usual="evenly spaced from 0",
    )  # fmt: skip
    train: Any = setting(
        "word", "how networks are sampled from the opened outcomes", group="sharing",
        choices=("uniform", "fair", "sandwich"), usual="sandwich(random = 2)",
    )  # fmt: skip
