"""Generated street scenes, which need no download."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from archdsl.configs import datasets
from archdsl.data.camvid import CLASSES, COLOURS
from archdsl.data.dataset import Colour, Sample, Splits
from archdsl.data.scene.street import draw

Part = Literal["train", "val"]

_DRAWING = 1
"""Incremented when the scenes of a seed change."""


@dataclass(frozen=True, eq=False)
class Synthetic:
    """Generated scenes with CamVid's classes; each is generated on first access and cached."""

    images: int
    height: int
    width: int
    seed: int
    part: Part
    name: str = "synthetic"
    classes: tuple[str, ...] = CLASSES
    colours: tuple[Colour, ...] = COLOURS
    channels: int = 3
    drawn: dict[int, Sample] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return self.images

    def __getitem__(self, i: int) -> Sample:
        if not 0 <= i < self.images:
            raise IndexError(i)
        if i not in self.drawn:
            rng = np.random.default_rng((self.part == "val", self.seed, i))
            self.drawn[i] = Sample(*draw(self.height, self.width, rng), f"{self.part}_{i:04d}")
        return self.drawn[i]

    def fingerprint(self) -> str:
        """SHA-256 of the settings and of the generator's version."""
        settings = (_DRAWING, self.images, self.height, self.width, self.seed, self.part)
        return hashlib.sha256(repr(settings).encode()).hexdigest()


def synthetic(images: int, height: int, width: int, seed: int, part: Part) -> Synthetic:
    """The scenes of one split, disjoint from the other's."""
    return Synthetic(images, height, width, seed, part)


def scenes(read: datasets.Synthetic) -> Splits:
    """Both splits, with the number and size of images in the settings."""
    held_out = max(1, round(read.images * (read.split or 0.25)))
    height, width = read.size or (96, 192)
    return Splits(
        synthetic(read.images, height, width, read.seed, "train"),
        synthetic(held_out, height, width, read.seed, "val"),
    )
