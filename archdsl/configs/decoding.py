"""Configs of decoders: how a network is derived from the probabilities of a supernet's decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs import forms
from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Cells:
    """The decisions of a lattice of cells, by their paths without subscripts."""

    kinds: str = setting("part", "the decisions on the op of each cell", "cells.kind")
    reads: str = setting("part", "the decisions on the row that each cell reads", "cells.x")
    widths: str = setting("part", "the decisions on the output width of each layer", "widths.w")


@dataclass(frozen=True)
class Branches(Cells):
    """Chains of cells of a lattice, joined in a space of their own."""

    into: str | None = setting("space", "the space of the networks that are derived", usual="none: required")
    stages: tuple[str, ...] = setting(
        "data",
        "the stages of that space, one for each of the one or two branches",
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
    select_by: str | None = setting(
        "text",
        "how the combination of ends is selected: by the most probable outcome of `select`, or the largest"
        " mIoU · (latency / 8.3 ms)^-0.07, as in the released code of FasterSeg",
        None, choices=("probability", "score"), usual="score if mode = released, else probability",
    )  # fmt: skip
    skip: str = setting("text", "the candidate that means that the cell is removed", "skip")
    without_skip: bool = setting("flag", "keep all cells: `skip` is excluded", False)
    shortest: Any = setting(
        "data", "the minimum number of cells of a branch, by its end row", form=forms.COUNTS,
        usual="layers / 3, plus 2 for each halving of the resolution",
    )  # fmt: skip
    mode: str = setting(
        "text", "`released`: as the released code of FasterSeg, including its defects",
        "corrected", choices=("corrected", "released"),
    )  # fmt: skip
