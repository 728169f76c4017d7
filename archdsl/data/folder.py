"""Custom datasets: `images/PART/`, `masks/PART/`, and a list of classes."""

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
from archdsl.data.image_files import labels
from archdsl.data.listing import files, images, left_out, pairs, without_image
from archdsl.diagnostics import Diagnostic, SpecError

CLASS_LIST = "classes.txt"
_MOST_BYTES = 2**16
_LINE = re.compile(r"(?:(\d{1,9}(?:\s*,\s*\d{1,9})*)\s*:\s*)?(.+?)(?:\s+(#[0-9a-fA-F]{6}))?")


@dataclass(frozen=True)
class _Classes:
    """Class names in order, with the mask labels (None: 0, 1, …) and the colours (None: default) of each."""

    names: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...] | None
    colours: tuple[Colour | None, ...]


def folder(root: Path, part: str, settings: datasets.Folder) -> Files:
    """Lists the files of a split of a custom dataset; class names default to the lines of `classes.txt`.

    With the setting `maps`, a dataset may have no masks and no classes. Raises SpecError (ARCH900, ARCH901,
    ARCH906, ARCH907, ARCH909).
    """
    if settings.maps and settings.classes is None and not (root / "masks").is_dir():
        pictures = tuple((path,) for path in images(root / "images" / part))
        there = left_out(root / "images" / part)
        return Files("folder", (), (), pictures, labels({}), left_out=there, has_masks=False)
    for kind in ("images", "masks"):
        if not (root / kind / part).is_dir():
            help = f"a folder dataset has images/{part} and masks/{part}, with files of the same names"
            raise failed("ARCH900", "data not found", root / kind / part, "no such folder", help)
    found = _described(root, settings)
    own = found.labels or tuple((n,) for n in range(len(found.names)))
    table = labels({label: id for id, all_of in enumerate(own) for label in all_of})
    usual = (colour for colour in colours(2 * len(found.names)) if colour not in found.colours)
    shown = tuple(own or next(usual) for own in found.colours)
    where, masks_in = root / "images" / part, root / "masks" / part
    photos, masks = images(where), files(masks_in)
    both = pairs(photos, masks, masks_in)
    others = (*left_out(where), *without_image(photos, masks))
    return Files("folder", found.names, shown, both, table, left_out=others)


def colours(n: int) -> tuple[Colour, ...]:
    """Default colours for n classes: those of Cityscapes, then generated ones."""
    more = ((37 * i % 256, 91 * i % 256, 151 * i % 256) for i in range(n))
    return (*FIRST_COLOURS, *more)[:n]


def _described(root: Path, settings: datasets.Folder) -> _Classes:
    """The classes in the file `classes.txt`, overridden by settings."""
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
    _demand_apart(found, (settings.ignore or ()) if settings.labels is not None else ())
    return found


def _listed(path: Path) -> _Classes:
    """Parses a class list: on each line optional labels, a name, and an optional colour."""
    if not path.is_file():
        raise failed(
            "ARCH907",
            "missing class list",
            path,
            "file not found",
            'create it with one name per line in the order of labels, or set `classes = ["road", …]`',
        )
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise failed("ARCH907", "cannot read class list", path, str(error)) from error
    lines = [match for line in text.splitlines() if (match := _LINE.fullmatch(line.strip()))]
    names = tuple(line[2] for line in lines)
    for word in (word for name in names for word in name.split() if word.startswith("#")):
        help = "a colour is six hexadecimal digits after the name: road #804080"
        raise failed("ARCH907", "invalid class list", path, f"`{word}` is not a colour of a class", help)
    _demand_names(names, path)
    numbered = sum(line[1] is not None for line in lines)
    if numbered not in (0, len(lines)):
        reason = f"{numbered} of {len(lines)} lines start with labels; expected all or none"
        raise failed("ARCH907", "invalid class list", path, reason)
    own = tuple(tuple(int(word) for word in line[1].split(",")) for line in lines) if numbered else None
    return _Classes(names, own, tuple(colour_of(line[3]) if line[3] else None for line in lines))


def _demand_names(names: tuple[str, ...], where: Path) -> None:
    twice = next((name for n, name in enumerate(names) if name in names[:n]), None)
    if twice is not None:
        raise failed("ARCH907", "invalid class list", where, f"duplicate class `{twice}`")
    if not 2 <= len(names) <= MOST_CLASSES:
        reason = f"expected 2 to {MOST_CLASSES} classes, got {len(names)}"
        raise failed("ARCH907", "invalid class list", where, reason)


def _demand_one_each(setting: str, values: Sequence[object], names: tuple[str, ...]) -> None:
    if len(values) != len(names):
        headline = f"`{setting}` of `folder` must have {len(names)} entries, one per class, got {len(values)}"
        raise SpecError([Diagnostic("ARCH906", headline, help=f"classes: {', '.join(names)}")])


def _demand_apart(found: _Classes, ignored: Sequence[int]) -> None:
    """Raises SpecError (ARCH906) for a label that is > 255, that belongs to two classes, or that belongs to a
    class and is ignored.
    """
    owner: dict[int, str] = {}
    for name, own in zip(found.names, found.labels or (), strict=False):
        for label in own:
            if label > 255:
                reason = f"label {label} of `{name}` is out of range (0 to 255)"
            elif label in owner:
                reason = f"label {label} belongs to both `{owner[label]}` and `{name}`"
            elif label in ignored:
                reason = f"label {label} belongs to `{name}`, but is also ignored"
            else:
                owner[label] = name
                continue
            raise SpecError([Diagnostic("ARCH906", reason, help="assign each label once")])
