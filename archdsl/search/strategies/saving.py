"""Converts parts of the states of strategies: random generators to JSON values, and networks to arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from archdsl.search.strategies.base import Outcomes


def rng_state(rng: Random) -> list[Any]:
    """The state of a random generator, as JSON values."""
    version, words, gauss = rng.getstate()
    return [version, list(words), gauss]


def set_rng_state(rng: Random, state: list[Any]) -> None:
    version, words, gauss = state
    rng.setstate((version, tuple(words), gauss))


def as_array(networks: Iterable[Outcomes], decisions: int) -> Any:
    """Networks as an int32 array, N × decisions."""
    import numpy as np

    return np.array(list(networks), np.int32).reshape(-1, decisions)


def from_array(array: Any) -> Iterator[Outcomes]:
    """Yields the networks in an array returned by `as_array`."""
    return map(tuple, array.tolist())
