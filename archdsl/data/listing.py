"""Lists the files of a dataset within limits, and matches masks to images."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from archdsl.data.faults import failed, fault, grouped
from archdsl.data.image_files import SUFFIXES
from archdsl.diagnostics import Diagnostic, SpecError

MOST_FILES = 100_000

_MOST_FOLDERS = 100
_EXAMPLES = 3

_NOT_READ = (
    ".tif", ".tiff", ".gif", ".jp2", ".jpx", ".heic", ".heif", ".avif", ".exr", ".npy", ".npz", ".mat",
    ".raw", ".dng", ".svg", ".pbm", ".pnm", ".jfif", ".tga",
)  # fmt: skip
"""Suffixes of unsupported image formats."""

Pair = tuple[Path, ...]
"""The files of a sample: its image, its mask (if the dataset has masks), and each of its maps."""


def files(folder: Path, suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """The non-hidden files of a folder with these suffixes (case-insensitive), sorted by name.

    Raises SpecError: ARCH900 for a missing folder, ARCH902 for broken links and other entries that are
    neither files nor folders, ARCH909 for more than 100,000 entries.
    """
    endings = tuple(suffix.lower() for suffix in suffixes)
    found = [
        e for e in _entries(folder) if e.name.lower().endswith(endings) and not _is(e, os.DirEntry.is_dir)
    ]
    if neither := [folder / entry.name for entry in found if not _is(entry, os.DirEntry.is_file)]:
        raise SpecError(grouped(map(_no_file, neither)))
    return [folder / entry.name for entry in found]


def folders(folder: Path) -> list[Path]:
    """The non-hidden folders in a folder, sorted by name. Raises SpecError (ARCH900, ARCH909)."""
    return [folder / entry.name for entry in _entries(folder) if _is(entry, os.DirEntry.is_dir)]


def files_below(folder: Path, suffix: str) -> list[Path]:
    """The files with a suffix in the folders in `folder`. Raises SpecError as `files`."""
    found: list[Path] = []
    for inner in folders(folder):
        found += files(inner, (suffix,))
        if len(found) > MOST_FILES:
            raise _too_many(folder)
    return found


def pairs(
    images: list[Path], masks: list[Path], where: Path, key: Callable[[Path], str] = lambda p: p.stem
) -> tuple[Pair, ...]:
    """Pairs each image with the mask that has the same key, by default the name without suffix.

    `where` is the folder of the masks, for messages. Raises SpecError (ARCH901) for images without a mask,
    and for several images or masks with the same key.
    """
    known: dict[str, Path] = {}
    seen: dict[str, Path] = {}
    problems = []
    for mask in masks:
        first = known.setdefault(key(mask), mask)
        if first is not mask:
            problems.append(
                fault("ARCH901", "several masks for one image", mask, f"{first.name} has the same image")
            )
    alone = any(key(image) not in known for image in images)
    beside = "; ".join(("", *left_out(where))) if alone else ""
    for image in images:
        first = seen.setdefault(key(image), image)
        if first is not image:
            problems.append(_twice(image, first))
        elif key(image) not in known:
            problems.append(_alone(image, where, beside))
    if problems:
        raise SpecError(grouped(problems))
    return tuple((image, known[key(image)]) for image in images)


def without_image(
    images: list[Path], masks: list[Path], key: Callable[[Path], str] = lambda p: p.stem
) -> tuple[str, ...]:
    """A line on masks whose key no image has, if any: `2 masks without image: 003.png, 007.png`."""
    known = set(map(key, images))
    alone = [mask.name for mask in masks if key(mask) not in known]
    if not alone:
        return ()
    shown = ", ".join(alone[:_EXAMPLES]) + (", …" if len(alone) > _EXAMPLES else "")
    return (f"{len(alone):,} mask{'s' if len(alone) > 1 else ''} without image: {shown}",)


def images(folder: Path) -> list[Path]:
    """The images in a folder, sorted by name. Raises SpecError as `files`, and ARCH900 if there are none."""
    found = files(folder)
    if not found:
        there = "; ".join(left_out(folder, every=True)) or "the folder is empty"
        help = f"expected {', '.join(SUFFIXES)} files directly in this folder"
        raise failed("ARCH900", "no readable images in the folder", folder, there, help)
    return found


def left_out(folder: Path, every: bool = False) -> tuple[str, ...]:
    """Lines on files in an image folder that are not read, by suffix or because they are in subfolders.

    With `every`, also files with suffixes that are not of images.
    """
    endings = Counter(_ending(name) for name in _file_names(folder))
    others = {e: n for e, n in endings.items() if e in _NOT_READ or (every and e not in SUFFIXES)}
    lines = [
        f"{_files(n)} {'end' if n > 1 else 'ends'} in {ending or 'nothing'}" for ending, n in others.items()
    ]
    for inner in folders(folder)[:_MOST_FOLDERS]:
        n = sum(_ending(name) in (*SUFFIXES, *_NOT_READ) for name in _file_names(inner))
        if n:
            lines.append(f"{_files(n)} {'lie' if n > 1 else 'lies'} one folder deeper, in {inner.name}/")
    return tuple(lines)


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _files(n: int) -> str:
    return f"{n:,} files" if n > 1 else "1 file"


def _twice(image: Path, first: Path) -> Diagnostic:
    return fault(
        "ARCH901",
        "several images for one mask",
        image,
        f"{first.name} has the same mask",
        "an image and its mask must have the same name up to the suffix: rename or remove one",
    )


def _alone(image: Path, where: Path, beside: str) -> Diagnostic:
    return fault(
        "ARCH901",
        "image without mask",
        image,
        f"no mask with this name in {where}{beside}",
        "add a mask with the same name, or remove the image",
    )


def _file_names(folder: Path) -> list[str]:
    return [entry.name for entry in _entries(folder) if _is(entry, os.DirEntry.is_file)]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The non-hidden entries of a folder, sorted by name, with their types.

    Raises SpecError (ARCH900, ARCH909).
    """
    found = []
    try:
        with os.scandir(folder) as entries:
            for seen, entry in enumerate(entries):
                if seen >= MOST_FILES:
                    raise _too_many(folder)
                if not entry.name.startswith("."):
                    found.append(entry)
    except OSError as error:
        raise failed(
            "ARCH900",
            "data not found",
            folder,
            error.strerror or str(error),
            "check the path and its permissions",
        ) from error
    return sorted(found, key=lambda entry: entry.name)


def _too_many(folder: Path) -> SpecError:
    return failed(
        "ARCH909",
        "too many files in a folder",
        folder,
        f"more than {MOST_FILES:,}",
        "use a folder that contains the dataset only",
    )


def _no_file(path: Path) -> Diagnostic:
    try:
        there = f"a link to {path.readlink()}, which does not exist" if path.is_symlink() else "not a file"
    except OSError as error:
        there = error.strerror or str(error)
    return fault("ARCH902", "image cannot be read", path, there, "replace it by the file, or remove it")


def _is(entry: os.DirEntry[str], kind: Callable[[os.DirEntry[str]], bool]) -> bool:
    try:
        return kind(entry)
    except OSError:  # a link to itself is neither
        return False
