"""Schedules of learning rates and temperatures over a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

Kind = Literal["cosine", "poly", "linear", "exponential", "constant"]


def schedule(kind: Kind, first: float, last: float, power: float = 0.9) -> Callable[[float], float]:
    """A function from the progress of a run, 0 to 1, to a value that moves from `first` to `last`.

    `power` applies to "poly"; "constant" stays at `first`. Raises ValueError for an unknown kind, and for
    "exponential" with values <= 0.
    """
    if kind == "exponential" and min(first, last) <= 0:
        raise ValueError(f"an exponential schedule needs values > 0, got {first} to {last}")
    shapes: dict[str, Callable[[float], float]] = {
        "cosine": lambda p: last + (first - last) * (1 + math.cos(math.pi * p)) / 2,
        "poly": lambda p: last + (first - last) * (1 - p) ** power,
        "linear": lambda p: first + (last - first) * p,
        "exponential": lambda p: first * (last / first) ** p,
        "constant": lambda p: first,
    }
    if kind not in shapes:
        raise ValueError(f"unknown schedule `{kind}`")
    value = shapes[kind]
    return lambda progress: value(min(1.0, max(0.0, progress)))
