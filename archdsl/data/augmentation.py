"""Data augmentation: random scale, crop, flip and colour jitter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archdsl.data.channels import Pixels, mean_and_deviation, resampled
from archdsl.data.dataset import IGNORE, Sample
from archdsl.data.maps import resized_map

_GREY = np.array((0.299, 0.587, 0.114), np.float32)


@dataclass(frozen=True)
class Augmentation:
    """Parameters of data augmentation.

    `crop` is (height, width), or None for the image size; `scale` is the range of the random scale factor, or
    None for 1. The factors of brightness, contrast and saturation are sampled from 1 - `colour` to 1 +
    `colour`.
    """

    crop: tuple[int, int] | None
    scale: tuple[float, float] | None = (0.5, 2.0)
    flip: bool = True
    colour: float = 0.0


def augmented(
    sample: Sample, how: Augmentation, rng: np.random.Generator,
    means: Mapping[str, Sequence[float]] = MappingProxyType({}),
) -> Sample:  # fmt: skip
    """Augments a sample: its image, with labels and maps in the same way.

    Images are resized bilinearly, labels and maps of one channel by nearest neighbour. Outside of the image,
    a crop is filled with the mean colour, labels with `IGNORE`, maps of one channel with NaN, and maps that
    are images with `means`: by map, the value of each channel, in 0..1.
    """
    scale = rng.uniform(*how.scale) if how.scale else 1.0
    size = how.crop or sample.mask.shape
    found = _cropped(sample, (size[0], size[1]), scale, rng, means)
    if how.flip and rng.random() < 0.5:
        maps = {name: values[:, ::-1] for name, values in found.maps.items()}
        found = replace(found, image=found.image[:, ::-1], mask=found.mask[:, ::-1], maps=maps)
    if how.colour > 0:
        image = recoloured(found.image, *rng.uniform(1 - how.colour, 1 + how.colour, 3))
        found = replace(found, image=image)
    return found


def _cropped(
    sample: Sample, size: tuple[int, int], scale: float, rng: np.random.Generator,
    means: Mapping[str, Sequence[float]],
) -> Sample:  # fmt: skip
    """A random crop of the scaled sample; only the part inside the crop is resized, to save time."""
    if scale == 1.0 and size == sample.mask.shape:
        return sample
    (top, bottom, y0, y1), (left, right, x0, x1) = (
        _window(full, wanted, scale, rng) for full, wanted in zip(sample.mask.shape, size, strict=True)
    )
    box, seen = (x0, y0, x1, y1), (bottom - top, right - left)
    channels = sample.image.shape[2]
    image = _filled(size, mean_and_deviation(channels)[0])
    image[top:bottom, left:right] = resampled(sample.image, seen, Image.Resampling.BILINEAR, box)
    mask = np.full(size, IGNORE, np.uint8)
    mask[top:bottom, left:right] = resampled(sample.mask, seen, Image.Resampling.NEAREST, box)
    maps: dict[str, NDArray[Any]] = {}
    for name, values in sample.maps.items():
        of_image = values.ndim == 3
        usual = mean_and_deviation(values.shape[2])[0] if of_image else ()
        maps[name] = _filled(size, means.get(name, usual)) if of_image else np.full(size, np.nan, np.float32)
        maps[name][top:bottom, left:right] = resized_map(values, seen, box)
    return Sample(image, mask, sample.name, maps)


def _filled(size: tuple[int, int], mean: Sequence[float]) -> Pixels:
    """An image of a size (height, width) filled with one colour; channels of `mean` are in 0..1."""
    image = np.empty((*size, len(mean)), np.uint8)
    image[:] = [round(255 * channel) for channel in mean]
    return image


def _window(full: int, wanted: int, scale: float, rng: np.random.Generator) -> tuple[int, int, float, float]:
    """Places a random crop along one axis: (first, end) of its filled pixels, (first, end) in the source.

    `full` and `wanted` are the sizes of source and crop in pixels.
    """
    scaled = max(1, round(full * scale))
    start = int(rng.integers(min(0, scaled - wanted), max(0, scaled - wanted) + 1))
    first, end = max(0, start), min(scaled, start + wanted)
    return first - start, end - start, first * full / scaled, end * full / scaled


def recoloured(image: Pixels, brightness: float, contrast: float, saturation: float) -> Pixels:
    """Multiplies brightness, contrast and saturation of an image (H × W × C) by these factors.

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
