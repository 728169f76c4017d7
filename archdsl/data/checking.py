"""Reads all files of a dataset before training starts: reports invalid ones, and collects label statistics.

Shapes: N samples, K classes.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import IGNORE, Dataset
from archdsl.data.files import Files, FileSize, differing
from archdsl.data.image_files import demand_allowed, read_labels, read_turned
from archdsl.data.maps import MapKind, kind_of
from archdsl.data.targets import Map, maps_of, target_maps
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.report.numbers import plural

_MOST_THREADS = 8

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Shares:
    """For each class, its number of pixels, and the number of labelled pixels in images that contain it."""

    pixels: tuple[int, ...]
    in_images: tuple[int, ...]


@dataclass(frozen=True)
class Inspection:
    """The result of inspecting a dataset: problems and statistics.

    `pixels_NK` counts the pixels of each class in each sample, zero for invalid samples. `labels` counts the
    pixels of each of the 256 mask labels, before they are mapped to classes. `turned` is the number of files
    rotated by their EXIF orientation: of images (`"image"`), of masks (`"mask"`) and of each map (its name
    between backticks, then `map`). `maps` are the (minimum, maximum) of the known values of each target map,
    None if all are unknown.
    """

    problems: tuple[Diagnostic, ...]
    pixels_NK: Counts
    labels: Counts
    turned: Mapping[str, int] = field(default_factory=dict)
    maps: Mapping[str, tuple[float, float] | None] = field(default_factory=dict)

    @property
    def shares(self) -> Shares:
        around_N = self.pixels_NK.sum(1)
        in_images_K = (around_N[:, None] * (self.pixels_NK > 0)).sum(0)
        return Shares(tuple(self.pixels_NK.sum(0).tolist()), tuple(in_images_K.tolist()))


@dataclass
class _Sample:
    problems: list[Diagnostic] = field(default_factory=list)
    labels: Counts = field(default_factory=lambda: np.zeros(256, np.int64))
    ids: Counts = field(default_factory=lambda: np.zeros(256, np.int64))
    turned: list[str] = field(default_factory=list)
    maps: dict[str, tuple[float, float]] = field(default_factory=dict)


def inspect(dataset: Dataset) -> Inspection:
    """Reads every image, mask and map of a dataset completely, in parallel."""
    one = partial(_of_files, dataset) if isinstance(dataset, Files) else partial(_of_sample, dataset)
    pool = ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1))
    try:
        found = list(pool.map(one, range(len(dataset))))
    finally:
        pool.shutdown(cancel_futures=True)  # so that Ctrl-C need not wait for thousands of files
    return Inspection(
        tuple(problem for sample in found for problem in sample.problems),
        _rows([sample.ids for sample in found])[:, : len(dataset.classes)],
        _rows([sample.labels for sample in found]).sum(0),
        Counter(what for sample in found for what in sample.turned),
        {
            name: _range([sample.maps[name] for sample in found if name in sample.maps])
            for name in target_maps(dataset)
        },
    )


def _range(found: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def _rows(counts: list[Counts]) -> Counts:
    return np.array(counts, np.int64).reshape(-1, 256)


def check_data(dataset: Dataset, classes: int | None = None) -> list[Diagnostic]:
    """All problems of a dataset, in the order of its samples; reads every file completely.

    `classes` is the number of classes that the network predicts: fewer than in the dataset are a problem
    (ARCH908).
    """
    return [*_too_few(dataset, classes), *inspect(dataset).problems]


def _too_few(dataset: Dataset, classes: int | None) -> list[Diagnostic]:
    n = len(dataset.classes)
    if classes is None or classes >= n:
        return []
    headline = f"`{dataset.name}` has {n} classes, but the network predicts {classes}"
    return [Diagnostic("ARCH908", headline, help=f"set the classes of the network: --set classes={n}")]


def _of_files(dataset: Files, i: int) -> _Sample:
    """Inspects the files of image `i`, and reports the problems of all of them."""
    image_path, mask_path = dataset.pairs[i][0], dataset.pairs[i][1] if dataset.has_masks else None
    found = _Sample()

    def image() -> FileSize:
        pixels, turned = read_turned(image_path, dataset.channels)
        return FileSize.of(pixels, turned)

    def mask(mask_path: Path) -> FileSize:
        labels, turned = read_labels(mask_path)
        ids = dataset.table[labels]
        found.labels = _counted(labels)
        demand_allowed(mask_path, labels, ids, dataset.table)
        found.ids = _counted(ids)
        return FileSize.of(labels, turned)

    def of_map(kind: MapKind, path: Path) -> FileSize:
        values, turned = kind.read(path)
        if kind.channels == 1:
            _take_in(found, kind.name, values)
        return FileSize.of(values, turned)

    image_size, problems = _tried(image)
    found.problems = list(problems)
    if image_size and image_size.turned:
        found.turned.append("image")
    others = [("mask", mask_path, partial(mask, mask_path))] if mask_path is not None else []
    others += [(f"`{kind.name}`", path, partial(of_map, kind, path)) for kind, path in dataset.map_files(i)]
    for what, path, measure in others:
        size, more = _tried(measure)
        found.problems += more
        if size and size.turned:
            found.turned.append(what if what == "mask" else f"{what} map")
        if image_size and size and image_size[:2] != size[:2]:
            found.problems.append(differing(path, image_size, size, what))
    return found


def _take_in(found: _Sample, name: str, values: Map) -> None:
    """Records the minimum and maximum of the known values of a map in `found`."""
    known = values[~np.isnan(values)]
    if known.size:
        found.maps[name] = float(known.min()), float(known.max())


def _counted(labels: NDArray[np.uint8]) -> Counts:
    return np.bincount(labels.reshape(-1), minlength=256)


def _tried(measure: Callable[[], FileSize]) -> tuple[FileSize | None, tuple[Diagnostic, ...]]:
    try:
        return measure(), ()
    except SpecError as error:
        return None, error.diagnostics


def _of_sample(dataset: Dataset, i: int) -> _Sample:
    """Inspects sample `i` of a dataset that is not read from files."""
    found = _Sample()
    try:
        sample = dataset[i]
    except SpecError as error:
        found.problems = list(error.diagnostics)
        return found
    named = f"sample `{sample.name}` of `{dataset.name}`"
    if sample.image.shape[:2] != sample.mask.shape:
        found.problems = [Diagnostic("ARCH905", f"{named}: image and mask differ in size")]
        return found
    for name in maps_of(dataset):
        values, channels = sample.maps.get(name), kind_of(dataset, name).channels
        if values is None or values.shape[:2] != sample.mask.shape:
            found.problems = [Diagnostic("ARCH905", f"{named}: image and `{name}` differ in size")]
            return found
        if values.shape[2:] != (() if channels == 1 else (channels,)):
            has = plural(values.shape[2] if values.ndim == 3 else 1, "channel")
            headline = f"{named}: `{name}` has {has}, but {channels} in `kinds` of the dataset"
            found.problems = [Diagnostic("ARCH905", headline)]
            return found
        if channels == 1:
            _take_in(found, name, values)
    found.labels = _counted(sample.mask)
    outside = (sample.mask >= len(dataset.classes)) & (sample.mask != IGNORE)
    if outside.any():
        headline = f"{named}: label {np.max(sample.mask[outside])} is not a class"
        found.problems = [Diagnostic("ARCH904", headline)]
        return found
    found.ids = found.labels
    return found
