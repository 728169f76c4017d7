"""A dataset of image files and mask files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from archdsl.data.dataset import Colour, Sample
from archdsl.data.faults import failed, fault
from archdsl.data.listing import Pair
from archdsl.data.reading import Table, read_image, read_mask
from archdsl.diagnostics import Diagnostic, SpecError

Resize = int | tuple[int, int] | None
"""The longer side in pixels, or (height, width)."""

_HASHED_BYTES = 2**16


@dataclass(frozen=True, eq=False)
class Files:
    """Pairs of files; `table` leads from labels in the masks to class ids."""

    name: str
    classes: tuple[str, ...]
    colours: tuple[Colour, ...]
    pairs: tuple[Pair, ...]
    table: Table
    resize: Resize = None

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, i: int) -> Sample:
        """Raises SpecError (ARCH902 to ARCH905)."""
        image_path, mask_path = self.pairs[i]
        image, mask = read_image(image_path), read_mask(mask_path, self.table)
        if image.shape[:2] != mask.shape:
            raise SpecError([differing(mask_path, image.shape[:2], mask.shape)])
        if self.resize is not None:
            height, width = resized(image.shape[0], image.shape[1], self.resize)
            image = np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
            mask = np.array(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
        return Sample(image, mask, image_path.stem)

    def fingerprint(self) -> str:
        """SHA-256 of classes, labels, and of each file its name, its size and its first and last 64 KiB."""
        told = hashlib.sha256(repr((self.name, self.classes, self.resize)).encode() + self.table.tobytes())
        for path in (path for pair in self.pairs for path in pair):
            told.update(path.name.encode("utf-8", "surrogateescape") + b"\0")
            told.update(_ends(path))
        return told.hexdigest()


def resized(height: int, width: int, resize: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width that an image gets."""
    if isinstance(resize, tuple):
        return resize
    longer = max(height, width)
    return max(1, round(height * resize / longer)), max(1, round(width * resize / longer))


def _ends(path: Path) -> bytes:
    """The size of a file, its beginning and its end.  Raises SpecError (ARCH902)."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            first = file.read(_HASHED_BYTES)
            file.seek(max(len(first), size - _HASHED_BYTES))
            return size.to_bytes(8, "little") + first + file.read()
    except OSError as error:
        raise failed("ARCH902", "an image that cannot be read", path, error.strerror or "") from error


def differing(mask_path: Path, image: tuple[int, ...], mask: tuple[int, ...]) -> Diagnostic:
    """The finding that sizes, as (height, width), differ."""
    return fault(
        "ARCH905",
        "an image and its mask differ in size",
        mask_path,
        f"the mask has {mask[0]} × {mask[1]} pixels, the image {image[0]} × {image[1]}",
        "a mask has a label for every pixel of its image",
    )
