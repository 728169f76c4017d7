"""The ground: road, sidewalks, side streets, and their markings."""

from __future__ import annotations

import numpy as np

from archdsl.data.scene.canvas import Canvas, Floats, Where, fraction
from archdsl.data.scene.palette import ROAD, SIDEWALK
from archdsl.data.scene.plan import FAR_M, Plan


def ground(
    canvas: Canvas, plan: Plan, rng: np.random.Generator
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Paints road, sidewalks and side streets.

    Returns the depths (near, far), in metres, of the side street on the left and on the right.
    """
    camera = canvas.camera
    below = np.maximum(canvas.rows - np.float32(camera.horizon), np.float32(0.05))
    z = np.float32(camera.focal * camera.height_m) / below
    x = (canvas.columns - np.float32(camera.vanishing)) * (z / np.float32(camera.focal))
    ground = np.broadcast_to((canvas.rows > camera.horizon) & (z < FAR_M), x.shape)
    grey = rng.uniform(78, 128)
    asphalt = np.array((grey, grey, grey + rng.uniform(-4, 8)), np.float32)
    paving = asphalt + np.float32(rng.uniform(-10, 26)) + rng.uniform(-4, 4, 3).astype(np.float32)
    road = ground & (x > plan.left_kerb) & (x < plan.right_kerb)
    gaps = _side_street(rng), _side_street(rng)
    for (near, far), side in zip(gaps, (x < 0, x > 0), strict=True):
        road |= ground & side & (z > near) & (z < far)
    canvas.place(ground, z)
    canvas.paint(ground, paving, SIDEWALK, "spots")
    _tiles(canvas, ground, x, z, paving, rng)
    canvas.paint(road, asphalt, ROAD, "spots")
    _patches(canvas, road, x, z, paving, rng)
    for kerb in (plan.left_kerb, plan.right_kerb):
        canvas.paint(ground & ~road & (np.abs(x - kerb) < 0.14), asphalt * 1.28, SIDEWALK, "spots")
    _lines(canvas, road, x, z, plan, rng)
    return gaps


def _side_street(rng: np.random.Generator) -> tuple[float, float]:
    near = rng.uniform(12, 60)
    return (near, near + rng.uniform(5, 9)) if rng.random() < 0.5 else (FAR_M, FAR_M)


def _tiles(
    canvas: Canvas, ground: Where, x: Floats, z: Floats, paving: Floats, rng: np.random.Generator
) -> None:
    """Paints the joints of the paving, up to a depth of 14 m, beyond which they would be too fine."""
    tile = np.float32(rng.uniform(0.6, 1.2))
    joint = (fraction(x / tile) < 0.12) | (fraction(z / tile) < 0.12)
    canvas.paint(ground & joint & (z < 14), paving * np.float32(rng.uniform(0.8, 0.95)), SIDEWALK, "spots")


def _patches(
    canvas: Canvas, road: Where, x: Floats, z: Floats, paving: Floats, rng: np.random.Generator
) -> None:
    """Paints patches on the road in the colour of the sidewalk."""
    for _ in range(rng.integers(0, 4)):
        left, near = rng.uniform(-6, 4), rng.uniform(4, 30)
        patch = (x > left) & (x < left + rng.uniform(0.8, 3)) & (z > near) & (z < near + rng.uniform(1, 8))
        canvas.paint(road & patch, paving, ROAD, "spots")


def _lines(canvas: Canvas, road: Where, x: Floats, z: Floats, plan: Plan, rng: np.random.Generator) -> None:
    white = np.full(3, rng.uniform(165, 215), np.float32)
    period = rng.uniform(4, 9)
    middle = (np.abs(x + plan.lane / 2) < 0.08) & (fraction(z / np.float32(period)) < rng.uniform(0.35, 0.8))
    edge = np.abs(x - plan.lane / 2 - 0.1) < 0.06
    canvas.paint(road & (middle | edge), white, ROAD, "spots")
    if rng.random() < 0.3:
        near = rng.uniform(6, 25)
        stripes = (z > near) & (z < near + 3) & (fraction(x) < 0.5)
        canvas.paint(road & stripes & (x > plan.left_kerb) & (x < plan.right_kerb), white, ROAD, "spots")
