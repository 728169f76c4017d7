"""Reads images, masks and maps from untrusted files; errors name the file."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from archdsl.data.dataset import IGNORE
from archdsl.data.faults import failed

# Pillow's warnings are either reported here as diagnostics, or harmless: invalid metadata.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

FORMATS = ("PNG", "JPEG", "BMP", "PPM", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".webp")
MOST_PIXELS = 2**26

NOT_ALLOWED = 254
"""The class id that a label table (`labels`) has for invalid labels."""

Pixels = NDArray[np.uint8]
Table = NDArray[np.uint8]
_Sample = TypeVar("_Sample", np.uint8, np.uint16)

_EXIF_ORIENTATION = 0x0112
_UPRIGHT: Mapping[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels, 1),
}
"""For each EXIF orientation (JEITA CP-3451, tag 0x0112), the function that turns pixels upright."""

_MODE_OF_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
_PNG_STEPS = {"L;2": 85, "L;4": 17}
"""The factors by which Pillow multiplies grey PNG samples of 2 and 4 bits."""

_LOSSY = ("JPEG", "MPO")
_IMAGE_MODES = ("RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "1", "CMYK", "YCbCr")
_MASK_MODES = ("L", "P", "1")
_MAP_MODES = ("L", "1", "I;16", "I;16B", "I;16L", "I")
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


def labels(known: Mapping[int, int], ignored: Iterable[int] = ()) -> Table:
    """A table of 256 entries that maps mask labels to class ids; `known` maps the valid labels.

    Labels in `ignored` are mapped to `IGNORE`, as is 255 unless `known` contains it; all others to
    `NOT_ALLOWED`.
    """
    table = np.full(256, NOT_ALLOWED, np.uint8)
    table[255] = IGNORE
    for label, id in known.items():
        table[label] = id
    table[list(ignored)] = IGNORE
    return table


def read_image(path: Path, channels: int = 3) -> Pixels:
    """Reads an image, uint8, (height, width, channels), rotated by its EXIF orientation.

    With 1 channel, the image is converted to grey; with 3, to RGB; with 4, to RGB and the fourth channel of
    the file. Raises SpecError: ARCH902 for an invalid file, ARCH941 for one without a fourth channel.
    """
    return read_turned(path, channels)[0]


def read_turned(path: Path, channels: int = 3, setting: str = "channels") -> tuple[Pixels, bool]:
    """Reads an image as `read_image`; returns the image, and whether it was rotated by its EXIF orientation.

    `setting` is the name of the setting that determines `channels`, for error messages.
    """
    with _opened(path) as image:
        if image.mode not in _IMAGE_MODES:
            raise failed(
                "ARCH902",
                "unsupported kind of image",
                path,
                f"the pixel mode is {image.mode}",
                "convert it to 8 bits per channel",
            )
        if channels == 4 and not _has_fourth(image):
            raise failed(
                "ARCH941",
                "missing fourth channel in image",
                path,
                f"the pixel mode is {image.mode}, but `{setting}` is 4",
                f"convert it to a PNG with four channels of 8 bits, or set `{setting} = 3`",
            )
        found = np.array(image.convert(_MODE_OF_CHANNELS[channels]))
        orientation = _orientation(image)
    return _turned(found.reshape(*found.shape[:2], channels), orientation), orientation != 1


def read_labels(path: Path) -> tuple[Pixels, bool]:
    """Reads the labels of a mask, uint8, (height, width), without mapping them to class ids.

    Labels are grey values of 1 to 8 bits, or palette indices. The mask is rotated by its EXIF orientation;
    returns it, and whether it was rotated.
    Raises SpecError: ARCH902 for an invalid file, ARCH903 for one with several channels, ARCH940 for a lossy
    format.
    """
    with _opened(path) as image:
        if image.format in _LOSSY:
            raise failed(
                "ARCH940",
                "mask in a lossy format",
                path,
                "JPEG does not preserve labels",
                "export the mask again as PNG: labels changed by JPEG cannot be recovered",
            )
        if image.mode not in _MASK_MODES:
            raise failed(
                "ARCH903",
                "mask without one label per pixel",
                path,
                f"the pixel mode is {image.mode}",
                "expected a PNG with one channel of at most 8 bits, or a palette, whose pixels are "
                "labels (255: unlabelled)",
            )
        restore = _as_written(image)
        labels = restore(np.asarray(image, np.uint8))
        orientation = _orientation(image)
    return _turned(labels, orientation), orientation != 1


def read_samples(path: Path) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], int, bool]:
    """Reads a map of one channel, (height, width), rotated by its EXIF orientation.

    Returns the integers in the file, the maximum of their format (255 or 65,535), and whether the map was
    rotated. Raises SpecError: ARCH902 for an invalid file, ARCH937 for one with colours or in a lossy format.
    """
    with _opened(path) as image:
        if image.format in _LOSSY or image.mode not in _MAP_MODES:
            what = "JPEG changes the numbers" if image.format in _LOSSY else f"the pixel mode is {image.mode}"
            help = "expected a PNG with one channel of 8 or 16 bits; colour images need `map_channels = 3`"
            raise failed("ARCH937", "map without one number per pixel", path, what, help)
        restore, wide = _as_written(image), image.mode not in ("L", "1")
        samples = np.asarray(image)
        orientation = _orientation(image)
    if not wide:
        few = restore(samples.astype(np.uint8))
        return _turned(few * 255 if image.mode == "1" else few, orientation), 255, orientation != 1
    whole = np.clip(samples, 0, 65535).astype(np.uint16)
    return _turned(whole, orientation), 65535, orientation != 1


def read_mask(path: Path, table: Table) -> tuple[Pixels, bool]:
    """Reads a mask as class ids, uint8, (height, width); `table` maps labels to class ids.

    Returns the class ids, and whether the mask was rotated by its EXIF orientation. Raises SpecError as
    `read_labels`, and ARCH904 for labels that are not classes.
    """
    found, turned = read_labels(path)
    ids: Pixels = table[found]
    demand_allowed(path, found, ids, table)
    return ids, turned


def demand_allowed(path: Path, found: Pixels, ids: Pixels, table: Table) -> None:
    """Raises SpecError (ARCH904) if a mask with the labels `found` and class ids `ids` has invalid labels."""
    wrong = ids == NOT_ALLOWED
    if wrong.any():
        raise failed("ARCH904", "label without class", path, _listed(found, wrong), _allowed(table))


def _has_fourth(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "PA") or (image.mode == "P" and "transparency" in image.info)


def _as_written(image: Image.Image) -> Callable[[Pixels], Pixels]:
    """A function from the grey values that Pillow returns to those in the file.

    Pillow scales grey values of less than 8 bits to 0..255. Must be called before the pixels are loaded,
    since Pillow then forgets the format.
    """
    tile = getattr(image, "tile", None)  # of files alone
    decoder, args = (tile[0][0], tile[0][3]) if tile else ("", None)
    if image.format == "PNG" and args in _PNG_STEPS:
        step = _PNG_STEPS[args]
        return lambda samples: samples // step
    if image.format == "PPM" and image.mode == "1":
        return lambda samples: 1 - samples  # a bitmap's 1 is black
    if decoder in ("ppm", "ppm_plain") and isinstance(args, tuple) and isinstance(args[-1], int):
        most = args[-1]
        return lambda samples: np.rint(samples * (most / 255)).astype(np.uint8)
    return lambda samples: samples


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) if missing or invalid."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except (*_BROKEN, LookupError, TypeError, AttributeError):
        return 1
    return value if isinstance(value, int) and value in _UPRIGHT else 1


def _turned(pixels: NDArray[_Sample], orientation: int) -> NDArray[_Sample]:
    return np.ascontiguousarray(_UPRIGHT[orientation](pixels))


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise failed(
                    "ARCH902",
                    "image too large",
                    path,
                    f"{image.height} × {image.width} pixels; the limit is {MOST_PIXELS // 2**20} Mi",
                    "resize it, or cut it into several",
                )
            yield image
    except _BROKEN as error:
        raise failed("ARCH902", "cannot read image", path, _reason(error), "replace the file") from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"not an image in a supported format: {', '.join(FORMATS)}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _listed(found: NDArray[np.uint8], wrong: NDArray[np.bool_]) -> str:
    """The invalid labels as text, at most five: `label 12 (31 pixels); the first at row 4, column 7`."""
    ids, counts = np.unique(found[wrong], return_counts=True)
    listed = ", ".join(
        f"{label} ({n} pixel{'s' if n > 1 else ''})"
        for label, n in zip(ids[:5].tolist(), counts[:5].tolist(), strict=True)
    )
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return f"label{'s' if len(ids) > 1 else ''} {listed}{more}; the first at row {row}, column {column}"


def _allowed(table: Table) -> str:
    known, ignored = np.flatnonzero(table < NOT_ALLOWED), np.flatnonzero(table == IGNORE)
    none = f", and {ranges(ignored.tolist())} for unlabelled pixels" if len(ignored) else ""
    return f"valid labels: {ranges(known.tolist())}{none}"


def ranges(numbers: Sequence[int]) -> str:
    """Formats ascending integers, consecutive ones as a range: `0 to 10, 255`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
