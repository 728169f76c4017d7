"""How a network is trained: the settings, the optimiser that they make, and what a run tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from archdsl.train.losses import Loss

Amp = Literal["bfloat16", "float16"]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.  `batch` counts the images of all processes; `crop` is (height, width)."""

    crop: tuple[int, int]
    epochs: int = 100
    batch: int = 8
    lr: float = 0.01
    power: float = 0.9
    momentum: float = 0.9
    weight_decay: float = 5e-4
    loss: Loss = "ohem"
    ema: float = 0.999
    """Decay of the average of the weights, which is what is evaluated and kept; 0 for none."""
    scale: tuple[float, float] = (0.5, 2.0)
    flip: bool = True
    colour: float = 0.0
    seed: int = 0
    amp: Amp | None = None
    channels_last: bool = False
    evaluate_every: int = 1
    """Epochs between evaluations; the last epoch is always evaluated."""
    class_weights: tuple[float, ...] | None = None
    """What each class counts in the loss, in the order of the data's classes; None: the same."""
    aux: Mapping[str, float] = field(default_factory=dict)
    """What the loss of each further output counts, by its name; others are not trained."""
    checkpoint_every: int = 200
    """Steps between checkpoints; the end of an epoch always has one."""


@dataclass(frozen=True)
class Progress:
    """What happened: after a step, or, where `miou` is there, after an evaluation.  Epochs count from 1."""

    step: int
    steps: int
    epoch: int
    loss: float
    lr: float
    miou: float | None = None
    iou: tuple[float | None, ...] = ()


def optimiser(module: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """SGD with momentum.  Kernels decay; biases, and the parameters of normalisations, do not."""
    params = [p for p in module.parameters() if p.requires_grad]
    kernels = [p for p in params if p.dim() > 1]
    rest = [p for p in params if p.dim() <= 1]
    groups: list[dict[str, Any]] = [
        {"params": kernels, "weight_decay": recipe.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        [group for group in groups if group["params"]], lr=recipe.lr, momentum=recipe.momentum
    )
