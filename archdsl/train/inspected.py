"""Inspects the data of a run before it starts, and computes class weights."""

from __future__ import annotations

from collections.abc import Mapping

from archdsl.data.dataset import Dataset, Splits
from archdsl.data.soundness import TRAINED, VALIDATED, Soundness, demand_sound
from archdsl.runs.processes import Processes
from archdsl.runs.reporter import Reporter
from archdsl.train import class_weights


def inspected(parts: Mapping[str, Dataset], reporter: Reporter) -> Soundness:
    """Inspects every file of some splits, by their use, and reports warnings.

    Raises SpecError with all errors.
    """
    found = demand_sound(parts)
    reporter.findings(found.findings)
    for line in found.lines:
        reporter.warn(line)
    return found


def weighted_classes(
    splits: Splits, rule: str | None, here: Processes, reporter: Reporter
) -> tuple[float, ...] | None:
    """Class weights by a rule, after the first process inspected all files of both splits.

    None without a rule. Raises SpecError for all errors in the data, and ARCH944 for an invalid rule.
    """
    shares = None
    if here.is_first:
        found = inspected({TRAINED: splits.train, VALIDATED: splits.val}, reporter)
        shares = found.inspections[TRAINED].shares
    classes = splits.train.classes
    weights = class_weights.class_weights_everywhere(rule, shares, classes, here)
    if weights is not None and here.is_first:
        reporter.info(class_weights.described(weights, classes))
    return weights
