"""The canvas of a scene: image, labels and depths as seen by a camera, painted from far to near.

Coordinates are in metres: x to the right of the camera, y up from the ground, z ahead. Only elementwise +, -,
× and ÷ are used, and no sums over pixels, so that results are equal on all machines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Where = NDArray[np.bool_]
Paint = Sequence[float] | Floats

Texture = Literal["plain", "leaves", "spots"]
"""The texture of a material: "leaves" for foliage, "spots" for the ground. All materials have pixel noise."""

SKY = 0

HAZE_M = 160.0
"""The depth in metres by which the share of haze in a colour is scaled: min(0.75, depth / HAZE_M)."""


@dataclass(frozen=True)
class Material:
    """A colour, with channels in 0..255, the class of the pixels painted with it, and a texture."""

    colour: Paint
    id: int
    texture: Texture = "plain"


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; (`horizon`, `vanishing`) is (row, column) of the vanishing point, in pixels.

    `focal` is the focal length in pixels, `height_m` the height above the ground.
    """

    horizon: float
    vanishing: float
    focal: float
    height_m: float

    def column(self, x_m: float, z_m: float) -> float:
        return self.vanishing + self.focal * x_m / z_m

    def row(self, y_m: float, z_m: float) -> float:
        return self.horizon + self.focal * (self.height_m - y_m) / z_m


