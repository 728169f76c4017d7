"""Generated street scenes, which need no download."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from archdsl.configs import datasets
from archdsl.data.camvid import CLASSES, COLOURS
from archdsl.data.dataset import Colour, Sample, Splits
from archdsl.data.maps import MapKind, stacked
from archdsl.data.scene.street import draw
from archdsl.data.targets import EDGE_WIDTH

Part = Literal["train", "val"]

DEPTH = "depth"
"""The name of the map of depths in metres."""

_DRAWING = 1
"""The version of the generator, incremented when the scenes of a seed change."""


@dataclass(frozen=True, eq=False)
class Synthetic:
    """A split of generated scenes with CamVid's classes; a scene is generated on first access and cached."""

    images: int
    height: int
    width: int
    seed: int
    part: Part
    name: str = "synthetic"
    classes: tuple[str, ...] = CLASSES
    colours: tuple[Colour, ...] = COLOURS
    channels: int = 3
    edge_width: int = EDGE_WIDTH
    maps: tuple[str, ...] = (DEPTH,)
    stack: tuple[str, ...] = ()
    kinds: tuple[MapKind, ...] = (MapKind(DEPTH, 0.01),)
    drawn: dict[int, Sample] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return self.images

    def __getitem__(self, i: int) -> Sample:
        if not 0 <= i < self.images:
            raise IndexError(i)
        if i not in self.drawn:
            rng = np.random.default_rng((self.part == "val", self.seed, i))
            image, mask, depth = draw(self.height, self.width, rng)
            self.drawn[i] = Sample(image, mask, f"{self.part}_{i:04d}", {DEPTH: depth})
        return self.drawn[i]

    def fingerprint(self) -> str:
        """The SHA-256 of the settings and of the generator's version."""
        settings: tuple[object, ...] = (
            _DRAWING, self.images, self.height, self.width, self.seed, self.part,
        )  # fmt: skip
        if self.edge_width != EDGE_WIDTH:
            settings += (self.edge_width,)
        settings += self.stack
        return hashlib.sha256(repr(settings).encode()).hexdigest()


def synthetic(
    images: int, height: int, width: int, seed: int, part: Part, edge_width: int = EDGE_WIDTH,
    stack: tuple[str, ...] = (),
) -> Synthetic:  # fmt: skip
    """A split with a number of scenes; scenes of the two splits are different."""
    return Synthetic(images, height, width, seed, part, edge_width=edge_width, stack=stack)


def scenes(read: datasets.Synthetic) -> Splits:
    """Both splits of the generated scenes, with the number and size of images in the settings."""
    held_out = max(1, round(read.images * (read.split or 0.25)))
    height, width = read.size or (96, 192)
    more = read.edge_width, stacked(read, (DEPTH,))
    return Splits(
        synthetic(read.images, height, width, read.seed, "train", *more),
        synthetic(held_out, height, width, read.seed, "val", *more),
    )
