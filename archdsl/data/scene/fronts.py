"""Structures along a street: houses with windows and shops, hedges, fences."""

from __future__ import annotations

import numpy as np

from archdsl.data.scene.canvas import Canvas, Floats, Where, fraction
from archdsl.data.scene.palette import BRIGHT, BUILDING, COATS, FENCE, FRONTS, TREE, picked
from archdsl.data.scene.plan import FAR_M


def houses(
    canvas: Canvas, wall_m: float, light: float, gap: tuple[float, float], rng: np.random.Generator
) -> None:
    """Paints houses and hedges along one side of the street, except in the side street.

    `wall_m` is the x of the fronts, negative for the left side; `light` is the brightness of this side; `gap`
    are the depths in metres between which the side street is.
    """
    z, y, beside = _along(canvas, wall_m)
    ends, n = np.cumsum(rng.uniform(6, 16, 16)).astype(np.float32), 17
    which = np.searchsorted(ends, z[0])[None, :]
    heights = rng.uniform(5, 15, n).astype(np.float32)
    hedge = rng.random(n) < 0.16
    heights[hedge] = rng.uniform(2, 6, int(hedge.sum()))
    top = heights[which] + 2.5 * canvas.leaves * hedge[which]
    seen = beside & (y >= 0) & (y < top) & (z < FAR_M) & ~((z > gap[0]) & (z < gap[1]))
    canvas.place(seen, z)
    green = canvas.made(np.array((72, 100, 52), np.float32) * np.float32(light), TREE, "leaves")
    bright = rng.uniform(0.8 * light, 1.2 * light, (n, 1)).astype(np.float32)
    colours = FRONTS[rng.integers(0, len(FRONTS), n)] * bright
    fronts = [canvas.made(colour, BUILDING) for colour in colours]
    np.copyto(canvas.material, np.where(hedge, green, fronts)[which], where=seen)
    house = seen & ~hedge[which]
    _windows(canvas, house & (y < top - 0.8), z, y, rng)
    _shops(canvas, house, z, y, light, rng)


def _windows(canvas: Canvas, front: Where, z: Floats, y: Floats, rng: np.random.Generator) -> None:
    across, up = rng.uniform(2.0, 3.4), rng.uniform(2.7, 3.4)
    open_ = (np.abs(fraction(z / np.float32(across)) - 0.5) < 0.22) & (
        np.abs(fraction(y / np.float32(up)) - 0.55) < 0.24
    )
    glass = np.array((62, 74, 88), np.float32) * np.float32(rng.uniform(0.7, 1.7))
    canvas.paint(front & open_ & (y > up), glass, BUILDING)


def _shops(
    canvas: Canvas, front: Where, z: Floats, y: Floats, light: float, rng: np.random.Generator
) -> None:
    """Paints shop fronts with boards above them, which resemble traffic signs without a pole."""
    for _ in range(rng.integers(1, 6)):
        near = rng.uniform(5, 50)
        shop = front & (z > near) & (z < near + rng.uniform(2, 5))
        canvas.paint(shop & (y > 0.4) & (y < 2.3), picked(COATS, rng) * np.float32(light), BUILDING)
        board = picked(BRIGHT, rng) * np.float32(0.8 * light)
        canvas.paint(shop & (y > 2.4) & (y < 3.1), board, BUILDING)


def fence(canvas: Canvas, x_m: float, rng: np.random.Generator) -> None:
    """Paints a fence along the street at x = `x_m`: bars or boards in the colours of houses."""
    z, y, beside = _along(canvas, x_m)
    near, height = rng.uniform(0, 25), rng.uniform(0.9, 1.6)
    seen = beside & (y >= 0) & (y < height) & (z > near) & (z < near + rng.uniform(10, 40))
    colour = picked(FRONTS, rng) * np.float32(rng.uniform(0.6, 0.9))
    bars = fraction(z / np.float32(rng.uniform(0.25, 0.7))) < 0.5
    canvas.place(seen, z)
    canvas.paint(seen, colour * 0.62, FENCE)
    canvas.paint(seen & (bars | (y > height - 0.14)), colour, FENCE)


def _along(canvas: Canvas, x_m: float) -> tuple[Floats, Floats, Where]:
    """The vertical plane x = `x_m` along the street, in metres.

    Returns its depth in each column, its height at each pixel, and whether a column shows that side of the
    street.
    """
    camera = canvas.camera
    offset = canvas.columns - np.float32(camera.vanishing)
    beside = offset * np.float32(np.sign(x_m)) > 0.5
    z = np.float32(camera.focal * abs(x_m)) / np.maximum(np.abs(offset), np.float32(0.5))
    y = np.float32(camera.height_m) - (canvas.rows - np.float32(camera.horizon)) * (
        z / np.float32(camera.focal)
    )
    return z, y, beside
