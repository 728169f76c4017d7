"""Restores a run from its newest checkpoint, and truncates its journal to the records before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from archdsl.runs.checkpoints import Keeper
from archdsl.runs.journal import Journal
from archdsl.runs.lines import Mark


def restored(keeper: Keeper, journal: Journal | None, load: Callable[[Mapping[str, Any]], Mark]) -> int:
    """Loads the newest readable checkpoint; returns the step after which the run resumes, or 0 without one.

    `load` restores a state and returns its position in the journal, or raises Unfit without changing
    anything. `journal` is None in a process that writes none. Raises SpecError as `Keeper.restore` and
    `Journal.cut`.
    """
    marks: list[Mark] = []
    step = keeper.restore(lambda state: marks.append(load(state))) or 0
    if journal is not None:
        journal.cut(*(marks[-1] if marks else Mark(0)), step=step)
    return step
