"""Data augmentation: random scale, crop, flip and colour jitter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from archdsl.data.channels import Pixels, mean_and_deviation, resampled
from archdsl.data.dataset import IGNORE, Sample

_GREY = np.array((0.299, 0.587, 0.114), np.float32)


@dataclass(frozen=True)
class Augmentation:
    """`crop` is (height, width), or None for the image size; `scale` the range of the scale factor; `colour`
    the maximum deviation of brightness, contrast and saturation from 1.
    """

    crop: tuple[int, int] | None
    scale: tuple[float, float] | None = (0.5, 2.0)
    flip: bool = True
    colour: float = 0.0


def augmented(sample: Sample, how: Augmentation, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Augments an image and its labels; padding outside of the image is grey and `IGNORE`."""
    scale = rng.uniform(*how.scale) if how.scale else 1.0
    size = how.crop or sample.mask.shape
    image, mask = _cropped(sample, (size[0], size[1]), scale, rng)
    if how.flip and rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    if how.colour > 0:
        image = recoloured(image, *rng.uniform(1 - how.colour, 1 + how.colour, 3))
    return image, mask


def _cropped(
    sample: Sample, size: tuple[int, int], scale: float, rng: np.random.Generator
) -> tuple[Pixels, Pixels]:
    """A crop of the scaled image.  Only the visible part is resized, which halves the time for large
    images.
    """
    if scale == 1.0 and size == sample.mask.shape:
        return sample.image, sample.mask
    (top, bottom, y0, y1), (left, right, x0, x1) = (
        _window(full, wanted, scale, rng) for full, wanted in zip(sample.mask.shape, size, strict=True)
    )
    box, seen = (x0, y0, x1, y1), (bottom - top, right - left)
    channels = sample.image.shape[2]
    image = np.empty((*size, channels), np.uint8)
    image[:] = [round(255 * mean) for mean in mean_and_deviation(channels)[0]]
    image[top:bottom, left:right] = resampled(sample.image, seen, Image.Resampling.BILINEAR, box)
    mask = np.full(size, IGNORE, np.uint8)
    mask[top:bottom, left:right] = resampled(sample.mask, seen, Image.Resampling.NEAREST, box)
    return image, mask


def _window(full: int, wanted: int, scale: float, rng: np.random.Generator) -> tuple[int, int, float, float]:
    """Along one axis: the filled range of the crop, and the range of the source."""
    scaled = max(1, round(full * scale))
    start = int(rng.integers(min(0, scaled - wanted), max(0, scaled - wanted) + 1))
    first, end = max(0, start), min(scaled, start + wanted)
    return first - start, end - start, first * full / scaled, end * full / scaled


def recoloured(image: Pixels, brightness: float, contrast: float, saturation: float) -> Pixels:
    """Scales brightness, contrast and saturation of an image.

    Grey images have no saturation; a fourth channel is unchanged.
    """
    if image.shape[2] == 4:
        return np.concatenate(
            [recoloured(image[..., :3], brightness, contrast, saturation), image[..., 3:]], 2
        )
    pixels = image.astype(np.float32) * np.float32(brightness)
    grey = pixels[..., 0] if image.shape[2] == 1 else pixels @ _GREY
    middle = grey.mean()
    pixels = grey[..., None] + (pixels - grey[..., None]) * np.float32(saturation)
    pixels = middle + (pixels - middle) * np.float32(contrast)
    clipped: Pixels = np.clip(pixels + 0.5, 0, 255).astype(np.uint8)
    return clipped
