"""Maps of numbers beside the images of a dataset: depths, or masks of one class.

Shapes: H × W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.configs import datasets
from archdsl.data.faults import failed, fault, grouped
from archdsl.data.image_files import read_samples
from archdsl.data.listing import Pair, files, folders
from archdsl.data.targets import Map
from archdsl.diagnostics import Diagnostic, SpecError

UNKNOWN = 0
"""The number in a file that stands for unknown, by default."""


@dataclass(frozen=True)
class MapKind:
    """A map of a dataset: what 1 in its files stands for, and the number that stands for unknown.

    `scale` is None for 1 / 255 with 8 bits and 1 / 65,535 with 16; `unknown` is None if all pixels are known.
    """

    name: str
    scale: float | None = None
    unknown: int | None = UNKNOWN

    def read(self, path: Path) -> tuple[Map, bool]:
        """The map of a file, and whether it was rotated by its EXIF orientation.

        Raises SpecError (ARCH902, ARCH937).
        """
        samples_HW, most, turned = read_samples(path)
        values: Map = samples_HW.astype(np.float32) * np.float32(self.scale or 1 / most)
        if self.unknown is not None:
            values[samples_HW == self.unknown] = np.nan
        return values, turned


def kinds_of(read: datasets.Files) -> tuple[MapKind, ...]:
    """The maps that the settings of a dataset name.  Raises SpecError (ARCH906)."""
    names: tuple[str, ...] = read.maps or ()
    scales = _one_each("map_scale", read.map_scale, names, None)
    unknown = _one_each("map_unknown", read.map_unknown, names, UNKNOWN)
    return tuple(
        MapKind(name, scale, None if none == "none" else none)
        for name, scale, none in zip(names, scales, unknown, strict=True)
    )


def stacked(read: datasets.Batched, maps: Sequence[str]) -> tuple[str, ...]:
    """The maps that images have as further channels.  Raises SpecError (ARCH906) for names of no map."""
    names: tuple[str, ...] = read.stack or ()
    for name in names:
        if name not in maps:
            help = f"maps of the data: {', '.join(maps) or 'none'}"
            raise SpecError([Diagnostic("ARCH906", f"`stack` names `{name}`, which is not a map", help=help)])
    return names


def with_maps(pairs: Sequence[Pair], root: Path, part: str, names: Sequence[str]) -> tuple[Pair, ...]:
    """The files of each image with those of its maps in the folders `NAME/PART`, as `files_in`.

    Raises SpecError: ARCH900 without a folder, ARCH936 for an image without a map, and for several of one.
    """
    images = [pair[0] for pair in pairs]
    problems: list[Diagnostic] = []
    maps = [files_in(root / name / part, name, images, problems) for name in names]
    if problems:
        raise SpecError(grouped(problems))
    return tuple([(*pair, *(of_images[n] for of_images in maps)) for n, pair in enumerate(pairs)])


def files_in(
    where: Path, name: str, images: Sequence[Path], problems: list[Diagnostic], setting: str = "`maps`"
) -> list[Path]:  # fmt: skip
    """The file of a map for each image: `IMAGE.png` in a folder.

    It may be one folder deeper, and end in `_NAME`; an image may end in another word (as in Cityscapes). Adds
    to `problems` (ARCH936) images without a map, and several maps of one image. Raises SpecError (ARCH900)
    without the folder, which `setting` names.
    """
    known = _by_key(where, name, problems, setting)
    found = []
    for image in images:
        path = known.get(image.stem) or known.get(image.stem.rpartition("_")[0])
        if path is None:
            help = "add a file with the same name, or remove the image"
            what = f"no file with this name in {where}"
            problems.append(fault("ARCH936", f"image without `{name}`", image, what, help))
        else:
            found.append(path)
    return found


def _by_key(where: Path, name: str, problems: list[Diagnostic], setting: str) -> dict[str, Path]:
    there = [*files(where), *(path for inner in folders(where) for path in files(inner))]
    if not there:
        raise failed(
            "ARCH900", "no readable images in the folder", where, "the folder is empty", f"check {setting}"
        )
    known: dict[str, Path] = {}
    for path in there:
        first = known.setdefault(path.stem.removesuffix(f"_{name}"), path)
        if first is not path:
            what = f"{first.name} has the same key"
            problems.append(fault("ARCH936", f"several `{name}` for one image", path, what, "remove one"))
    return known


def _one_each(
    setting: str, values: tuple[object, ...] | None, names: Sequence[str], usual: object
) -> list[Any]:
    """A value for each map; one value is that of all."""
    if not values:
        return [usual] * len(names)
    if len(values) == 1:
        return list(values) * len(names)
    if len(values) != len(names):
        headline = f"`{setting}` must have {len(names)} entries, one per map, got {len(values)}"
        raise SpecError([Diagnostic("ARCH906", headline, help=f"maps: {', '.join(names) or 'none'}")])
    return list(values)


def samples_of(values_HW: Map, kind: MapKind) -> NDArray[np.uint16]:
    """A map as the samples of a file with 16 bits; the inverse of `MapKind.read`."""
    scaled = np.nan_to_num(values_HW, nan=0.0) / np.float32(kind.scale or 1 / 65535)
    found: NDArray[np.uint16] = np.clip(np.rint(scaled), 0, 65535).astype(np.uint16)
    return found
