"""Everything that is wrong with a dataset, found before training starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from archdsl.data.dataset import IGNORE, Dataset
from archdsl.data.files import Files, differing
from archdsl.data.reading import image_size, mask_size
from archdsl.diagnostics import Diagnostic, SpecError

_MOST_THREADS = 8

Size = tuple[int, int]


def check_data(dataset: Dataset, classes: int | None = None) -> list[Diagnostic]:
    """Every problem with a dataset, in the order of its samples; `classes` is what the network tells apart.

    Every mask is read as a whole.  Of images the head is read, and the end where the format has one.
    """
    few = _too_few(dataset, classes)
    one = partial(_of_files, dataset) if isinstance(dataset, Files) else partial(_of_sample, dataset)
    pool = ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1))
    try:
        found = list(pool.map(one, range(len(dataset))))
    finally:
        pool.shutdown(cancel_futures=True)  # so that Ctrl-C need not wait for thousands of files
    return [*few, *(problem for problems in found for problem in problems)]


def _too_few(dataset: Dataset, classes: int | None) -> list[Diagnostic]:
    n = len(dataset.classes)
    if classes is None or classes >= n:
        return []
    headline = f"`{dataset.name}` has {n} classes, the network tells {classes} apart"
    return [Diagnostic("ARCH908", headline, help=f"give the network {n}: --set classes={n}")]


def _of_files(dataset: Files, i: int) -> list[Diagnostic]:
    """Problems of a pair of files, those of both at once."""
    image_path, mask_path = dataset.pairs[i]
    image, problems = _tried(lambda: image_size(image_path))
    mask, more = _tried(lambda: mask_size(mask_path, dataset.table))
    if image and mask and image != mask:
        return [differing(mask_path, image, mask)]
    return [*problems, *more]


def _tried(measure: Callable[[], Size]) -> tuple[Size | None, tuple[Diagnostic, ...]]:
    try:
        return measure(), ()
    except SpecError as error:
        return None, error.diagnostics


def _of_sample(dataset: Dataset, i: int) -> list[Diagnostic]:
    """Problems of a sample that came from elsewhere than files."""
    try:
        sample = dataset[i]
    except SpecError as error:
        return list(error.diagnostics)
    named = f"sample `{sample.name}` of `{dataset.name}`"
    if sample.image.shape[:2] != sample.mask.shape:
        return [Diagnostic("ARCH905", f"{named}: image and mask differ in size")]
    outside = (sample.mask >= len(dataset.classes)) & (sample.mask != IGNORE)
    if outside.any():
        return [Diagnostic("ARCH904", f"{named}: label {np.max(sample.mask[outside])} is no class")]
    return []
