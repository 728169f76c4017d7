"""A street: the sky, the ground with its lanes, houses, fences, and what stands between them.

Neighbouring classes share colours and grain.  Road and sidewalk are of one grey and differ by which side of
the kerb they are on; a sign has the colours of a house front and differs by the pole beneath it; a bus is a
wall with wheels.  A network has to see far, and sharply.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archdsl.data.canvas import Camera, Canvas, Floats, Upright, Where
from archdsl.data.figures import (
    BUILDING,
    FENCE,
    ROAD,
    SIDEWALK,
    TREE,
    Figure,
    bicyclist,
    car,
    lamp,
    pedestrian,
    sign,
    tree,
)

FAR_M = 90.0

_FRONTS = np.array(
    [(150, 98, 78), (186, 168, 140), (134, 130, 128), (112, 104, 98), (176, 150, 116), (158, 158, 156),
     (128, 88, 74), (196, 188, 174)],
    np.float32,
)  # fmt: skip
_COATS = np.array(
    [(60, 62, 78), (150, 60, 52), (52, 66, 60), (120, 112, 104), (190, 184, 174), (40, 40, 44)],
    np.float32,
)  # fmt: skip
_BRIGHT = np.array([(196, 40, 36), (36, 78, 160), (222, 186, 40), (230, 230, 226)], np.float32)


@dataclass(frozen=True)
class Plan:
    """Metres from the camera to the left (negative) and the right: kerbs and house fronts."""

    left_kerb: float
    right_kerb: float
    left_wall: float
    right_wall: float
    lane: float


def draw(height: int, width: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A street as an image (height, width, 3) and its classes (height, width), as CamVid numbers them."""
    camera = Camera(
        horizon=height * rng.uniform(0.38, 0.48),
        vanishing=width * rng.uniform(0.38, 0.62),
        focal=height * rng.uniform(1.05, 1.3),
        height_m=rng.uniform(1.4, 1.8),
    )
    grey = rng.uniform(160, 225)
    haze = np.array((grey, grey, grey + rng.uniform(0, 20)), np.float32)
    canvas = Canvas(height, width, camera, rng)
    plan = _plan(rng)
    _end(canvas, plan, rng)
    gaps = _ground(canvas, plan, rng)
    sun = rng.uniform(0.72, 1.18)
    for x_m, light, gap in ((plan.left_wall, sun, gaps[0]), (plan.right_wall, 1.9 - sun, gaps[1])):
        _houses(canvas, x_m, light, gap, rng)
    for kerb, wall in ((plan.left_kerb, plan.left_wall), (plan.right_kerb, plan.right_wall)):
        if rng.random() < 0.55:
            _fence(canvas, wall + (kerb - wall) * rng.uniform(0.12, 0.3), rng)
    for figure in sorted(_figures(plan, rng), key=lambda f: -f.z_m):
        figure.draw(canvas)
    sky = _sky(canvas, haze, rng)
    image, mask = _developed(canvas.image(sky, haze, rng), rng), canvas.labels()
    if rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(mask)


def _plan(rng: np.random.Generator) -> Plan:
    lane = rng.uniform(2.9, 3.6)
    right = lane / 2 + (2.1 if rng.random() < 0.6 else 0.4)
    left = -lane * 1.5 - (2.1 if rng.random() < 0.6 else 0.4)
    return Plan(left, right, left - rng.uniform(2.5, 6), right + rng.uniform(2.5, 6), lane)


def _sky(canvas: Canvas, haze: Floats, rng: np.random.Generator) -> Floats:
    """Blue above, haze below, clouds between; of the whole picture."""
    down = np.minimum(canvas.rows / np.float32(canvas.camera.horizon), np.float32(1))[..., None]
    blue = np.array((rng.uniform(90, 165), rng.uniform(150, 195), rng.uniform(195, 235)), np.float32)
    cloudy = np.float32(rng.uniform(0, 0.8)) * canvas.clouds[..., None]
    clear = blue + (haze - blue) * down
    sky: Floats = clear + (np.float32(238) - clear) * cloudy
    return sky


def _end(canvas: Canvas, plan: Plan, rng: np.random.Generator) -> None:
    """What closes the street far away: trees and a house."""
    plane = Upright(canvas, FAR_M)
    green = np.array((70, 92, 58), np.float32)
    for _ in range(12):
        x, size = rng.uniform(2.5 * plan.left_wall, 2.5 * plan.right_wall), rng.uniform(2.5, 6)
        plane.crown(x, size * 0.6, size, green * np.float32(rng.uniform(0.8, 1.2)), TREE)
    if rng.random() < 0.7:
        left, width, height = rng.uniform(plan.left_wall, 0), rng.uniform(6, 14), rng.uniform(7, 18)
        plane.box(left, left + width, 0, height, _pick(_FRONTS, rng), BUILDING)


