"""Units: for each, its dimension and its factor to the base unit."""

from __future__ import annotations

from dataclasses import dataclass

UNITS: dict[str, tuple[str, float]] = {
    "K": ("count", 1e3),
    "M": ("count", 1e6),
    "G": ("count", 1e9),
    "T": ("count", 1e12),
    "ns": ("time", 1e-6),
    "us": ("time", 1e-3),
    "ms": ("time", 1.0),
    "s": ("time", 1e3),
    "min": ("time", 60e3),
    "h": ("time", 3600e3),
    "fps": ("rate", 1.0),
    "B": ("size", 1.0),
    "KB": ("size", 1e3),
    "MB": ("size", 1e6),
    "GB": ("size", 1e9),
    "TB": ("size", 1e12),
    "KiB": ("size", 2.0**10),
    "MiB": ("size", 2.0**20),
    "GiB": ("size", 2.0**30),
    "TiB": ("size", 2.0**40),
}
"""For each unit, its dimension and the number of base units: 1 for counts, ms, frames per second, bytes."""


MEASURES = {"params": "count", "macs": "count", "flops": "count", "latency": "time", "rate": "rate"}
"""The network-wide measures that a requirement or an objective may refer to, with their dimensions."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a dimension, in base units."""

    amount: float
    dimension: str
    text: str

    def __str__(self) -> str:
        return self.text


def quantity(value: int | float, unit: str) -> Quantity:
    """The quantity that is written as `value unit`. Raises KeyError for an unknown unit."""
    dimension, factor = UNITS[unit]
    amount = value * factor
    if dimension == "count" and amount == int(amount):
        amount = int(amount)
    space = "" if dimension == "count" else " "
    return Quantity(amount, dimension, f"{value}{space}{unit}")
