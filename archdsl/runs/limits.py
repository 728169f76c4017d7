"""The ranges of numeric settings of trainings, which the command line and the reader of manifests check."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archdsl.diagnostics import Diagnostic, SpecError


@dataclass(frozen=True)
class Limit:
    """A range of integers or decimals (`kind`) from `low` to `high`, with open or closed ends."""

    kind: type
    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def holds(self, value: object) -> bool:
        """Whether a value is a finite number of this kind in the range; integers count as decimals."""
        if isinstance(value, bool) or not isinstance(value, int if self.kind is int else int | float):
            return False
        if not math.isfinite(value):
            return False
        if value < self.low or value > self.high:
            return False
        return not (self.low_open and value == self.low) and not (self.high_open and value == self.high)

    def __str__(self) -> str:
        what = "an integer" if self.kind is int else "a number"
        if not self.low_open and not self.high_open:
            return f"{what} from {_figure(self.low)} to {_figure(self.high)}"
        low, high = ">" if self.low_open else ">=", "<" if self.high_open else "<="
        return f"{what} {low} {_figure(self.low)} and {high} {_figure(self.high)}"


LIMITS: dict[str, Limit] = {
    "epochs": Limit(int, 1, 1_000_000),
    "batch": Limit(int, 1, 65_536),
    "lr": Limit(float, 0, 1000, low_open=True),
    "power": Limit(float, 0, 100),
    "momentum": Limit(float, 0, 1, high_open=True),
    "weight_decay": Limit(float, 0, 1000),
    "ema": Limit(float, 0, 1, high_open=True),
    "scale": Limit(float, 0, 100, low_open=True),
    "colour": Limit(float, 0, 1),
    "seed": Limit(int, 0, 2**32 - 1),
    "distill_weight": Limit(float, 0, 1000, low_open=True),
    "distill_temperature": Limit(float, 0, 1000, low_open=True),
    "evaluate_every": Limit(int, 1, 1_000_000),
    "checkpoint_every": Limit(int, 1, 1_000_000_000),
}


def demand_within(settings: Mapping[str, Any], where: str = "") -> None:
    """Raises SpecError (ARCH933) for settings that are out of range; `where` precedes each message."""
    found = [
        Diagnostic("ARCH933", f"{where}`{name}` must be {LIMITS[name]}, got {_shown(value)}")
        for name, value in _numbers(settings)
        if not LIMITS[name].holds(value)
    ]
    if found:
        raise SpecError(found)


def _numbers(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in LIMITS.keys() & settings.keys():
        value = settings[name]
        for one in value if name == "scale" and isinstance(value, list | tuple) else [value]:
            yield name, one


def _figure(value: float) -> str:
    return f"{value:,}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