def _ground(
    canvas: Canvas, plan: Plan, rng: np.random.Generator
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Road, sidewalks, and side streets left and right, whose ends in depth are returned."""
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
    """Joints of the paving, where they are more than a pixel apart."""
    tile = np.float32(rng.uniform(0.6, 1.2))
    joint = (_part(x / tile) < 0.12) | (_part(z / tile) < 0.12)
    canvas.paint(ground & joint & (z < 14), paving * np.float32(rng.uniform(0.8, 0.95)), SIDEWALK, "spots")


def _patches(
    canvas: Canvas, road: Where, x: Floats, z: Floats, paving: Floats, rng: np.random.Generator
) -> None:
    """Repairs of the road in the very colour of the sidewalk."""
    for _ in range(rng.integers(0, 4)):
        left, near = rng.uniform(-6, 4), rng.uniform(4, 30)
        patch = (x > left) & (x < left + rng.uniform(0.8, 3)) & (z > near) & (z < near + rng.uniform(1, 8))
        canvas.paint(road & patch, paving, ROAD, "spots")


def _lines(canvas: Canvas, road: Where, x: Floats, z: Floats, plan: Plan, rng: np.random.Generator) -> None:
    white = np.full(3, rng.uniform(165, 215), np.float32)
    period = rng.uniform(4, 9)
    middle = (np.abs(x + plan.lane / 2) < 0.08) & (_part(z / np.float32(period)) < rng.uniform(0.35, 0.8))
    edge = np.abs(x - plan.lane / 2 - 0.1) < 0.06
    canvas.paint(road & (middle | edge), white, ROAD, "spots")
    if rng.random() < 0.3:
        near = rng.uniform(6, 25)
        stripes = (z > near) & (z < near + 3) & (_part(x) < 0.5)
        canvas.paint(road & stripes & (x > plan.left_kerb) & (x < plan.right_kerb), white, ROAD, "spots")


def _houses(
    canvas: Canvas, wall_m: float, light: float, gap: tuple[float, float], rng: np.random.Generator
) -> None:
    """Fronts along one side of the street, with windows, shops and hedges; none in the side street."""
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
    colours = _FRONTS[rng.integers(0, len(_FRONTS), n)] * bright
    fronts = [canvas.made(colour, BUILDING) for colour in colours]
    np.copyto(canvas.material, np.where(hedge, green, fronts)[which], where=seen)
    house = seen & ~hedge[which]
    _windows(canvas, house & (y < top - 0.8), z, y, rng)
    _shops(canvas, house, z, y, light, rng)


def _windows(canvas: Canvas, front: Where, z: Floats, y: Floats, rng: np.random.Generator) -> None:
    across, up = rng.uniform(2.0, 3.4), rng.uniform(2.7, 3.4)
    open_ = (np.abs(_part(z / np.float32(across)) - 0.5) < 0.22) & (
        np.abs(_part(y / np.float32(up)) - 0.55) < 0.24
    )
    glass = np.array((62, 74, 88), np.float32) * np.float32(rng.uniform(0.7, 1.7))
    canvas.paint(front & open_ & (y > up), glass, BUILDING)


def _shops(
    canvas: Canvas, front: Where, z: Floats, y: Floats, light: float, rng: np.random.Generator
) -> None:
    """Shop fronts, and boards above them that look like signs without a pole."""
    for _ in range(rng.integers(1, 6)):
        near = rng.uniform(5, 50)
        shop = front & (z > near) & (z < near + rng.uniform(2, 5))
        canvas.paint(shop & (y > 0.4) & (y < 2.3), _pick(_COATS, rng) * np.float32(light), BUILDING)
        board = _pick(_BRIGHT, rng) * np.float32(0.8 * light)
        canvas.paint(shop & (y > 2.4) & (y < 3.1), board, BUILDING)


def _fence(canvas: Canvas, x_m: float, rng: np.random.Generator) -> None:
    """Bars or boards, of the grey of the street or the brown of the houses."""
    z, y, beside = _along(canvas, x_m)
    near, height = rng.uniform(0, 25), rng.uniform(0.9, 1.6)
    seen = beside & (y >= 0) & (y < height) & (z > near) & (z < near + rng.uniform(10, 40))
    colour = _pick(_FRONTS, rng) * np.float32(rng.uniform(0.6, 0.9))
    bars = _part(z / np.float32(rng.uniform(0.25, 0.7))) < 0.5
    canvas.place(seen, z)
    canvas.paint(seen, colour * 0.62, FENCE)
    canvas.paint(seen & (bars | (y > height - 0.14)), colour, FENCE)


def _along(canvas: Canvas, x_m: float) -> tuple[Floats, Floats, Where]:
    """An upright plane along the street: depth by column, height by pixel, and the columns on its side."""
    camera = canvas.camera
    offset = canvas.columns - np.float32(camera.vanishing)
    beside = offset * np.float32(np.sign(x_m)) > 0.5
    z = np.float32(camera.focal * abs(x_m)) / np.maximum(np.abs(offset), np.float32(0.5))
    y = np.float32(camera.height_m) - (canvas.rows - np.float32(camera.horizon)) * (
        z / np.float32(camera.focal)
    )
    return z, y, beside


def _figures(plan: Plan, rng: np.random.Generator) -> list[Figure]:
    return [*_traffic(plan, rng), *_people(plan, rng), *_furniture(plan, rng)]


def _traffic(plan: Plan, rng: np.random.Generator) -> list[Figure]:
    found, z = [], rng.uniform(7, 30)
    while z < 60 and rng.random() < 0.75:  # ahead
        tall = 2.9 if rng.random() < 0.15 else 1.45
        found.append(car(rng.uniform(-0.4, 0.4), z, _lacquer(tall, rng), tall))
        z += rng.uniform(9, 25) + 5 * (tall > 2)
    z = rng.uniform(6, 20)
    while z < 70 and rng.random() < 0.75:
        tall = 2.9 if rng.random() < 0.15 else 1.45
        found.append(car(-plan.lane, z, _lacquer(tall, rng), tall, oncoming=True))
        z += rng.uniform(9, 25) + 5 * (tall > 2)
    for kerb, inwards in ((plan.left_kerb, 1), (plan.right_kerb, -1)):
        if abs(kerb) % plan.lane < 1.5:
            continue
        z = rng.uniform(4, 12)
        while z < 50:
            if rng.random() < 0.6:
                found.append(car(kerb + 1.05 * inwards, z, _lacquer(1.45, rng)))
            z += rng.uniform(5, 9)
    return found


def _people(plan: Plan, rng: np.random.Generator) -> list[Figure]:
    found = []
    for _ in range(rng.integers(2, 10)):
        x, z = _on_sidewalk(plan, rng), rng.uniform(5, 45)
        if rng.random() < 0.15:
            x = rng.uniform(plan.left_kerb, plan.right_kerb)
        found.append(pedestrian(x, z, _pick(_COATS, rng), _pick(_COATS, rng), rng.uniform(0.8, 1.1)))
    for _ in range(rng.integers(0, 4)):
        crossing = rng.random() < 0.35
        x = (
            rng.uniform(plan.left_kerb, plan.right_kerb)
            if crossing
            else plan.right_kerb - rng.uniform(0.4, 2.4)
        )
        found.append(bicyclist(x, rng.uniform(5, 30), _pick(_COATS, rng), _pick(_COATS, rng), crossing))
    return found


def _furniture(plan: Plan, rng: np.random.Generator) -> list[Figure]:
    found = []
    iron = np.full(3, rng.uniform(60, 150), np.float32)
    step, height = rng.uniform(12, 25), rng.uniform(5.5, 8)
    for kerb, outwards in ((plan.left_kerb, -1), (plan.right_kerb, 1)):
        if rng.random() < 0.75:
            for z in np.arange(rng.uniform(5, 15), 70, step).tolist():
                found.append(lamp(kerb + 0.5 * outwards, z, height, -1.8 * outwards, iron))
        for _ in range(rng.integers(0, 5)):
            face, rim = (_pick(_BRIGHT if rng.random() < 0.5 else _FRONTS, rng) for _ in range(2))
            place = kerb + rng.uniform(0.3, 0.9) * outwards, rng.uniform(6, 40)
            found.append(sign(*place, face, rim, rng.uniform(0.6, 1.1), rng.random() < 0.5, iron))
    for _ in range(rng.integers(0, 9)):
        green = np.array((rng.uniform(50, 110), rng.uniform(80, 120), rng.uniform(35, 70)), np.float32)
        found.append(tree(_on_sidewalk(plan, rng, 0.5), rng.uniform(7, 60), rng.uniform(3.5, 8), green))
    return found


def _on_sidewalk(plan: Plan, rng: np.random.Generator, first: float = 0.1) -> float:
    kerb, wall = (
        (plan.left_kerb, plan.left_wall) if rng.random() < 0.5 else (plan.right_kerb, plan.right_wall)
    )
    return kerb + (wall - kerb) * rng.uniform(first, 0.85)


def _lacquer(height_m: float, rng: np.random.Generator) -> Floats:
    if height_m > 2 or rng.random() < 0.2:
        return _pick(_FRONTS, rng)
    if rng.random() < 0.3:
        return _pick(_BRIGHT, rng) * np.float32(0.8)
    return np.full(3, rng.uniform(30, 190), np.float32)


def _developed(image: Floats, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Light and its tint, a lens that is not quite sharp, the noise of the sensor."""
    image *= (rng.uniform(0.62, 1.15) * rng.uniform(0.93, 1.07, 3)).astype(np.float32)
    image[:, 1:-1] = image[:, 1:-1] * np.float32(0.6) + (image[:, :-2] + image[:, 2:]) * np.float32(0.2)
    image[1:-1] = image[1:-1] * np.float32(0.6) + (image[:-2] + image[2:]) * np.float32(0.2)
    noise = rng.random(image.shape, np.float32) + rng.random(image.shape, np.float32) - 1
    image += noise * np.float32(rng.uniform(3, 16))
    return np.clip(image, 0, 255).astype(np.uint8)


def _pick(colours: Floats, rng: np.random.Generator) -> Floats:
    """One of several colours, a little changed."""
    chosen: Floats = colours[rng.integers(0, len(colours))] * np.float32(rng.uniform(0.8, 1.2))
    return chosen


def _part(x: Floats) -> Floats:
    """The fraction of a number, also of negative ones."""
    part: Floats = x - np.floor(x)
    return part
