"""Draws a street: sky, ground with lanes, houses, fences, and objects.

Classes that adjoin have similar colours and textures, so that a network needs a large receptive field and a
high resolution: road and sidewalk have the same grey and differ by the side of the kerb that they are on; a
sign has the colours of houses and differs by its pole; a bus looks like a wall with wheels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archdsl.data.scene.canvas import Camera, Canvas, Floats, Upright
from archdsl.data.scene.crowd import figures
from archdsl.data.scene.fronts import fence, houses
from archdsl.data.scene.ground import ground
from archdsl.data.scene.palette import BUILDING, FRONTS, TREE, picked
from archdsl.data.scene.plan import FAR_M, Plan, planned

Drawn = tuple[NDArray[np.uint8], NDArray[np.uint8], Floats]


def draw(height: int, width: int, rng: np.random.Generator) -> Drawn:
    """Draws a random street; returns its image, class ids and depths.

    The image is uint8, (height, width, 3). Class ids are those of CamVid, uint8, (height, width). Depths are
    in metres, float32, (height, width), NaN in the sky.
    """
    camera = Camera(
        horizon=height * rng.uniform(0.38, 0.48),
        vanishing=width * rng.uniform(0.38, 0.62),
        focal=height * rng.uniform(1.05, 1.3),
        height_m=rng.uniform(1.4, 1.8),
    )
    grey = rng.uniform(160, 225)
    haze = np.array((grey, grey, grey + rng.uniform(0, 20)), np.float32)
    canvas = Canvas(height, width, camera, rng)
    plan = planned(rng)
    _end(canvas, plan, rng)
    gaps = ground(canvas, plan, rng)
    sun = rng.uniform(0.72, 1.18)
    for x_m, light, gap in ((plan.left_wall, sun, gaps[0]), (plan.right_wall, 1.9 - sun, gaps[1])):
        houses(canvas, x_m, light, gap, rng)
    for kerb, wall in ((plan.left_kerb, plan.left_wall), (plan.right_kerb, plan.right_wall)):
        if rng.random() < 0.55:
            fence(canvas, wall + (kerb - wall) * rng.uniform(0.12, 0.3), rng)
    for figure in sorted(figures(plan, rng), key=lambda f: -f.z_m):
        figure.draw(canvas)
    sky = _sky(canvas, haze, rng)
    image, mask, depth = _developed(canvas.image(sky, haze, rng), rng), canvas.labels(), canvas.depths()
    if rng.random() < 0.5:
        image, mask, depth = image[:, ::-1], mask[:, ::-1], depth[:, ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(mask), np.ascontiguousarray(depth)


def _sky(canvas: Canvas, haze: Floats, rng: np.random.Generator) -> Floats:
    """The colours of the sky for the entire image: blue at the top, haze at the horizon, clouds."""
    down = np.minimum(canvas.rows / np.float32(canvas.camera.horizon), np.float32(1))[..., None]
    blue = np.array((rng.uniform(90, 165), rng.uniform(150, 195), rng.uniform(195, 235)), np.float32)
    cloudy = np.float32(rng.uniform(0, 0.8)) * canvas.clouds[..., None]
    clear = blue + (haze - blue) * down
    sky: Floats = clear + (np.float32(238) - clear) * cloudy
    return sky


def _end(canvas: Canvas, plan: Plan, rng: np.random.Generator) -> None:
    """Paints the far end of the street: trees and, usually, a house."""
    plane = Upright(canvas, FAR_M)
    green = np.array((70, 92, 58), np.float32)
    for _ in range(12):
        x, size = rng.uniform(2.5 * plan.left_wall, 2.5 * plan.right_wall), rng.uniform(2.5, 6)
        plane.crown(x, size * 0.6, size, green * np.float32(rng.uniform(0.8, 1.2)), TREE)
    if rng.random() < 0.7:
        left, width, height = rng.uniform(plan.left_wall, 0), rng.uniform(6, 14), rng.uniform(7, 18)
        plane.box(left, left + width, 0, height, picked(FRONTS, rng), BUILDING)


def _developed(image: Floats, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The image of a camera, uint8: adds exposure, a colour cast, slight blur and sensor noise."""
    image *= (rng.uniform(0.62, 1.15) * rng.uniform(0.93, 1.07, 3)).astype(np.float32)
    image[:, 1:-1] = image[:, 1:-1] * np.float32(0.6) + (image[:, :-2] + image[:, 2:]) * np.float32(0.2)
    image[1:-1] = image[1:-1] * np.float32(0.6) + (image[:-2] + image[2:]) * np.float32(0.2)
    noise = rng.random(image.shape, np.float32) + rng.random(image.shape, np.float32) - 1
    image += noise * np.float32(rng.uniform(2, 11))
    return np.clip(image, 0, 255).astype(np.uint8)
