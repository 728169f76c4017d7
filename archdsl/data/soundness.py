"""Validates the splits of a dataset before a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archdsl.data.checking import Inspection, inspect
from archdsl.data.dataset import Dataset
from archdsl.data.faults import grouped
from archdsl.data.labelling import about_colours, about_labels, about_maps
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.report.numbers import plural

TRAINED, VALIDATED, SCORED = "training images", "validation images", "evaluation images"
"""How messages name the images of a split, by its use."""


@dataclass(frozen=True)
class Soundness:
    """The result of validating splits: `inspections` by use of the split (`TRAINED`, …), warnings and notes
    (`findings`), and remarks (`lines`).
    """

    inspections: Mapping[str, Inspection]
    findings: tuple[Diagnostic, ...]
    lines: tuple[str, ...]


def demand_sound(parts: Mapping[str, Dataset]) -> Soundness:
    """Inspects every file of splits; `parts` are the splits by use (`TRAINED`, …).

    Raises SpecError with all errors.
    """
    found = {use: inspect(dataset) for use, dataset in parts.items()}
    about = [
        problem
        for use, dataset in parts.items()
        for problem in (
            *found[use].problems,
            *about_labels(dataset, found[use], use, use == TRAINED),
            *about_maps(found[use], use),
        )
    ]
    about += about_colours(next(iter(parts.values())))
    errors = [problem for problem in about if problem.severity == "error"]
    if errors:
        raise SpecError(grouped(errors))
    lines = []
    for use, dataset in parts.items():
        lines += [f"files not read for the {use}: {left}" for left in getattr(dataset, "left_out", ())]
        for what, n in found[use].turned.items():
            files = f"{n} of the {use}" if what == "image" else f"{plural(n, what)} of the {use}"
            lines.append(f"{files} rotated by EXIF orientation")
    return Soundness(found, tuple(about), tuple(lines))
