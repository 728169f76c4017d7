"""Diagnostics about the labels of a dataset: classes without pixels, and 255 that may be a class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archdsl.configs.forms import Colour
from archdsl.data.checking import Inspection
from archdsl.data.dataset import IGNORE, Dataset
from archdsl.data.files import Files
from archdsl.data.image_files import NOT_ALLOWED, ranges
from archdsl.diagnostics import Diagnostic

_SHOWN = 12
_FEW = 3
"""The maximum number of invalid labels for which the help suggests to ignore them."""


def about_labels(dataset: Dataset, found: Inspection, use: str, learned: bool) -> list[Diagnostic]:
    """Errors (ARCH943) about images without labelled pixels, and warnings (ARCH945) about absent classes.

    `use` names the images in messages ("training images"); `learned`: the network is trained on these images.
    If only one class has pixels and the masks contain 255, ignored by default, 255 may be the second class:
    an error (ARCH943) if learned, else a warning (ARCH945). Otherwise, absent classes are reported only if
    learned. If masks contain labels that are not classes, ARCH904 lists all labels, and the settings `labels`
    and `ignore` that would map them.
    """
    if found.problems:
        return _listed_labels(dataset, found)
    if not dataset.classes:
        return []
    pixels_K = found.pixels_NK.sum(0)
    if not pixels_K.any():
        return [Diagnostic("ARCH943", f"the {use} have no labelled pixels", help=_all_ignored(found))]
    absent = [name for name, n in zip(dataset.classes, pixels_K.tolist(), strict=True) if n == 0]
    alone = len(absent) == len(dataset.classes) - 1
    if alone and found.labels[IGNORE] and _may_be_a_class(dataset):
        return [_second_class(dataset, found, use, learned)]
    if not absent or not learned:
        return []
    headline = f"no pixels of {_names(absent)} in the {len(dataset)} {use}"
    help = "absent classes are not learned, but count in mIoU if predicted or scored"
    return [Diagnostic("ARCH945", headline, severity="warning", help=help)]


def about_maps(found: Inspection, use: str) -> list[Diagnostic]:
    """Errors (ARCH938) for maps whose pixels are all unknown."""
    help = 'pixels of the value 0 are unknown by default: set `map_unknown` to another integer, or to "none"'
    return [
        Diagnostic("ARCH938", f"all pixels of `{name}` are unknown in the {use}", help=help)
        for name, ends in found.maps.items()
        if ends is None and not found.problems
    ]


def about_colours(dataset: Dataset) -> list[Diagnostic]:
    """Notes (ARCH907) on classes with equal colours, which cannot be distinguished in pictures."""
    named: dict[Colour, list[str]] = {}
    for name, colour in zip(dataset.classes, dataset.colours, strict=True):
        named.setdefault(colour, []).append(name)
    return [
        Diagnostic(
            "ARCH907",
            f"{_names(names)} have one colour, #{bytes(colour).hex()}",
            severity="note",
            help="they cannot be distinguished in pictures: set a different colour for each class",
        )
        for colour, names in named.items()
        if len(names) > 1
    ]


def _may_be_a_class(dataset: Dataset) -> bool:
    """Whether label 255 is ignored by default, not explicitly, so that it may be meant as a class."""
    return isinstance(dataset, Files) and dataset.table[IGNORE] == IGNORE and IGNORE not in dataset.ignored


def _second_class(dataset: Dataset, found: Inspection, use: str, learned: bool) -> Diagnostic:
    """The diagnostic for masks with one class and 255, such as black-and-white masks whose white is ignored.

    A warning instead of an error for images that are only scored, which may well contain a single class.
    """
    there = [label for label in np.flatnonzero(found.labels).tolist() if label != IGNORE]
    share = 100 * found.labels[IGNORE] / found.labels.sum()
    only = dataset.classes[int(found.pixels_NK.sum(0).argmax())]
    held = f"masks contain {ranges(there)} and 255, but 255 is ignored"
    help = f"{share:.0f} % of all pixels are 255; "
    if len(dataset.classes) == 2:
        own = f"`labels = [{there[0]}, 255]`, in --data `labels={there[0]}+255`"
        help += f"if 255 is the second class, set {own}; "
    help += "if it is unlabelled, set `ignore = 255` explicitly"
    if learned:
        return Diagnostic("ARCH943", f"only one class to learn, `{only}`: {held}", help=help)
    headline = f"the {use} contain `{only}` only: {held}"
    return Diagnostic("ARCH945", headline, severity="warning", help=help)


def _all_ignored(found: Inspection) -> str:
    return f"masks contain {ranges(np.flatnonzero(found.labels).tolist())}, all of them ignored"


def _listed_labels(dataset: Dataset, found: Inspection) -> list[Diagnostic]:
    """An error (ARCH904) that lists all mask labels and suggests settings, if some labels have no class."""
    if not isinstance(dataset, Files) or "ARCH904" not in {d.code for d in found.problems}:
        return []
    there = np.flatnonzero(found.labels).tolist()
    classes = len(dataset.classes)
    help = f"the masks contain the labels {ranges(there)}, for {classes} classes"
    no_class = np.flatnonzero(found.labels * (dataset.table == NOT_ALLOWED)).tolist()
    if len(no_class) <= _FEW and len(no_class) < len([n for n in there if n != IGNORE]):
        words = "+".join(map(str, no_class))
        help += f"; if {ranges(no_class)} are unlabelled, set `ignore={words}` in --data"
    for own in (there, [n for n in there if n != IGNORE], [n for n in there if n != 0]):
        if dataset.name == "folder" and len(own) == classes:
            rest = [n for n in there if n not in own and n != IGNORE]
            ignored = f", ignore={'+'.join(map(str, rest))}" if rest else ""
            own_words = f"`labels={_as_words(own)}{ignored}`"
            help += f"; if the classes, in their order, are {ranges(own)}, set {own_words} in --data"
            break
    return [Diagnostic("ARCH904", "labels and classes do not match", help=help)]


def _as_words(labels: Sequence[int]) -> str:
    first, last = labels[0], labels[-1]
    in_a_row = last - first == len(labels) - 1 and len(labels) > 2
    return f"{first}..{last}" if in_a_row else "+".join(map(str, labels))


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more classes" if len(names) > _SHOWN else "")
