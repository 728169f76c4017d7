"""Objects on a street: traffic, people, poles, signs and trees."""

from __future__ import annotations

import numpy as np

from archdsl.data.scene.canvas import Floats
from archdsl.data.scene.figures import Figure, bicyclist, car, lamp, pedestrian, sign, tree
from archdsl.data.scene.palette import BRIGHT, COATS, FRONTS, picked
from archdsl.data.scene.plan import Plan


def figures(plan: Plan, rng: np.random.Generator) -> list[Figure]:
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
        x, z = _on_sidewalk(plan, rng), rng.uniform(4, 34)
        if rng.random() < 0.15:
            x = rng.uniform(plan.left_kerb, plan.right_kerb)
        found.append(pedestrian(x, z, picked(COATS, rng), picked(COATS, rng), rng.uniform(0.8, 1.1)))
    for _ in range(rng.integers(0, 4)):
        crossing = rng.random() < 0.35
        x = (
            rng.uniform(plan.left_kerb, plan.right_kerb)
            if crossing
            else plan.right_kerb - rng.uniform(0.4, 2.4)
        )
        found.append(bicyclist(x, rng.uniform(4.5, 24), picked(COATS, rng), picked(COATS, rng), crossing))
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
            face, rim = (picked(BRIGHT if rng.random() < 0.5 else FRONTS, rng) for _ in range(2))
            place = kerb + rng.uniform(0.3, 0.9) * outwards, rng.uniform(5, 32)
            found.append(sign(*place, face, rim, rng.uniform(0.7, 1.3), rng.random() < 0.5, iron))
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
        return picked(FRONTS, rng)
    if rng.random() < 0.3:
        return picked(BRIGHT, rng) * np.float32(0.8)
    return np.full(3, rng.uniform(30, 190), np.float32)
