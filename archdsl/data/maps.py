"""Maps of a dataset: for each image a further array, such as depth, a binary mask or a second image.

A map is a target or an input of networks. Shapes: H × W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archdsl.configs import datasets
from archdsl.data.channels import mean_and_deviation, resampled
from archdsl.data.dataset import Dataset
from archdsl.data.faults import failed, fault, grouped
from archdsl.data.image_files import read_samples, read_turned
from archdsl.data.listing import Pair, files, folders
from archdsl.data.targets import Map, maps_of, stack_of
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.report.numbers import plural

UNKNOWN = 0
"""The default integer in the files of a map that marks unknown pixels."""


@dataclass(frozen=True)
class MapKind:
    """How the files of a map are read, and how the map is normalized as an input of a network.

    The values of a map of one channel are the integers in its files times `scale` (None: 1 / 255 for files of
    8 bits, 1 / 65,535 for 16); pixels with the integer `unknown` (None: no pixels) are unknown. A map of
    several `channels` is an image of bytes, without unknown pixels. As an input, a map is normalized by
    `mean` and `std`: by default, an image as other images, and a map of one channel not at all.
    """

    name: str
    scale: float | None = None
    unknown: int | None = UNKNOWN
    channels: int = field(default=1, repr=False)
    mean: tuple[float, ...] | None = field(default=None, repr=False)
    std: tuple[float, ...] | None = field(default=None, repr=False)

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel, for normalizing the map; of images, in 0..1."""
        mean, std = ((0.0,), (1.0,)) if self.channels == 1 else mean_and_deviation(self.channels)
        return self.mean or mean, self.std or std

    @property
    def beyond(self) -> list[Any]:
        """Channels, mean and deviation, for manifests and fingerprints; empty if all are the defaults."""
        usual = self.channels == 1 and self.mean is None and self.std is None
        return [] if usual else [self.channels, self.mean, self.std]

    def read(self, path: Path) -> tuple[NDArray[Any], bool]:
        """Reads a file; returns the map, and whether it was rotated by its EXIF orientation.

        A map of one channel is H × W, float32, NaN where unknown; an image is H × W × C, uint8. Raises
        SpecError (ARCH902, ARCH937, ARCH941) for an invalid file.
        """
        if self.channels != 1:
            return read_turned(path, self.channels, "map_channels")
        samples_HW, most, turned = read_samples(path)
        values: Map = samples_HW.astype(np.float32) * np.float32(self.scale or 1 / most)
        if self.unknown is not None:
            values[samples_HW == self.unknown] = np.nan
        return values, turned


def kinds_of(read: datasets.Files) -> tuple[MapKind, ...]:
    """The maps that the settings of a dataset declare.

    Raises SpecError (ARCH906) for inconsistent settings.
    """
    names: tuple[str, ...] = read.maps or ()
    channels = dict(zip(names, _one_each("map_channels", read.map_channels, names, 1), strict=True))
    plain = [name for name in names if channels[name] == 1]
    scales = _one_each("map_scale", read.map_scale, plain, None, " of one channel")
    unknown = _one_each("map_unknown", read.map_unknown, plain, UNKNOWN, " of one channel")
    unknown = [None if none == "none" else none for none in unknown]
    of_plain = dict(zip(plain, zip(scales, unknown, strict=True), strict=True))
    means = _one_each("map_mean", read.map_mean, names, None)
    deviations = _one_each("map_std", read.map_std, names, None)
    kinds = [
        MapKind(name, *of_plain.get(name, (None, None)), channels[name], mean, std)
        for name, mean, std in zip(names, means, deviations, strict=True)
    ]
    for kind in kinds:
        for setting, values in (("map_mean", kind.mean), ("map_std", kind.std)):
            if values is not None and len(values) != kind.channels:
                wanted = plural(kind.channels, "number")
                headline = f"`{setting}` must have {wanted} for the map `{kind.name}`, got {len(values)}"
                raise SpecError([Diagnostic("ARCH906", headline, help="one for each channel")])
    return tuple(kinds)


def kind_of(dataset: Dataset, name: str) -> MapKind:
    """The properties of a map of a dataset; the defaults if the dataset does not declare them."""
    kinds: Sequence[MapKind] = getattr(dataset, "kinds", ())
    return next((kind for kind in kinds if kind.name == name), MapKind(name))


def channels_of_maps(dataset: Dataset) -> dict[str, int]:
    """The number of channels of each map of a dataset, by name."""
    return {name: kind_of(dataset, name).channels for name in maps_of(dataset)}


def channels_of(dataset: Dataset) -> int:
    """The number of channels of a dataset's images, including the maps appended to them (`stack`)."""
    return dataset.channels + sum(kind_of(dataset, name).channels for name in stack_of(dataset))


def resized_map(
    values: NDArray[Any], size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> Any:
    """Resizes a map as `resampled`: one channel by nearest neighbour, an image bilinearly."""
    how = Image.Resampling.NEAREST if values.ndim == 2 else Image.Resampling.BILINEAR
    return resampled(values, size, how, box)


def stacked(read: datasets.Batched, maps: Sequence[str]) -> tuple[str, ...]:
    """The setting `stack`: the maps that are further channels of images.

    Raises SpecError (ARCH906) for others.
    """
    names: tuple[str, ...] = read.stack or ()
    for name in names:
        if name not in maps:
            help = f"maps of the data: {', '.join(maps) or 'none'}"
            raise SpecError([Diagnostic("ARCH906", f"`stack` names `{name}`, which is not a map", help=help)])
    return names


def with_maps(pairs: Sequence[Pair], root: Path, part: str, names: Sequence[str]) -> tuple[Pair, ...]:
    """Appends the files of maps to the files of each image; maps are in the folders `NAME/PART` (`files_in`).

    Raises SpecError: ARCH900 for a missing folder, ARCH936 for an image with no or several files of a map.
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
    """The file of the map `name` for each image, in the folder `where` or in a folder in it.

    For an image `a.png`, the file is `a.png` or `a_NAME.png`; for an image `a_b.png` without such a file,
    also that for `a.png`, as in Cityscapes (`a_leftImg8bit.png`). Images with no or several files are added
    to `problems` (ARCH936). Raises SpecError (ARCH900) if `where` is missing or empty; the message names
    `setting`.
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
            what = f"{first.name} has the same image"
            problems.append(fault("ARCH936", f"several `{name}` for one image", path, what, "remove one"))
    return known


def _one_each(
    setting: str, values: tuple[object, ...] | None, names: Sequence[str], usual: object, of: str = ""
) -> list[Any]:
    """A value for each of the maps `names`; a single value applies to all.

    `usual` is the value if the setting is not set; `of` describes the maps in messages. Raises SpecError
    (ARCH906) for a different number of values.
    """
    if not values:
        return [usual] * len(names)
    if len(values) == 1 and names:
        return list(values) * len(names)
    if len(values) != len(names):
        headline = f"`{setting}` must have {len(names)} entries, one per map{of}, got {len(values)}"
        raise SpecError([Diagnostic("ARCH906", headline, help=f"maps{of}: {', '.join(names) or 'none'}")])
    return list(values)


def samples_of(values_HW: Map, kind: MapKind) -> NDArray[np.uint16]:
    """Converts a map of one channel to the integers of a 16-bit file; the inverse of `MapKind.read`."""
    scaled = np.nan_to_num(values_HW, nan=0.0) / np.float32(kind.scale or 1 / 65535)
    found: NDArray[np.uint16] = np.clip(np.rint(scaled), 0, 65535).astype(np.uint16)
    return found
