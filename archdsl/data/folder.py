"""One's own images and masks: `images/PART/`, `masks/PART/`, and a list of classes."""

from __future__ import annotations

from pathlib import Path

from archdsl.data.cityscapes import COLOURS as FIRST_COLOURS
from archdsl.data.dataset import MOST_CLASSES, Colour
from archdsl.data.faults import failed
from archdsl.data.files import Files
from archdsl.data.listing import files, pairs
from archdsl.data.reading import labels

CLASS_LIST = "classes.txt"
_MOST_BYTES = 2**16


def folder(root: Path, part: str, classes: tuple[str, ...] | None) -> Files:
    """A part of a dataset of one's own; without `classes`, `classes.txt` names them, one on each line.

    Raises SpecError (ARCH900, ARCH901, ARCH907, ARCH909).
    """
    names = _checked(classes, root) if classes is not None else _listed(root / CLASS_LIST)
    found = pairs(files(root / "images" / part), files(root / "masks" / part))
    return Files("folder", names, colours(len(names)), found, labels({id: id for id in range(len(names))}))


def colours(n: int) -> tuple[Colour, ...]:
    """Colours for n classes, all different: those of Cityscapes, then others far apart."""
    more = ((37 * i % 256, 91 * i % 256, 151 * i % 256) for i in range(n))
    return (*FIRST_COLOURS, *more)[:n]


def _listed(path: Path) -> tuple[str, ...]:
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
    return _checked(tuple(line.strip() for line in text.splitlines() if line.strip()), path)


def _checked(names: tuple[str, ...], where: Path) -> tuple[str, ...]:
    twice = next((name for n, name in enumerate(names) if name in names[:n]), None)
    if twice is not None:
        raise failed("ARCH907", "a list of classes that cannot be", where, f"`{twice}` stands twice")
    if not 2 <= len(names) <= MOST_CLASSES:
        told = f"{len(names)} classes; 2 to {MOST_CLASSES} are possible"
        raise failed("ARCH907", "a list of classes that cannot be", where, told)
    return names
