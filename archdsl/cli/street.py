"""A street scene drawn with a few shapes, to try a network on any machine; colours for classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.float32]
    Mask = NDArray[np.bool_]
    Axis = NDArray[np.float32]

CITYSCAPES_COLOURS = (
    (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153),
    (153, 153, 153), (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152),
    (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70),
    (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
)  # fmt: skip
"""The colours that the Cityscapes scripts give to the 19 evaluated classes, by train id."""


def draw_street(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Sky, houses, trees, a road with its lines, and cars, as an RGB image (height, width, 3)."""
    rng = np.random.default_rng(seed)
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    horizon = 0.45
    image = np.empty((height, width, 3), np.float32)
    image[:] = (np.stack([90 + 90 * y, 140 + 70 * y, 200 + 30 * y], -1)).astype(np.float32)
    for side in np.linspace(0, 1, 14):
        _paint(
            image, _box(y, x, side - 0.05, horizon - rng.uniform(0.1, 0.4), side + 0.05, 0.6), rng, (60, 150)
        )
    depth = np.clip((y - horizon) / (1 - horizon), 0, 1)
    _fill(image, (y > horizon) & (x >= 0), (150, 120, 140))
    road = (y > horizon) & (np.abs(x - 0.5) < 0.06 + 0.5 * depth)
    _fill(image, road, (80, 75, 85))
    dashes = (np.abs(x - 0.5) < 0.002 + 0.008 * depth) & (np.sin(40 * np.sqrt(depth)) > 0)
    _fill(image, road & dashes, (230, 230, 220))
    for trunk in (0.08, 0.2, 0.83, 0.95):
        _fill(image, (np.abs(x - trunk) < 0.006) & (y > 0.3) & (y < 0.62), (70, 50, 35))
        _fill(image, ((x - trunk) / 0.05) ** 2 + ((y - 0.27) / 0.13) ** 2 < 1, (50, 110, 45))
    for left, top, size in ((0.36, 0.5, 0.07), (0.55, 0.53, 0.11), (0.24, 0.62, 0.16)):
        _paint(image, _box(y, x, left, top, left + size, top + size), rng, (20, 220))
        _fill(
            image,
            _box(y, x, left + size / 6, top + size / 8, left + size * 5 / 6, top + size / 2),
            (40, 60, 80),
        )
    image += rng.normal(0, 1, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def paint_classes(classes: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Class numbers (height, width) as an RGB image; colours repeat after the 19th class."""
    colours = np.asarray(CITYSCAPES_COLOURS, np.uint8)
    return np.take(colours, classes % len(colours), axis=0)


def _box(y: Axis, x: Axis, left: float, top: float, right: float, bottom: float) -> Mask:
    return (x > left) & (x < right) & (y > top) & (y < bottom)


def _fill(image: Image, where: Mask, colour: tuple[int, int, int]) -> None:
    image[where] = colour


def _paint(image: Image, where: Mask, rng: np.random.Generator, shades: tuple[int, int]) -> None:
    image[where] = rng.uniform(*shades, 3)
