"""Data augmentation: random scale, crop, flip and colour jitter."""

from __future__ import annotations

from dataclasses import dataclass, replace

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


def augmented(sample: Sample, how: Augmentation, rng: np.random.Generator) -> Sample:
    """Augments an image with its labels and maps; padding outside of the image is grey, `IGNORE` and NaN.

    Labels and maps keep their values: they are resized to the nearest.
    """
    scale = rng.uniform(*how.scale) if how.scale else 1.0
    size = how.crop or sample.mask.shape
    found = _cropped(sample, (size[0], size[1]), scale, rng)
    if how.flip and rng.random() < 0.5:
        maps = {name: values[:, ::-1] for name, values in found.maps.items()}
        found = replace(found, image=found.image[:, ::-1], mask=found.mask[:, ::-1], maps=maps)
    if how.colour > 0:
        image = recoloured(found.image, *rng.uniform(1 - how.colour, 1 + how.colour, 3))
        found = replace(found, image=image)
    return found


def _cropped(sample: Sample, size: tuple[int, int], scale: float, rng: np.random.Generator) -> Sample:
    """A crop of the scaled image.  Only the visible part is resized, which halves the time for large
    images.
    """
    if scale == 1.0 and size == sample.mask.shape:
        return sample
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
    maps = {name: np.full(size, np.nan, np.float32) for name in sample.maps}
    for name, values in maps.items():
        values[top:bottom, left:right] = resampled(sample.maps[name], seen, Image.Resampling.NEAREST, box)
    return Sample(image, mask, sample.name, maps)


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
