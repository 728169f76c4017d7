"""Draws predictions: as an overlay with a legend, and as index masks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

_ROW = 18
_WIDTH = 130
_WIDEST = 260
_TEXT_AT = 24
_UNASSIGNED = "\uffff"
"""A code point that no font has, to detect the missing-glyph image."""

_FONTS = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "DroidSansFallbackFull.ttf",
    "wqy-zenhei.ttc", "Arial Unicode.ttf", "PingFang.ttc", "msyh.ttc", "msgothic.ttc", "Nirmala.ttf",
    "segoeui.ttf", "unifont.ttf",
)  # fmt: skip
"""Common system fonts with many scripts; Pillow's default font has Latin letters only."""


def overlay(
    image: NDArray[np.uint8], classes: NDArray[np.integer[Any]], names: Sequence[str],
    colours: Sequence[Colour], strength: float = 0.55,
) -> Image.Image:  # fmt: skip
    """A picture of an image (height, width, 3) with overlaid class colours, and a legend on the right.

    `classes` are class indices (height, width); `names` and `colours` are those of the classes; `strength`,
    from 0 to 1, is the opacity of the colours.
    """
    palette = np.asarray(colours, np.uint8)
    tinted = (1 - strength) * image + strength * palette[classes]
    there = [int(c) for c in np.unique(classes)]
    height, width = classes.shape
    texts = [_legible(names[c]) for c in there]
    beside = max(_WIDTH, *(_TEXT_AT + 8 + round(font.getlength(text)) for text, font in texts))
    page = Image.new("RGB", (width + beside, max(height, _ROW * len(there) + 4)), "white")
    page.paste(Image.fromarray(tinted.round().astype(np.uint8)), (0, 0))
    draw = ImageDraw.Draw(page)
    for n, (c, (text, font)) in enumerate(zip(there, texts, strict=True)):
        top = 4 + _ROW * n
        draw.rectangle((width + 6, top, width + 18, top + 12), fill=tuple(colours[c]), outline="black")
        draw.text((width + _TEXT_AT, top - 1), text, "black", font)
    return page


def numbers(classes: NDArray[np.integer[Any]], colours: Sequence[Colour]) -> Image.Image:
    """A palette image whose pixels are class indices, with the class colours as palette."""
    picture = Image.fromarray(classes.astype(np.uint8), "L").convert("P")
    picture.frombytes(classes.astype(np.uint8).tobytes())
    picture.putpalette([int(part) for colour in colours for part in colour])
    return picture


def any_colours(count: int) -> tuple[Colour, ...]:
    """Default class colours, evenly spaced in hue."""
    from colorsys import hsv_to_rgb

    golden = 0.618033988749895
    found = (hsv_to_rgb(n * golden % 1, 0.75, 0.9 - 0.25 * (n % 2)) for n in range(count))
    return tuple((round(255 * r), round(255 * g), round(255 * b)) for r, g, b in found)


def _legible(name: str) -> tuple[str, Font]:
    """A name in which characters that no font can draw are escaped, and the font to draw it with."""
    fonts = [font for font in map(_font, (None, *_FONTS)) if font is not None]
    best = max(fonts, key=lambda font: sum(_draws(font, character) for character in name))
    drawn = (c if _draws(best, c) else c.encode("unicode_escape").decode("ascii") for c in name)
    return _fitting("".join(drawn), best), best


def _fitting(text: str, font: Font) -> str:
    """Truncates a text to the maximum width of the legend."""
    kept = text[:100]
    while font.getlength(kept + "…") > _WIDEST:
        kept = kept[:-1]
    return text if kept == text else kept + "…"


@lru_cache
def _font(file: str | None) -> Font | None:
    """A system font by file name, or Pillow's default; None if missing."""
    if file is None:
        return ImageFont.load_default(12)
    try:
        return ImageFont.truetype(file, 12)
    except OSError:
        return None


@lru_cache(maxsize=4096)
def _draws(font: Font, character: str) -> bool:
    """Whether a font has a glyph for a character."""
    if character == " ":
        return True
    return character.isprintable() and _shape(font, character) != _shape(font, _UNASSIGNED)


def _shape(font: Font, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character, mode="L")
    return mask.size, bytes(mask)


def probabilities(logits_HW: NDArray[Any]) -> Image.Image:
    """A grey picture of the probabilities of binary logits: 0 is black, 1 is white."""
    shares = 1 / (1 + np.exp(-np.clip(logits_HW.astype(np.float64), -50, 50)))
    return Image.fromarray(np.rint(255 * shares).astype(np.uint8))


def grey(values_HW: NDArray[Any], ends: tuple[float, float] | None = None) -> Image.Image:
    """A grey picture of values: the minimum, or `ends[0]`, is black, the maximum, or `ends[1]`, is white.

    Unknown values (NaN) are black, and all are if they are equal.
    """
    low, high = ends or (float(values_HW.min()), float(values_HW.max()))
    scaled = (np.nan_to_num(values_HW.astype(np.float64), nan=low) - low) / (high - low or 1.0)
    return Image.fromarray(np.rint(255 * scaled.clip(0, 1)).astype(np.uint8))


def picture(samples_HW: NDArray[np.uint16]) -> Image.Image:
    """A 16-bit grey picture of integers."""
    return Image.fromarray(samples_HW)
