"""What stands and moves in a street: cars, people, bicyclists, poles with signs, trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from archdsl.data.camvid import CLASSES
from archdsl.data.canvas import Canvas, Paint, Upright

BUILDING, POLE, ROAD, SIDEWALK, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(1, len(CLASSES))

_DARK = (28.0, 28.0, 32.0)
_GLASS = (58.0, 70.0, 84.0)
_SKIN = (176.0, 132.0, 108.0)


@dataclass(frozen=True)
class Figure:
    """Something at a depth; `draw` paints it."""

    z_m: float
    draw: Callable[[Canvas], None]


def car(x_m: float, z_m: float, colour: Paint, height_m: float = 1.45, oncoming: bool = False) -> Figure:
    """A car seen along the street: slices from its far end to its near end."""
    length = 4.2 if height_m < 2 else 9.0
    paint = np.asarray(colour, np.float32)

    def draw(canvas: Canvas) -> None:
        canvas.shadow(x_m, z_m, 1.0, length)
        slices = int(min(10, max(2, 45 / z_m)))
        for n in range(slices, -1, -1):
            share = n / slices
            plane = canvas.upright(z_m + length * share, x_m - 1, x_m + 1, 0, height_m)
            if not plane.empty:
                _section(plane, x_m, share, paint if n == 0 else paint * 0.82, height_m)
        if not plane.empty:
            _rear(plane, x_m, (235, 230, 200) if oncoming else (200, 40, 35))

    return Figure(z_m, draw)


def _section(plane: Upright, x_m: float, share: float, paint: Paint, height_m: float) -> None:
    """A slice of a car: wheels, body, and but for bonnet and boot a cabin with windows."""
    body = 0.95 if height_m < 2 else height_m
    if share < 0.25 or 0.7 < share < 0.9:
        tyres = plane.box(x_m - 0.9, x_m - 0.66, 0, 0.4) | plane.box(x_m + 0.66, x_m + 0.9, 0, 0.4)
        plane.paint(tyres, _DARK, CAR)
    plane.paint(plane.box(x_m - 0.9, x_m + 0.9, 0.25, body), paint, CAR)
    if height_m > 2 or 0.1 < share < 0.75:
        plane.paint(plane.box(x_m - 0.74, x_m + 0.74, 0.9, height_m), paint, CAR)
        plane.paint(plane.box(x_m - 0.7, x_m + 0.7, height_m - 0.5, height_m - 0.1), _GLASS, CAR)


def _rear(plane: Upright, x_m: float, lamps: Paint) -> None:
    both = plane.box(x_m - 0.85, x_m - 0.6, 0.6, 0.8) | plane.box(x_m + 0.6, x_m + 0.85, 0.6, 0.8)
    plane.paint(both, lamps, CAR)
    plane.paint(plane.box(x_m - 0.25, x_m + 0.25, 0.4, 0.55), (210, 205, 180), CAR)


def pedestrian(x_m: float, z_m: float, coat: Paint, trousers: Paint, size: float = 1.0) -> Figure:
    def draw(canvas: Canvas) -> None:
        canvas.shadow(x_m, z_m, 0.3, 0.4)
        plane = canvas.upright(z_m, x_m - 0.4, x_m + 0.4, 0, 1.9 * size)
        for side in (-0.1, 0.1):
            foot = x_m + side * size
            plane.paint(plane.box(foot - 0.08, foot + 0.08, 0, 0.9 * size), trousers, PEDESTRIAN)
        plane.paint(plane.disc(x_m, 1.12 * size, 0.25 * size, 1.5), coat, PEDESTRIAN)
        plane.paint(plane.disc(x_m, 1.62 * size, 0.13 * size, 1.2), _SKIN, PEDESTRIAN)

    return Figure(z_m, draw)


def bicyclist(x_m: float, z_m: float, coat: Paint, trousers: Paint, crossing: bool) -> Figure:
    """From behind it is a pedestrian but for what is below the knees."""

    def draw(canvas: Canvas) -> None:
        canvas.shadow(x_m, z_m, 0.8 if crossing else 0.3, 0.6)
        plane = canvas.upright(z_m, x_m - 1, x_m + 1, 0, 2)
        if crossing:
            for hub in (-0.52, 0.52):
                plane.paint(plane.disc(x_m + hub, 0.34, 0.34), _DARK, BICYCLIST)
            plane.paint(plane.box(x_m - 0.45, x_m + 0.45, 0.55, 0.68), coat, BICYCLIST)
        else:
            plane.paint(plane.box(x_m - 0.05, x_m + 0.05, 0, 0.7), _DARK, BICYCLIST)
            plane.paint(plane.box(x_m - 0.3, x_m + 0.3, 0.98, 1.06), _DARK, BICYCLIST)
        plane.paint(plane.box(x_m - 0.14, x_m + 0.14, 0.45, 1.0), trousers, BICYCLIST)
        plane.paint(plane.disc(x_m + (0.1 if crossing else 0), 1.22, 0.25, 1.4), coat, BICYCLIST)
        plane.paint(plane.disc(x_m + (0.2 if crossing else 0), 1.7, 0.13, 1.2), _SKIN, BICYCLIST)

    return Figure(z_m, draw)


def lamp(x_m: float, z_m: float, height_m: float, reach_m: float, colour: Paint) -> Figure:
    """A pole with an arm over the street, which `reach_m` is the signed length of."""

    def draw(canvas: Canvas) -> None:
        arm = sorted((x_m, x_m + reach_m))
        plane = canvas.upright(z_m, arm[0] - 0.2, arm[1] + 0.2, 0, height_m + 0.2)
        plane.paint(plane.box(x_m - 0.08, x_m + 0.08, 0, height_m), colour, POLE)
        thick = max(0.12, plane.pixel_m)
        plane.paint(plane.box(arm[0], arm[1], height_m - thick, height_m), colour, POLE)

    return Figure(z_m, draw)


def sign(x_m: float, z_m: float, face: Paint, rim: Paint, width_m: float, round: bool, pole: Paint) -> Figure:
    """A sign on a pole, of any colour that a house may have too."""

    def draw(canvas: Canvas) -> None:
        plane = canvas.upright(z_m, x_m - width_m, x_m + width_m, 0, 2.3 + 2 * width_m)
        plane.paint(plane.box(x_m - 0.05, x_m + 0.05, 0, 2.4), pole, POLE)
        half, middle = width_m / 2, 2.3 + width_m / 2
        for part, colour in ((1.0, rim), (0.68, face)):
            r = half * part
            square = plane.box(x_m - r, x_m + r, middle - r, middle + r)
            plane.paint(plane.disc(x_m, middle, r) if round else square, colour, SIGN)

    return Figure(z_m, draw)


def tree(x_m: float, z_m: float, height_m: float, colour: Paint) -> Figure:
    """A trunk, and a crown with holes and a ragged rim."""

    def draw(canvas: Canvas) -> None:
        radius = height_m * 0.32
        plane = canvas.upright(z_m, x_m - radius * 1.3, x_m + radius * 1.3, 0, height_m * 1.15)
        if plane.empty:
            return
        plane.paint(plane.box(x_m - 0.16, x_m + 0.16, 0, height_m * 0.6), (84, 68, 54), TREE)
        leaves = canvas.leaves[plane.at]
        dx, dy = (plane.x - x_m) / radius, (plane.y - height_m * 0.68) / (radius * 1.15)
        crown = dx * dx + dy * dy < 0.55 + 0.9 * leaves
        light = (0.55 + 0.7 * leaves + 0.1 * dy)[..., None]
        plane.paint(crown, np.asarray(colour, np.float32) * light, TREE)

    return Figure(z_m, draw)
