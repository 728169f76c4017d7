"""Predicted classes as pictures: over the image with a legend, and as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

_ROW = 18
_WIDTH = 130


def overlay(
    image: NDArray[np.uint8], classes: NDArray[np.integer[Any]], names: Sequence[str],
    colours: Sequence[Colour], strength: float = 0.55,
) -> Image.Image:  # fmt: skip
    """An image (height, width, 3) tinted by class, with the classes that it shows listed on the right."""
    palette = np.asarray(colours, np.uint8)
    tinted = (1 - strength) * image + strength * palette[classes]
    there = [int(c) for c in np.unique(classes)]
    height, width = classes.shape
    page = Image.new("RGB", (width + _WIDTH, max(height, _ROW * len(there) + 4)), "white")
    page.paste(Image.fromarray(tinted.round().astype(np.uint8)), (0, 0))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(12)
    for n, c in enumerate(there):
        top = 4 + _ROW * n
        draw.rectangle((width + 6, top, width + 18, top + 12), fill=tuple(colours[c]), outline="black")
        draw.text((width + 24, top - 1), _short(names[c]), "black", font)
    return page


def numbers(classes: NDArray[np.integer[Any]], colours: Sequence[Colour]) -> Image.Image:
    """A picture whose pixels are the numbers of classes, shown in their colours."""
    picture = Image.fromarray(classes.astype(np.uint8), "L").convert("P")
    picture.frombytes(classes.astype(np.uint8).tobytes())
    picture.putpalette([int(part) for colour in colours for part in colour])
    return picture


def any_colours(count: int) -> tuple[Colour, ...]:
    """Colours for classes of which none are known, far apart in hue."""
    from colorsys import hsv_to_rgb

    golden = 0.618033988749895
    found = (hsv_to_rgb(n * golden % 1, 0.75, 0.9 - 0.25 * (n % 2)) for n in range(count))
    return tuple((round(255 * r), round(255 * g), round(255 * b)) for r, g, b in found)


def _short(name: str) -> str:
    return name if len(name) <= 15 else name[:14] + "…"
