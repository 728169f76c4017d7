"""Configs of the schedules of learning rates and temperatures."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Schedule:
    """A schedule that moves a learning rate or temperature from an initial to a final value."""

    lr: float | None = setting(
        "number", "initial learning rate; not for temperatures", usual="`lr` of the optimizer"
    )
    end: float | None = setting("number", "final value", usual="`end` of the optimizer or sampler")


@dataclass(frozen=True)
class Poly(Schedule):
    """Polynomial decay: last + (first − last) · (1 − progress)^power, with progress from 0 to 1."""

    power: float = setting("number", "exponent of the remaining fraction (1 − progress)", 0.9)
