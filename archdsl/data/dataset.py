"""The interface of datasets for semantic segmentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

IGNORE = 255
"""The label of pixels excluded from loss and metrics."""

MOST_CLASSES = 254
"""The maximum number of classes: labels are bytes, of which one is `IGNORE`, and one marks invalid labels."""

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Sample:
    """An image, uint8, (height, width, channels), and its labels, uint8, (height, width).

    Labels (`mask`) are class ids or `IGNORE`. `maps` are further targets and inputs by name: maps of one
    channel, float32, (height, width), NaN where unknown; or images, uint8, (height, width, channels).
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    name: str
    maps: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Dataset(Protocol):
    """A sequence of samples; class ids are indices of `classes`, and `colours` are their colours in pictures.

    `channels` is the number of image channels: 1, 3 or 4. Further attributes are optional: `maps`, the names
    of the maps of its samples; `kinds`, the properties of maps (`archdsl.data.maps.MapKind`); `stack`, the
    maps that are further channels of the images; `edge_width`, the width of edges in pixels. A dataset
    without masks has no classes, and all its labels are `IGNORE`. Accessing a sample raises SpecError for
    invalid files.
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
        """The SHA-256 (hexadecimal) of the contents, independent of the location of files."""
        ...


@dataclass(frozen=True)
class Splits:
    """Training and validation datasets with the same classes."""

    train: Dataset
    val: Dataset
