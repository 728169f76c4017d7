"""Tiny datasets written for a test: images whose red channel is ten times the label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archdsl.data import Sample
from archdsl.diagnostics import Diagnostic, SpecError

SIZE = (6, 8)


def labels(classes: int, seed: int = 0, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, classes, size, np.uint8)


def image_of(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.stack([mask * 10, mask, mask], -1)


def write(path: Path, pixels: NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_folder(
    root: Path, parts: Sequence[str] = ("train", "val"), images: int = 3, classes: int = 3
) -> Path:
    """A dataset in the layout of `folder`."""
    for part in parts:
        for n in range(images):
            mask = labels(classes, n)
            write(root / "images" / part / f"{n:02d}.png", image_of(mask))
            write(root / "masks" / part / f"{n:02d}.png", mask)
    (root / "classes.txt").write_text("\n".join(f"class{n}" for n in range(classes)), "utf-8")
    return root


def told(error: SpecError) -> list[tuple[str, str]]:
    return [(d.code, named(d)) for d in error.diagnostics]


def named(diagnostic: Diagnostic) -> str:
    """The name of the file that a finding is about."""
    assert diagnostic.primary is not None
    return Path(diagnostic.primary.location.source.name).name


class Numbered:
    """Samples that say which they are: all of sample n has the label n."""

    name = "numbered"
    colours = ((0, 0, 0),) * 200
    classes = tuple(map(str, range(200)))

    def __init__(self, n: int, size: tuple[int, int] = SIZE):
        self.n, self.size = n, size

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> Sample:
        mask = np.full(self.size, i, np.uint8)
        return Sample(np.full((*self.size, 3), i, np.uint8), mask, str(i))

    def fingerprint(self) -> str:
        return str(self.n)
