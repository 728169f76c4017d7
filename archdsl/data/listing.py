"""The files of a dataset: folders listed within bounds, and masks found for images."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from archdsl.data.faults import failed, fault
from archdsl.data.reading import SUFFIXES
from archdsl.diagnostics import Diagnostic, SpecError

MOST_FILES = 100_000

Pair = tuple[Path, Path]


def files(folder: Path, suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """Regular files of a folder whose names end so, in either case, sorted by name; without hidden files.

    Raises SpecError (ARCH900 where the folder is not there, ARCH909 where it holds too much).
    """
    endings = tuple(suffix.lower() for suffix in suffixes)
    return [folder / name for name in _names(folder, directories=False) if name.lower().endswith(endings)]


def folders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted by name.  Raises as `files`."""
    return [folder / name for name in _names(folder, directories=True)]


def files_below(folder: Path, suffix: str) -> list[Path]:
    """Files of the folders in a folder.  Raises as `files`."""
    found: list[Path] = []
    for inner in folders(folder):
        found += files(inner, (suffix,))
        if len(found) > MOST_FILES:
            raise _too_many(folder)
    return found


def pairs(
    images: list[Path], masks: list[Path], key: Callable[[Path], str] = lambda p: p.stem
) -> tuple[Pair, ...]:
    """Each image with the mask of its key.  Raises SpecError (ARCH901) with all that have none, or two."""
    known: dict[str, Path] = {}
    problems = []
    for mask in masks:
        first = known.setdefault(key(mask), mask)
        if first is not mask:
            problems.append(fault("ARCH901", "two masks of one image", mask, f"{first.name} is there too"))
    for image in images:
        if key(image) not in known:
            problems.append(_alone(image, masks))
    if problems:
        raise SpecError(problems)
    return tuple((image, known[key(image)]) for image in images)


def _alone(image: Path, masks: list[Path]) -> Diagnostic:
    where = masks[0].parent if masks else "the folder of masks"
    return fault(
        "ARCH901",
        "an image without a mask",
        image,
        f"no mask of this name in {where}",
        "write a mask of the same name, or take the image away",
    )


def _names(folder: Path, directories: bool) -> list[str]:
    found = []
    try:
        with os.scandir(folder) as entries:
            for seen, entry in enumerate(entries):
                if seen >= MOST_FILES:
                    raise _too_many(folder)
                if not entry.name.startswith(".") and _is(entry, directories):
                    found.append(entry.name)
    except OSError as error:
        raise failed(
            "ARCH900", "data that is not there", folder, error.strerror or str(error), "give the path to it"
        ) from error
    return sorted(found)


def _too_many(folder: Path) -> SpecError:
    return failed(
        "ARCH909",
        "a folder with too many files",
        folder,
        f"more than {MOST_FILES:,}",
        "give a folder that holds the dataset alone",
    )


def _is(entry: os.DirEntry[str], directory: bool) -> bool:
    try:
        return entry.is_dir() if directory else entry.is_file()
    except OSError:  # a link to itself is neither
        return False
