"""The layout of a street in metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FAR_M = 90.0
"""The depth at which the street ends, in metres."""


@dataclass(frozen=True)
class Plan:
    """The x of kerbs and house fronts and the width of a lane, in metres; x is negative on the left."""

    left_kerb: float
    right_kerb: float
    left_wall: float
    right_wall: float
    lane: float


def planned(rng: np.random.Generator) -> Plan:
    lane = rng.uniform(2.9, 3.6)
    right = lane / 2 + (2.1 if rng.random() < 0.6 else 0.4)
    left = -lane * 1.5 - (2.1 if rng.random() < 0.6 else 0.4)
    return Plan(left, right, left - rng.uniform(2.5, 6), right + rng.uniform(2.5, 6), lane)