class Canvas:
    """The material, depth and shadow of each pixel; painting assigns materials, `image` computes colours."""

    def __init__(self, height: int, width: int, camera: Camera, rng: np.random.Generator):
        self.camera = camera
        self.materials: list[Material] = [Material((0, 0, 0), SKY)]
        self.material = np.zeros((height, width), np.uint16)
        self.depth_m: Floats = np.zeros((height, width), np.float32)
        self.shade: Floats = np.ones((height, width), np.float32)
        self.rows = np.arange(height, dtype=np.float32)[:, None]
        self.columns = np.arange(width, dtype=np.float32)[None, :]
        self.clouds = smooth_noise(height, width, max(8, height // 5), rng)
        self.leaves = smooth_noise(height, width, max(3, height // 24), rng)

    def paint(self, where: Where, colour: Paint, id: int, texture: Texture = "plain") -> None:
        """Paints the pixels `where` with a colour and texture, as class `id`."""
        np.copyto(self.material, self.made(colour, id, texture), where=where)

    def place(self, where: Where, z_m: Floats) -> None:
        """Sets the depth of the pixels `where`."""
        np.copyto(self.depth_m, z_m, where=where)

    def made(self, colour: Paint, id: int, texture: Texture = "plain") -> np.uint16:
        """Adds a material; returns its index."""
        self.materials.append(Material(colour, id, texture))
        return np.uint16(len(self.materials) - 1)

    def shadow(self, x_m: float, z_m: float, half_m: float, length_m: float) -> None:
        """Darkens the ground below an object at (x, z), 2 · `half_m` wide and `length_m` long."""
        camera = self.camera
        left, right = (max(0, int(camera.column(x_m + side * half_m, z_m))) for side in (-1, 1))
        far, near = (max(0, int(camera.row(0, z))) for z in (z_m + length_m, z_m))
        self.shade[far : near + 1, left : right + 1] = 0.62

    def labels(self) -> NDArray[np.uint8]:
        """The class of each pixel."""
        ids = np.array([m.id for m in self.materials], np.uint8)
        return ids[self.material]

    def depths(self) -> Floats:
        """The depth of each pixel in metres; NaN in the sky."""
        return np.where(self.depth_m > 0, self.depth_m, np.float32(np.nan))

    def image(self, sky: Floats, haze: Floats, rng: np.random.Generator) -> Floats:
        """The image, H × W × 3, in 0..255: colours of materials with texture, shadow and haze, and `sky`."""
        colours = np.array([m.colour for m in self.materials], np.float32)
        light = 0.85 + 0.3 * rng.random(self.material.shape, np.float32)
        for texture, noise in (("leaves", 0.45 + 0.9 * self.leaves), ("spots", 0.86 + 0.28 * self.clouds)):
            light *= np.where(self._of(texture), noise, np.float32(1))
        light *= np.where(self._of("spots"), self.shade, np.float32(1))
        thick = np.minimum(np.float32(0.75), self.depth_m / np.float32(HAZE_M))
        image: Floats = colours[self.material] * (light * (1 - thick))[..., None] + haze * thick[..., None]
        np.copyto(image, sky, where=(self.material == 0)[..., None])
        return image

    def _of(self, texture: str) -> Where:
        return np.array([m.texture == texture for m in self.materials])[self.material]


class Upright:
    """A vertical plane that faces the camera, at depth `z_m`; paints shapes given in metres."""

    def __init__(self, canvas: Canvas, z_m: float):
        self.canvas, self.z_m = canvas, z_m

    def box(self, left: float, right: float, bottom: float, top: float, colour: Paint, id: int) -> None:
        """Paints a rectangle at least one pixel wide and high, so that thin objects stay connected."""
        self._lay(self._pixels(left, right, bottom, top), None, self.canvas.made(colour, id))

    def disc(self, x: float, y: float, radius: float, colour: Paint, id: int, tall: float = 1.0) -> None:
        """Paints an ellipse, `tall` times as high as wide."""
        at = self._pixels(x - radius, x + radius, y - radius * tall, y + radius * tall)
        dx, dy = self._from(at, x, y, radius, tall)
        self._lay(at, dx * dx + dy * dy < 1, self.canvas.made(colour, id))

    def crown(self, x: float, y: float, radius: float, colour: Paint, id: int) -> None:
        """Paints foliage with holes and an irregular outline."""
        at = self._pixels(x - radius * 1.3, x + radius * 1.3, y - radius * 1.4, y + radius * 1.4)
        dx, dy = self._from(at, x, y, radius, 1.15)
        inside = dx * dx + dy * dy < 0.55 + 0.9 * self.canvas.leaves[at]
        self._lay(at, inside, self.canvas.made(colour, id, "leaves"))

    def _pixels(self, left: float, right: float, bottom: float, top: float) -> tuple[slice, slice]:
        camera, (height, width) = self.canvas.camera, self.canvas.material.shape
        rows = _between(camera.row(top, self.z_m), camera.row(bottom, self.z_m), height)
        return rows, _between(camera.column(left, self.z_m), camera.column(right, self.z_m), width)

    def _from(
        self, at: tuple[slice, slice], x: float, y: float, radius: float, tall: float
    ) -> tuple[Floats, Floats]:
        """The horizontal and vertical distances of pixels from (x, y), in units of the ellipse's radii."""
        camera, (rows, columns) = self.canvas.camera, at
        pixels = np.float32(camera.focal * radius / self.z_m)
        dx = (self.canvas.columns[:, columns] - np.float32(camera.column(x, self.z_m))) / pixels
        dy = (self.canvas.rows[rows] - np.float32(camera.row(y, self.z_m))) / (pixels * np.float32(tall))
        return dx, dy

    def _lay(self, at: tuple[slice, slice], where: Where | None, material: np.uint16) -> None:
        for plane, value in ((self.canvas.material, material), (self.canvas.depth_m, np.float32(self.z_m))):
            if where is None:
                plane[at] = value
            else:
                np.copyto(plane[at], value, where=where)


def _between(low: float, high: float, most: int) -> slice:
    """The pixels whose centres are in the interval, or else its middle pixel; clipped to 0..`most`."""
    first, end = ceil(low), ceil(high)
    if end <= first:
        first = round((low + high) / 2)
        end = first + 1
    return slice(min(max(first, 0), most), min(max(end, 0), most))


def smooth_noise(height: int, width: int, cell: int, rng: np.random.Generator) -> Floats:
    """Random noise in 0..1, H × W, that is smooth at scales below `cell` pixels."""
    coarse = rng.integers(0, 256, (height // cell + 3, width // cell + 3), np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(smooth, np.float32) / np.float32(255)


def fraction(x: Floats) -> Floats:
    """The fractional part x - floor(x), in 0..1 also for negative numbers."""
    part: Floats = x - np.floor(x)
    return part
