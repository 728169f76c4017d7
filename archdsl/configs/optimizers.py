"""Configs of the optimizers of weights and of architecture parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Optimizer:
    """Common settings: a constant or scheduled learning rate, and weight decay added to the gradient."""

    lr: float | None = setting(
        "number", "initial learning rate", usual="1e-3 for the architecture, 0.025 for weights"
    )
    end: float | None = setting("number", "final learning rate", usual="as `lr`")
    schedule: Any = setting(
        "word", "learning rate schedule from `lr` to `end`", group="schedules", usual="cosine"
    )
    decay: float = setting("number", "weight decay, added to the gradient", 0.0)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (arXiv:1412.6980)."""

    betas: tuple[float, float] = setting(
        "pair", "decay rates of the moment estimates", (0.5, 0.999), high=0.999999
    )


@dataclass(frozen=True)
class Sgd(Optimizer):
    """Stochastic gradient descent with momentum."""

    momentum: float = setting("number", "momentum", 0.9, high=0.999999)
