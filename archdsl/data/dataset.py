"""What a dataset is: images with a class for every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

IGNORE = 255
"""The label of pixels that neither teach nor count."""

MOST_CLASSES = 254
"""Labels are bytes: one of them is `IGNORE`, one marks what is not allowed while a mask is read."""

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Sample:
    """An image (height, width, channels), its labels (height, width) as class ids or `IGNORE`, both uint8."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    name: str


class Dataset(Protocol):
    """Samples by number; the id of a class is its place in `classes`, `colours` are for overlays.

    `channels` is how many the images have: 1, 3 or 4.
    Raises SpecError where a file is not what it should be.
    """

    @property
    def name(self) -> str: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def colours(self) -> tuple[Colour, ...]: ...
    @property
    def channels(self) -> int: ...

    def __len__(self) -> int: ...
    def __getitem__(self, i: int) -> Sample: ...

    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of what the samples are made of, wherever it lies."""
        ...


@dataclass(frozen=True)
class Splits:
    """What is trained on, and what is validated on; of the same classes."""

    train: Dataset
    val: Dataset
