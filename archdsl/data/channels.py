"""Normalization, resizing and display of images of one, three or four channels.

Shapes: H × W pixels, C channels.
"""

from __future__ import annotations

from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.report.numbers import plural

Pixels = NDArray[np.uint8]
Number = TypeVar("Number", np.uint8, np.float32)
Channels = Literal[1, 3, 4]
IMAGE_CHANNELS = get_args(Channels)

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's mean and standard deviation of red, green and blue, for channels in 0..1."""

_GREY = ((0.449,), (0.226,))
"""Mean and standard deviation of grey images: the means of `MEAN` and of `STD`."""

_FOURTH = (0.5, 0.25)
"""Mean and standard deviation of a fourth channel: its contents are unknown, so 0..1 is mapped to -2..2."""


def mean_and_deviation(channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, in 0..1, for normalizing images of 1, 3 or 4 channels."""
    if channels == 1:
        return _GREY
    return (MEAN, STD) if channels == 3 else ((*MEAN, _FOURTH[0]), (*STD, _FOURTH[1]))


def resampled(
    pixels_HWC: NDArray[Number], size: tuple[int, int], how: Image.Resampling,
    box: tuple[float, float, float, float] | None = None,
) -> NDArray[Number]:  # fmt: skip
    """Resizes pixels (H × W, uint8 or float32; or H × W × C, uint8) to a size (height, width).

    With `box` (left, top, right, bottom), only this region of the source is read. Channels are resized
    independently, since Pillow would multiply three channels by the fourth.
    """
    across = (size[1], size[0])
    if pixels_HWC.ndim == 2 or pixels_HWC.shape[2] == 3:
        return np.array(Image.fromarray(pixels_HWC).resize(across, how, box))
    bands = np.moveaxis(pixels_HWC, 2, 0)
    return np.stack([np.array(Image.fromarray(band).resize(across, how, box)) for band in bands], -1)


def as_colours(image_HWC: Pixels) -> Pixels:
    """Converts an image to RGB for display: repeats a grey channel, drops a fourth one."""
    return np.repeat(image_HWC, 3, 2) if image_HWC.shape[2] == 1 else image_HWC[..., :3]


def demand_channels(name: str, declared: int, channels: int) -> None:
    """Raises SpecError (ARCH942) unless images have as many `channels` as the input of `name`, `declared`."""
    if channels == declared:
        return
    headline = f"{name} expects images with {plural(declared, 'channel')}, but the data has {channels}"
    help = f"set `channels = {declared}` (--data …,channels={declared}), or change the input of {name}"
    if declared not in IMAGE_CHANNELS:
        help = (
            f"add maps as further channels (--data …,maps=depth,stack=depth), or change the input of {name}"
        )
    raise SpecError([Diagnostic("ARCH942", headline, help=help)])
