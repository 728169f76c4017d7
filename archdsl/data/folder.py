"""One's own images and masks: `images/PART/`, `masks/PART/`, and a list of classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archdsl.configs import datasets
from archdsl.configs.forms import colour_of
from archdsl.data.cityscapes import COLOURS as FIRST_COLOURS
from archdsl.data.dataset import MOST_CLASSES, Colour
from archdsl.data.faults import failed
from archdsl.data.files import Files
from archdsl.data.listing import files, images, left_out, pairs
from archdsl.data.reading import labels
from archdsl.diagnostics import Diagnostic, SpecError

CLASS_LIST = "classes.txt"
_MOST_BYTES = 2**16
_LINE = re.compile(r"(?:(\d{1,9}(?:\s*,\s*\d{1,9})*)\s*:\s*)?(.+?)(?:\s+(#[0-9a-fA-F]{6}))?")


@dataclass(frozen=True)
class _Classes:
    """Classes in order, with the labels of each in masks, and colours where they are known."""

    names: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...] | None
    colours: tuple[Colour | None, ...]


def folder(root: Path, part: str, settings: datasets.Folder) -> Files:
    """A part of a dataset of one's own; without `classes`, `classes.txt` names them, one on each line.

    Raises SpecError (ARCH900, ARCH901, ARCH906, ARCH907, ARCH909).
    """
    found = _described(root, settings)
    own = found.labels or tuple((n,) for n in range(len(found.names)))
    table = labels({label: id for id, all_of in enumerate(own) for label in all_of})
    usual = colours(len(found.names))
    shown = tuple(own or other for own, other in zip(found.colours, usual, strict=True))
    masks = root / "masks" / part
    both = pairs(images(root / "images" / part), files(masks), masks)
    return Files("folder", found.names, shown, both, table, left_out=left_out(root / "images" / part))


def colours(n: int) -> tuple[Colour, ...]:
    """Colours for n classes, all different: those of Cityscapes, then others far apart."""
    more = ((37 * i % 256, 91 * i % 256, 151 * i % 256) for i in range(n))
    return (*FIRST_COLOURS, *more)[:n]


def _described(root: Path, settings: datasets.Folder) -> _Classes:
    """The classes as the list in the folder has them, and settings over that."""
    if settings.classes is None:
        found = _listed(root / CLASS_LIST)
    else:
        _demand_names(settings.classes, root)
        found = _Classes(settings.classes, None, (None,) * len(settings.classes))
    if settings.labels is not None:
        _demand_one_each("labels", settings.labels, found.names)
        found = _Classes(found.names, settings.labels, found.colours)
    if settings.colours is not None:
        _demand_one_each("colours", settings.colours, found.names)
        found = _Classes(found.names, found.labels, settings.colours)
    _demand_apart(found, settings.ignore if settings.labels is not None else ())
    return found


def _listed(path: Path) -> _Classes:
    """The classes of a list: on each line a name, its labels in front of it, its colour behind it."""
    if not path.is_file():
        raise failed(
            "ARCH907",
            "no list of classes",
            path,
            "this file is not there",
            'write it, one name on each line in the order of labels, or set `classes = ["road", …]`',
        )
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise failed("ARCH907", "a list of classes that cannot be read", path, str(error)) from error
    lines = [match for line in text.splitlines() if (match := _LINE.fullmatch(line.strip()))]
    names = tuple(line[2] for line in lines)
    _demand_names(names, path)
    numbered = sum(line[1] is not None for line in lines)
    if numbered not in (0, len(lines)):
        reason = f"{numbered} of {len(lines)} lines have labels in front of the name; all of them, or none"
        raise failed("ARCH907", "a list of classes that cannot be", path, reason)
    own = tuple(tuple(int(word) for word in line[1].split(",")) for line in lines) if numbered else None
    return _Classes(names, own, tuple(colour_of(line[3]) if line[3] else None for line in lines))


def _demand_names(names: tuple[str, ...], where: Path) -> None:
    twice = next((name for n, name in enumerate(names) if name in names[:n]), None)
    if twice is not None:
        raise failed("ARCH907", "a list of classes that cannot be", where, f"`{twice}` stands twice")
    if not 2 <= len(names) <= MOST_CLASSES:
        reason = f"{len(names)} classes; 2 to {MOST_CLASSES} are possible"
        raise failed("ARCH907", "a list of classes that cannot be", where, reason)


def _demand_one_each(setting: str, values: Sequence[object], names: tuple[str, ...]) -> None:
    if len(values) != len(names):
        headline = f"`{setting}` of `folder` has {len(values)} entries for {len(names)} classes"
        raise SpecError([Diagnostic("ARCH906", headline, help=f"one for each of {', '.join(names)}")])


def _demand_apart(found: _Classes, ignored: Sequence[int]) -> None:
    """Raises SpecError (ARCH906) for labels out of range, and for one that would have two meanings."""
    owner: dict[int, str] = {}
    for name, own in zip(found.names, found.labels or (), strict=False):
        for label in own:
            if label > 255:
                reason = f"label {label} of `{name}`: labels are 0 to 255"
            elif label in owner:
                reason = f"label {label} is of `{owner[label]}` and of `{name}`"
            elif label in ignored:
                reason = f"label {label} is of `{name}`, and ignored"
            else:
                owner[label] = name
                continue
            raise SpecError([Diagnostic("ARCH906", reason, help="a label has one meaning")])
