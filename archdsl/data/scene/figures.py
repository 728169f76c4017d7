"""Objects of a street: cars, people, bicyclists, poles with signs, trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from archdsl.data.scene.canvas import Canvas, Paint, Upright
from archdsl.data.scene.palette import BICYCLIST, CAR, PEDESTRIAN, POLE, SIGN, TREE

_DARK = (28.0, 28.0, 32.0)
_GLASS = (58.0, 70.0, 84.0)
_SPOKES = (120.0, 118.0, 116.0)
_SKIN = (176.0, 132.0, 108.0)


@dataclass(frozen=True)
class Figure:
    """An object at depth `z_m`, with the function `draw` that paints it on a canvas."""

    z_m: float
    draw: Callable[[Canvas], None]


def car(x_m: float, z_m: float, colour: Paint, height_m: float = 1.45, oncoming: bool = False) -> Figure:
    """A car, or a bus if `height_m` >= 2, seen from behind or, if `oncoming`, from the front.

    Painted as cross-sections from the far end to the near end.
    """
    length = 4.2 if height_m < 2 else 9.0
    near = np.asarray(colour, np.float32)
    side = near * np.float32(0.82)

    def draw(canvas: Canvas) -> None:
        canvas.shadow(x_m, z_m, 1.0, length)
        slices = int(min(10, max(2, 45 / z_m)))
        for n in range(slices, -1, -1):
            plane = Upright(canvas, z_m + length * n / slices)
            _section(plane, x_m, n / slices, side if n else near, height_m)
        _rear(plane, x_m, (235, 230, 200) if oncoming else (200, 40, 35))

    return Figure(z_m, draw)


def _section(plane: Upright, x_m: float, share: float, paint: Paint, height_m: float) -> None:
    """Paints a cross-section of a car at a fraction `share` of its length: wheels, body and cabin."""
    body = 0.95 if height_m < 2 else height_m
    if share < 0.25 or 0.7 < share < 0.9:
        plane.box(x_m - 0.9, x_m - 0.66, 0, 0.4, _DARK, CAR)
        plane.box(x_m + 0.66, x_m + 0.9, 0, 0.4, _DARK, CAR)
    plane.box(x_m - 0.9, x_m + 0.9, 0.25, body, paint, CAR)
    if height_m > 2 or 0.1 < share < 0.75:
        plane.box(x_m - 0.74, x_m + 0.74, 0.9, height_m, paint, CAR)
        plane.box(x_m - 0.7, x_m + 0.7, height_m - 0.5, height_m - 0.1, _GLASS, CAR)


def _rear(plane: Upright, x_m: float, lamps: Paint) -> None:
    plane.box(x_m - 0.85, x_m - 0.6, 0.6, 0.8, lamps, CAR)
    plane.box(x_m + 0.6, x_m + 0.85, 0.6, 0.8, lamps, CAR)
    plane.box(x_m - 0.25, x_m + 0.25, 0.4, 0.55, (210, 205, 180), CAR)


def pedestrian(x_m: float, z_m: float, coat: Paint, trousers: Paint, size: float = 1.0) -> Figure:
    """A pedestrian; `size` is 1 for 1.8 m."""

    def draw(canvas: Canvas) -> None:
        canvas.shadow(x_m, z_m, 0.2, 0.3)
        plane = Upright(canvas, z_m)
        for side in (-0.1, 0.1):
            foot = x_m + side * size
            plane.box(foot - 0.08, foot + 0.08, 0, 0.9 * size, trousers, PEDESTRIAN)
        plane.disc(x_m, 1.12 * size, 0.25 * size, coat, PEDESTRIAN, 1.5)
        plane.disc(x_m, 1.62 * size, 0.13 * size, _SKIN, PEDESTRIAN, 1.2)

    return Figure(z_m, draw)


def bicyclist(x_m: float, z_m: float, coat: Paint, trousers: Paint, crossing: bool) -> Figure:
    """A bicyclist, seen from the side if `crossing`; from behind, similar to a pedestrian above the knees."""
    lean = 0.1 if crossing else 0.0

    def draw(canvas: Canvas) -> None:
        plane = Upright(canvas, z_m)
        if crossing:
            canvas.shadow(x_m, z_m, 0.8, 0.3)
            _wheels(plane, x_m)
            plane.box(x_m - 0.45, x_m + 0.45, 0.6, 0.68, coat, BICYCLIST)
        else:
            canvas.shadow(x_m, z_m, 0.1, 1.5)
            plane.box(x_m - 0.05, x_m + 0.05, 0, 0.7, _DARK, BICYCLIST)
            plane.box(x_m - 0.3, x_m + 0.3, 0.98, 1.06, _DARK, BICYCLIST)
        plane.box(x_m - 0.14, x_m + 0.14, 0.45, 1.0, trousers, BICYCLIST)
        plane.disc(x_m + lean, 1.22, 0.25, coat, BICYCLIST, 1.4)
        plane.disc(x_m + 2 * lean, 1.7, 0.13, _SKIN, BICYCLIST, 1.2)

    return Figure(z_m, draw)


def _wheels(plane: Upright, x_m: float) -> None:
    for hub in (x_m - 0.52, x_m + 0.52):
        plane.disc(hub, 0.34, 0.34, _DARK, BICYCLIST)
        plane.disc(hub, 0.34, 0.26, _SPOKES, BICYCLIST)


def lamp(x_m: float, z_m: float, height_m: float, reach_m: float, colour: Paint) -> Figure:
    """A street lamp: a pole with an arm of length `reach_m`, to the left if negative."""

    def draw(canvas: Canvas) -> None:
        plane = Upright(canvas, z_m)
        left, right = sorted((x_m, x_m + reach_m))
        plane.box(x_m - 0.11, x_m + 0.11, 0, height_m, colour, POLE)
        plane.box(left, right, height_m - 0.15, height_m, colour, POLE)

    return Figure(z_m, draw)


def sign(x_m: float, z_m: float, face: Paint, rim: Paint, width_m: float, round: bool, pole: Paint) -> Figure:
    """A traffic sign on a pole, round or square, in colours that houses have too."""
    middle = 2.3 + width_m / 2

    def draw(canvas: Canvas) -> None:
        plane = Upright(canvas, z_m)
        plane.box(x_m - 0.07, x_m + 0.07, 0, 2.4, pole, POLE)
        for r, colour in ((width_m * 0.5, rim), (width_m * 0.34, face)):
            if round:
                plane.disc(x_m, middle, r, colour, SIGN)
            else:
                plane.box(x_m - r, x_m + r, middle - r, middle + r, colour, SIGN)

    return Figure(z_m, draw)


def tree(x_m: float, z_m: float, height_m: float, colour: Paint) -> Figure:
    """A tree: a trunk and a crown."""

    def draw(canvas: Canvas) -> None:
        plane = Upright(canvas, z_m)
        plane.box(x_m - 0.16, x_m + 0.16, 0, height_m * 0.6, (84, 68, 54), TREE)
        plane.crown(x_m, height_m * 0.68, height_m * 0.32, colour, TREE)

    return Figure(z_m, draw)
