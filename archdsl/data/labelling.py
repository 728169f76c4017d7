"""What the labels of a dataset leave to be learned: classes without a pixel, and what 255 may mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archdsl.data.checking import Inspection
from archdsl.data.dataset import IGNORE, Dataset
from archdsl.data.files import Files
from archdsl.data.reading import NOT_ALLOWED, ranges
from archdsl.diagnostics import Diagnostic

_SHOWN = 12
_FEW = 3
"""So many labels may be void by mistake; more are classes."""


def about_labels(dataset: Dataset, found: Inspection, use: str, learned: bool) -> list[Diagnostic]:
    """Errors (ARCH943) where nothing can be learned or scored, and warnings (ARCH945) about classes.

    `use` says what the images are for ("to train on").  Classes without a pixel matter where they are
    `learned`.  Where labels are not classes, a note lists all labels and the settings that would help.
    """
    if found.problems:
        return _listed_labels(dataset, found)
    pixels_K = found.pixels_NK.sum(0)
    if not pixels_K.any():
        return [Diagnostic("ARCH943", f"the images {use} have no labelled pixel", help=_all_ignored(found))]
    absent = [name for name, n in zip(dataset.classes, pixels_K.tolist(), strict=True) if n == 0]
    alone = len(absent) == len(dataset.classes) - 1
    if alone and found.labels[IGNORE] and _may_be_a_class(dataset):
        return [_second_class(dataset, found, use, learned)]
    if not absent or not learned:
        return []
    headline = f"no pixel of {_names(absent)} in the {len(dataset)} images {use}"
    help = "it is not learned, and counts in mIoU where it is predicted or scored"
    return [Diagnostic("ARCH945", headline, severity="warning", help=help)]


def _may_be_a_class(dataset: Dataset) -> bool:
    """Whether 255 is ignored by default rather than on purpose."""
    return isinstance(dataset, Files) and dataset.table[IGNORE] == IGNORE and IGNORE not in dataset.ignored


def _second_class(dataset: Dataset, found: Inspection, use: str, learned: bool) -> Diagnostic:
    """Masks that are drawn in black and white, of which the white is ignored.

    Images that are only scored may really show one class: a warning is enough for them.
    """
    there = [label for label in np.flatnonzero(found.labels).tolist() if label != IGNORE]
    share = 100 * found.labels[IGNORE] / found.labels.sum()
    only = dataset.classes[int(found.pixels_NK.sum(0).argmax())]
    held = f"masks hold {ranges(there)} and 255, and 255 stands for no class"
    help = f"{share:.0f} % of all pixels are 255; "
    if len(dataset.classes) == 2:
        own = f"`labels = [{there[0]}, 255]`, in --data `labels={there[0]}+255`"
        help += f"if these are the second class, set {own}; "
    help += "if they are of no class, say so: `ignore = 255`"
    if learned:
        return Diagnostic("ARCH943", f"only `{only}` is left to learn: {held}", help=help)
    headline = f"the images {use} show `{only}` alone: {held}"
    return Diagnostic("ARCH945", headline, severity="warning", help=help)


def _all_ignored(found: Inspection) -> str:
    return f"masks hold {ranges(np.flatnonzero(found.labels).tolist())}, and all of it is ignored"


def _listed_labels(dataset: Dataset, found: Inspection) -> list[Diagnostic]:
    """The labels of all masks, where some are not classes."""
    if not isinstance(dataset, Files) or "ARCH904" not in {d.code for d in found.problems}:
        return []
    there = np.flatnonzero(found.labels).tolist()
    classes = len(dataset.classes)
    help = f"the masks hold the labels {ranges(there)}, for {classes} classes"
    no_class = np.flatnonzero(found.labels * (dataset.table == NOT_ALLOWED)).tolist()
    if len(no_class) <= _FEW and len(no_class) < len([n for n in there if n != IGNORE]):
        words = "+".join(map(str, no_class))
        help += f"; if pixels of {ranges(no_class)} are of no class, set `ignore={words}` in --data"
    for own in (there, [n for n in there if n != IGNORE], [n for n in there if n != 0]):
        if dataset.name == "folder" and len(own) == classes:
            rest = [n for n in there if n not in own and n != IGNORE]
            ignored = f", ignore={'+'.join(map(str, rest))}" if rest else ""
            own_words = f"`labels={_as_words(own)}{ignored}`"
            help += f"; if the classes, in their order, are {ranges(own)}, set {own_words} in --data"
            break
    return [Diagnostic("ARCH904", "labels and classes do not agree", help=help)]


def _as_words(labels: Sequence[int]) -> str:
    first, last = labels[0], labels[-1]
    in_a_row = last - first == len(labels) - 1 and len(labels) > 2
    return f"{first}..{last}" if in_a_row else "+".join(map(str, labels))


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more classes" if len(names) > _SHOWN else "")
