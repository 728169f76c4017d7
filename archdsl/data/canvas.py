"""A picture and its labels, painted far to near as a camera above a street sees them.

Metres: X to the right of the camera, Y up from the ground, Z ahead.  Only +, -, ×, ÷ of single numbers are
used, and no sums over pixels, so that every machine paints the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Where = NDArray[np.bool_]
Paint = Sequence[float] | Floats

HAZE_M = 160.0
"""Where everything has the colour of the haze."""


@dataclass(frozen=True)
class Camera:
    """`horizon` and `vanishing` are the row and the column of the vanishing point, `focal` is in pixels."""

    horizon: float
    vanishing: float
    focal: float
    height_m: float

    def column(self, x_m: float, z_m: float) -> float:
        return self.vanishing + self.focal * x_m / z_m

    def row(self, y_m: float, z_m: float) -> float:
        return self.horizon + self.focal * (self.height_m - y_m) / z_m


class Canvas:
    """Image in 0..255 (height, width, 3), labels and depths in metres, and noise for painters."""

    def __init__(self, height: int, width: int, camera: Camera, haze: Paint, rng: np.random.Generator):
        self.camera, self.haze = camera, np.asarray(haze, np.float32)
        self.image: Floats = np.zeros((height, width, 3), np.float32)
        self.mask = np.zeros((height, width), np.uint8)
        self.depth: Floats = np.zeros((height, width), np.float32)
        self.rows = np.arange(height, dtype=np.float32)[:, None]
        self.columns = np.arange(width, dtype=np.float32)[None, :]
        self.grain = 0.85 + 0.3 * rng.random((height, width), np.float32)
        self.clouds = smooth_noise(height, width, max(8, height // 5), rng)
        self.leaves = smooth_noise(height, width, max(3, height // 24), rng)

    def paint(self, where: Where, colour: Paint, id: int, z_m: Floats) -> None:
        """Colours pixels of the whole picture; colour and depth are of all pixels, or of each."""
        laid = np.asarray(colour, np.float32)
        self.image[where] = laid if laid.ndim == 1 else np.broadcast_to(laid, self.image.shape)[where]
        self.depth[where] = np.broadcast_to(z_m, where.shape)[where]
        self.mask[where] = id

    def upright(self, z_m: float, left_m: float, right_m: float, bottom_m: float, top_m: float) -> Upright:
        """A window on an upright plane that faces the camera."""
        camera, (height, width) = self.camera, self.mask.shape
        x0 = max(0, int(camera.column(left_m, z_m)))
        x1 = min(width, int(camera.column(right_m, z_m)) + 2)
        y0 = max(0, int(camera.row(top_m, z_m)))
        y1 = min(height, int(camera.row(bottom_m, z_m)) + 2)
        return Upright(self, z_m, slice(y0, max(y0, y1)), slice(x0, max(x0, x1)))

    def shadow(self, x_m: float, z_m: float, half_m: float, length_m: float) -> None:
        """Darkens the ground under what stands on it."""
        camera = self.camera
        left, right = (max(0, int(camera.column(x_m + side * half_m, z_m))) for side in (-1, 1))
        far, near = (max(0, int(camera.row(0, z))) for z in (z_m + length_m, z_m))
        self.image[far : near + 1, left : right + 1] *= np.float32(0.62)

    def seen(self) -> Floats:
        """The image with the grain of its surfaces, and through the air."""
        image = self.image * np.where(self.mask > 0, self.grain, np.float32(1))[..., None]
        thick = np.minimum(np.float32(0.75), self.depth / np.float32(HAZE_M))[..., None]
        through: Floats = image + (self.haze - image) * thick
        return through


class Upright:
    """Part of the canvas as a plane at one depth: `x` and `y` are metres of its columns and rows."""

    def __init__(self, canvas: Canvas, z_m: float, rows: slice, columns: slice):
        camera = canvas.camera
        self.z_m, self.at = z_m, (rows, columns)
        self.image, self.mask, self.depth = canvas.image[self.at], canvas.mask[self.at], canvas.depth[self.at]
        metres = np.float32(z_m / camera.focal)
        self.pixel_m = float(metres)
        self.x = (canvas.columns[:, columns] - np.float32(camera.vanishing)) * metres
        self.y = np.float32(camera.height_m) - (canvas.rows[rows] - np.float32(camera.horizon)) * metres

    @property
    def empty(self) -> bool:
        return self.x.size == 0 or self.y.size == 0

    def box(self, left: float, right: float, bottom: float, top: float) -> Where:
        """At least one pixel wide, so that what is thin stays connected."""
        wider = max(0.0, (self.pixel_m - (right - left)) / 2)
        across = (self.x >= left - wider) & (self.x < right + wider)
        return across & (self.y >= bottom) & (self.y < top)

    def disc(self, x: float, y: float, radius: float, tall: float = 1.0) -> Where:
        dx, dy = (self.x - x) / radius, (self.y - y) / (radius * tall)
        return dx * dx + dy * dy < 1

    def paint(self, where: Where, colour: Paint, id: int) -> None:
        laid = np.asarray(colour, np.float32)
        self.image[where] = laid if laid.ndim == 1 else laid[where]
        self.depth[where] = self.z_m
        self.mask[where] = id


def smooth_noise(height: int, width: int, cell: int, rng: np.random.Generator) -> Floats:
    """Noise in 0..1 without detail finer than `cell` pixels."""
    coarse = rng.integers(0, 256, (height // cell + 3, width // cell + 3), np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(smooth, np.float32) / np.float32(255)
