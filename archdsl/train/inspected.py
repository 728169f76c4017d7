"""Inspects the data of a run before it starts, and computes class weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from archdsl.data.dataset import Dataset, Splits
from archdsl.data.soundness import TRAINED, VALIDATED, Soundness, demand_sound
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.runs.processes import Processes
from archdsl.runs.reporter import Reporter
from archdsl.train import class_weights


def inspected(parts: Mapping[str, Dataset], reporter: Reporter) -> Soundness:
    """Inspects every file of datasets, given by the use of the split, and reports warnings.

    Raises SpecError with all errors.
    """
    found = demand_sound(parts)
    reporter.findings(found.findings)
    for line in found.lines:
        reporter.warn(line)
    return found


def weighted_classes(
    splits: Splits, rule: str | None, here: Processes, reporter: Reporter, binary: Collection[str] = ()
) -> tuple[float, ...] | None:
    """Inspects all files of both splits, in the first process; returns class weights by `rule`, None without.

    `binary` are the maps whose values must be from 0 to 1. Raises SpecError for all errors in the data,
    ARCH938 for values out of this range, and ARCH944 for an invalid rule.
    """
    shares = None
    if here.is_first:
        found = inspected({TRAINED: splits.train, VALIDATED: splits.val}, reporter)
        shares = found.inspections[TRAINED].shares
        for use, one in found.inspections.items():
            _demand_binary({name: one.maps.get(name) for name in binary}, use)
    classes = splits.train.classes
    weights = class_weights.class_weights_everywhere(rule, shares, classes, here)
    if weights is not None and here.is_first:
        reporter.info(class_weights.described(weights, classes))
    return weights


def _demand_binary(maps: Mapping[str, tuple[float, float] | None], use: str) -> None:
    for name, ends in maps.items():
        if ends is None:
            continue
        low, high = ends
        if low < 0 or high > 1:
            help = "set `map_scale`, or use l1, mse or smooth_l1"
            what = f"has values from {low:g} to {high:g}, but `bce` needs values from 0 to 1"
        elif low >= 0.5:
            help = 'pixels of the value 0 are unknown unless `map_unknown` is set: map_unknown = "none"'
            what = f"has values from {low:g} to {high:g}: all known pixels are positive"
        else:
            continue
        raise SpecError([Diagnostic("ARCH938", f"`{name}` of the {use} {what}", help=help)])
