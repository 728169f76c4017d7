"""Scales of charts."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10


@dataclass(frozen=True)
class Axis:
    """A scale from values to places in the picture."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, about: int, whole: bool = False) -> list[float]:
        """Round numbers within the axis."""
        step = (self.high - self.low) / about
        magnitude = 10.0 ** floor(log10(step))
        step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= step * 0.999)
        step = max(1.0, step) if whole else step
        return [step * n for n in range(ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9) + 1)]
