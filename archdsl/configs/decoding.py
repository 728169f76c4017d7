"""Configs of decoders: how a network is derived from the probabilities of a supernet's decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs import forms
from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Cells:
    """The decisions of a lattice of cells, by their paths without subscripts."""

    kinds: str = setting("part", "the decisions on the candidate of each cell", "cells.kind")
    reads: str = setting("part", "the decisions on the row that each cell reads", "cells.x")
    widths: str = setting("part", "the decisions on the width behind each layer", "widths.w")


@dataclass(frozen=True)
class Branches(Cells):
    """Chains of cells of a lattice, joined in a space of their own."""

    into: str | None = setting("space", "the space of the networks that are derived", usual="none: required")
    stages: tuple[str, ...] = setting(
        "data",
        "its stages, one for each branch, of which there are one or two",
        ("long", "side"),
        form=forms.NAMES,
    )
    ends: Any = setting(
        "data", "the rows at which each branch may end", form=forms.ROWS,
        usual="the coarsest row, then any other one",
    )  # fmt: skip
    select: str | None = setting(
        "part", "the decision on the ends, with an outcome for each combination of them",
        usual="the first combination",
    )  # fmt: skip
    skip: str = setting("text", "the candidate that stands for no cell", "skip")
    without_skip: bool = setting("flag", "every cell stays: none takes `skip`", False)
    shortest: Any = setting(
        "data", "the least number of cells of a branch, by the row of its end", form=forms.COUNTS,
        usual="layers / 3 + 2 for each halving",
    )  # fmt: skip
    mode: str = setting(
        "text", "`released`: as the code of FasterSeg decodes, with its defects",
        "corrected", choices=("corrected", "released"),
    )  # fmt: skip
