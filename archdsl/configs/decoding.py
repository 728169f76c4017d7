"""Configs of decoders: how a network is derived from the probabilities of a supernet's decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs import forms
from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Cells:
    """The decisions of a lattice of cells (FasterSeg, arXiv:1912.10917), by paths without subscripts."""

    kinds: str = setting("part", "the decisions that choose the op of each cell", "cells.kind")
    reads: str = setting(
        "part", "the decisions that choose the row (resolution) that each cell reads", "cells.x"
    )
    widths: str = setting("part", "the decisions that choose the output width of each layer", "widths.w")


@dataclass(frozen=True)
class Branches(Cells):
    """Decodes branches, one or two paths of cells through a lattice, to a network of another space."""

    into: str | None = setting(
        "space", "the space that the derived network belongs to", usual="none: required"
    )
    stages: tuple[str, ...] = setting(
        "data",
        "the stages of the space `into`, one for each branch; there are one or two branches",
        ("long", "side"),
        form=forms.NAMES,
    )
    ends: Any = setting(
        "data", "for each branch, a list of the rows at which it may end", form=forms.ROWS,
        usual="the coarsest row, then any other one",
    )  # fmt: skip
    select: str | None = setting(
        "part", "the decision that chooses the end rows, with an outcome for each combination of them",
        usual="the first combination",
    )  # fmt: skip
    select_by: str | None = setting(
        "text",
        "how the combination of ends is selected: by the most probable outcome of `select`, or the largest"
        " mIoU · (latency / 8.3 ms)^-0.07, as in the released code of FasterSeg",
        None, choices=("probability", "score"), usual="score if mode = released, else probability",
    )  # fmt: skip
    skip: str = setting("text", "the candidate of a cell that stands for removing the cell", "skip")
    without_skip: bool = setting("flag", "exclude the candidate `skip`, so that no cell is removed", False)
    shortest: Any = setting(
        "data", "the minimum number of cells of a branch, by its end row", form=forms.COUNTS,
        usual="layers / 3, plus 2 for each halving of the resolution",
    )  # fmt: skip
    mode: str = setting(
        "text", "`released`: as the released code of FasterSeg, including its defects",
        "corrected", choices=("corrected", "released"),
    )  # fmt: skip
