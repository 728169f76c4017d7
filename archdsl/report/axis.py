"""Scales of charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10


@dataclass(frozen=True)
class Axis:
    """A linear scale: maps the values from `low` to `high` to the pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, about: int, whole: bool = False) -> list[float]:
        """About `about` evenly spaced round numbers within the axis; integers if `whole`."""
        step = (self.high - self.low) / about
        magnitude = 10.0 ** floor(log10(step))
        step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= step * 0.999)
        step = max(1.0, step) if whole else step
        return [step * n for n in range(ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class LogAxis(Axis):
    """A logarithmic scale; all values must be positive."""

    def __call__(self, value: float) -> float:
        share = (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int, whole: bool = False) -> list[float]:
        """Powers of ten within the axis, and 2 and 5 times these, thinned to about `about` values."""
        powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
        for digits in ((1, 2, 5), (1,)):
            found = [d * 10.0**power for power in powers for d in digits]
            found = [value for value in found if self.low <= value <= self.high]
            if len(found) <= about + 2:
                return found
        return found[:: ceil(len(found) / about)]


def is_wide(values: Sequence[float]) -> bool:
    """Whether values suit a logarithmic scale: they are positive, and max >= 30 · min."""
    if not values or min(values) < 1e-150 or max(values) > 1e150:  # ratios of others may not be finite
        return False
    return max(values) >= 30 * min(values)
