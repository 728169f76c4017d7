"""Images and masks read from files that may be anything: what is wrong is said with the file's name."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from archdsl.data.dataset import IGNORE
from archdsl.data.faults import failed

FORMATS = ("PNG", "JPEG", "BMP", "PPM", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".webp")
MOST_PIXELS = 2**26

NOT_ALLOWED = 254
"""What a table of labels holds where a label must not stand in a mask."""

Table = NDArray[np.uint8]

_IMAGE_MODES = ("RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "1", "CMYK", "YCbCr")
_MASK_MODES = ("L", "P", "1")
_BROKEN = (
    OSError,
    SyntaxError,  # Pillow's word for a broken PNG
    ValueError,
    IndexError,
    EOFError,
    MemoryError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}


def labels(known: dict[int, int]) -> Table:
    """A table from labels as they stand in masks to class ids; 255 may stand in any mask."""
    table = np.full(256, NOT_ALLOWED, np.uint8)
    for label, id in known.items():
        table[label] = id
    table[255] = IGNORE
    return table


def read_image(path: Path) -> NDArray[np.uint8]:
    """The pixels (height, width, 3) of a file.  Raises SpecError (ARCH902)."""
    with _opened(path) as image:
        if image.mode not in _IMAGE_MODES:
            raise failed(
                "ARCH902",
                "an image of a kind that is not read",
                path,
                f"pixels are of the mode {image.mode}",
                "write it with 8 bits for each of red, green and blue",
            )
        return np.array(image.convert("RGB"))


def read_mask(path: Path, table: Table) -> NDArray[np.uint8]:
    """The class ids (height, width) of a mask.  Raises SpecError (ARCH902, ARCH903, ARCH904)."""
    with _opened(path) as image:
        if image.mode not in _MASK_MODES:
            raise failed(
                "ARCH903",
                "a mask without a label for each pixel",
                path,
                f"pixels are of the mode {image.mode}",
                "a mask is a PNG of one channel with 8 bits, or with a palette: each pixel is the number "
                "of its class, 255 where it has none",
            )
        found = np.asarray(image, np.uint8)
    ids = table[found]
    wrong = ids == NOT_ALLOWED
    if wrong.any():
        raise failed("ARCH904", "a label that is no class", path, _told(found, wrong), _allowed(table))
    return ids


def image_size(path: Path) -> tuple[int, int]:
    """Height and width, by its head.  Raises SpecError (ARCH902), also where its end is missing."""
    with _opened(path) as image:
        if not _ends_well(path, image.format or ""):
            image.load()  # what follows the end of an image may be harmless
        return image.height, image.width


def mask_size(path: Path, table: Table) -> tuple[int, int]:
    """Height and width of a mask that is read as a whole.  Raises as `read_mask`."""
    height, width = read_mask(path, table).shape
    return height, width


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise failed(
                    "ARCH902",
                    "an image that is too large",
                    path,
                    f"{image.height} × {image.width} pixels; at most {MOST_PIXELS // 2**20} Mi are read",
                    "make it smaller, or cut it into several",
                )
            yield image
    except _BROKEN as error:
        raise failed(
            "ARCH902", "an image that cannot be read", path, _reason(error), "replace the file"
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"no image in a format that is read: {', '.join(FORMATS)}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _ends_well(path: Path, format: str) -> bool:
    end = _ENDS.get(format)
    if end is None:
        return False
    with path.open("rb") as file:
        file.seek(-min(len(end), path.stat().st_size), 2)
        return file.read() == end


def _told(found: NDArray[np.uint8], wrong: NDArray[np.bool_]) -> str:
    """`label 12 (31 pixels), the first at row 4, column 7`, of up to five labels."""
    ids, counts = np.unique(found[wrong], return_counts=True)
    listed = ", ".join(
        f"{label} ({n} pixel{'s' if n > 1 else ''})"
        for label, n in zip(ids[:5].tolist(), counts[:5].tolist(), strict=True)
    )
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return f"label{'s' if len(ids) > 1 else ''} {listed}{more}; the first at row {row}, column {column}"


def _allowed(table: Table) -> str:
    known = np.flatnonzero(table != NOT_ALLOWED).tolist()[:-1]
    return f"labels are {known[0]} to {known[-1]}, and 255 for pixels of no class"
