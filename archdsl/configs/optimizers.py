"""Settings of optimizers of weights and of architecture parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Optimizer:
    """An optimizer with a learning rate, constant or on a schedule, and weight decay in the gradient."""

    lr: float | None = setting(
        "number", "learning rate at the start", usual="1e-3 of the architecture, 0.025 of the weights"
    )
    end: float | None = setting("number", "learning rate at the end", usual="as `lr`")
    schedule: Any = setting("word", "from `lr` to `end`", group="schedules", usual="cosine")
    decay: float = setting("number", "weight decay, added to the gradient", 0.0)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (arXiv:1412.6980)."""

    betas: tuple[float, float] = setting(
        "pair", "decay of the means of gradients", (0.5, 0.999), high=0.999999
    )


@dataclass(frozen=True)
class Sgd(Optimizer):
    """Stochastic gradient descent with momentum."""

    momentum: float = setting("number", "momentum", 0.9, high=0.999999)
