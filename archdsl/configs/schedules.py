"""Settings of schedules, of learning rates and of temperatures."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Schedule:
    """From a first value to a last one."""

    lr: float | None = setting("number", "first value, of learning rates", usual="that of the optimizer")
    end: float | None = setting("number", "last value", usual="that beside the schedule")


@dataclass(frozen=True)
class Poly(Schedule):
    """last + (first − last) · (1 − progress)^power."""

    power: float = setting("number", "exponent of the progress that is left", 0.9)
