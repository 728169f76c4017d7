"""The data of a run looked at before it starts, and the weights of its classes."""

from __future__ import annotations

from collections.abc import Mapping

from archdsl.data.dataset import Dataset, Splits
from archdsl.data.soundness import TRAINED, VALIDATED, Soundness, demand_sound
from archdsl.runs.processes import Processes
from archdsl.runs.reporter import Reporter
from archdsl.train import class_weights


def inspected(parts: Mapping[str, Dataset], reporter: Reporter) -> Soundness:
    """Looks at every file of some parts, by what they are used for, and reports what is worth knowing.

    Raises SpecError with everything that is wrong.
    """
    found = demand_sound(parts)
    reporter.findings(found.findings)
    for line in found.lines:
        reporter.warn(line)
    return found


def weighted_classes(
    splits: Splits, rule: str | None, here: Processes, reporter: Reporter
) -> tuple[float, ...] | None:
    """The weights of the classes by a rule, after the first process looked at every file of both parts.

    None without a rule.  Raises SpecError with everything that is wrong with the data, and ARCH944 for a rule
    that is none.
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
