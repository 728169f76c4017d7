"""The dataset interface: images with a class for every pixel."""

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
    """An image (height, width, channels), its labels (height, width) as class ids or `IGNORE`, both uint8.

    `maps` are further targets and inputs by name, (height, width), float32, NaN where unknown; or images,
    (height, width, channels), uint8.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    name: str
    maps: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Dataset(Protocol):
    """An indexable dataset; class ids are indices of `classes`, `colours` are for overlays.

    `channels` is the number of image channels: 1, 3 or 4. A dataset may have further attributes: `maps`, the
    names of the maps of its samples, `kinds`, their properties (`archdsl.data.maps.MapKind`), and
    `edge_width`, the width of edges in pixels. Without masks, it has no classes, and all pixels of its labels
    are `IGNORE`. Raises SpecError for bad files.
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
        """SHA-256 (hexadecimal) of the contents, independent of their location."""
        ...


@dataclass(frozen=True)
class Splits:
    """Training and validation datasets with the same classes."""

    train: Dataset
    val: Dataset
