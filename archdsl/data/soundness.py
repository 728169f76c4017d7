"""The files of several parts of a dataset looked at before a run: what stops it, what is worth knowing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archdsl.data.checking import Inspection, inspect
from archdsl.data.dataset import Dataset
from archdsl.data.faults import grouped
from archdsl.data.labelling import about_labels
from archdsl.diagnostics import Diagnostic, SpecError

TRAINED, VALIDATED, SCORED = "to train on", "to validate on", "to score"
"""What a part is used for."""


@dataclass(frozen=True)
class Soundness:
    """`inspections` by what a part is used for; `findings` are warnings and notes, `lines` plain facts."""

    inspections: Mapping[str, Inspection]
    findings: tuple[Diagnostic, ...]
    lines: tuple[str, ...]


def demand_sound(parts: Mapping[str, Dataset]) -> Soundness:
    """Looks at every file of some parts, by what they are used for.

    Raises SpecError with everything that is wrong.
    """
    found = {use: inspect(dataset) for use, dataset in parts.items()}
    about = [
        problem
        for use, dataset in parts.items()
        for problem in (*found[use].problems, *about_labels(dataset, found[use], use, use == TRAINED))
    ]
    errors = [problem for problem in about if problem.severity == "error"]
    if errors:
        raise SpecError(grouped(errors))
    lines = []
    for use, dataset in parts.items():
        lines += [f"not read among the images {use}: {left}" for left in getattr(dataset, "left_out", ())]
        if turned := found[use].turned:
            lines.append(f"{turned} image{'s' if turned > 1 else ''} {use} turned by the EXIF orientation")
    return Soundness(found, tuple(about), tuple(lines))
