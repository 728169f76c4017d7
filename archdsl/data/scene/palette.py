"""Classes and colours of generated scenes."""

from __future__ import annotations

import numpy as np

from archdsl.data.camvid import CLASSES
from archdsl.data.scene.canvas import Floats

BUILDING, POLE, ROAD, SIDEWALK, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(1, len(CLASSES))

FRONTS = np.array(
    [(150, 98, 78), (186, 168, 140), (134, 130, 128), (112, 104, 98), (176, 150, 116), (158, 158, 156),
     (128, 88, 74), (196, 188, 174)],
    np.float32,
)  # fmt: skip
COATS = np.array(
    [(60, 62, 78), (150, 60, 52), (52, 66, 60), (120, 112, 104), (190, 184, 174), (40, 40, 44)],
    np.float32,
)  # fmt: skip
BRIGHT = np.array([(196, 40, 36), (36, 78, 160), (222, 186, 40), (230, 230, 226)], np.float32)
"""Colours of house fronts (`FRONTS`), clothes (`COATS`), and signs and other bright objects (`BRIGHT`)."""


def picked(colours: Floats, rng: np.random.Generator) -> Floats:
    """A random one of several colours, with its brightness varied by up to 20 %."""
    chosen: Floats = colours[rng.integers(0, len(colours))] * np.float32(rng.uniform(0.8, 1.2))
    return chosen
