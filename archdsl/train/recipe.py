"""Hyperparameters of a training, its optimizer, and its progress events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from archdsl.train.divergences import DistillLoss

Amp = Literal["bfloat16", "float16"]


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a training. `batch` is the total over all processes; `crop` is (height, width)."""

    crop: tuple[int, int]
    epochs: int = 100
    batch: int = 8
    lr: float = 0.01
    power: float = 0.9
    momentum: float = 0.9
    weight_decay: float = 5e-4
    loss: str = "ohem"
    """A loss of the main output, or a sum of losses of outputs: `ohem(logits) + 0.4 * bce(edge)`."""
    ema: float = 0.999
    """Decay of the exponential moving average of the weights, which is evaluated and saved; 0 disables it."""
    scale: tuple[float, float] = (0.5, 2.0)
    flip: bool = True
    colour: float = 0.0
    seed: int = 0
    amp: Amp | None = None
    channels_last: bool = False
    evaluate_every: int = 1
    """Epochs between evaluations; the last epoch is always evaluated."""
    class_weights: tuple[float, ...] | None = None
    """Class weights of the loss, in the dataset's order; None: uniform."""
    aux: Mapping[str, float] = field(default_factory=dict)
    """Loss weights of auxiliary outputs, by name; other auxiliary outputs are not trained."""
    distill_loss: DistillLoss | None = None
    """The distillation loss (`archdsl.train.divergences`); None without a teacher."""
    distill_weight: float = 1.0
    distill_temperature: float = 1.0
    checkpoint_every: int = 200
    """Steps between checkpoints; each epoch also ends with one."""


@dataclass(frozen=True)
class TrainProgress:
    """The progress of a training after a step, or, with `scores`, after an evaluation. Epochs count from 1.

    `scores` are the main scores of the outputs by name; the first one selects the best weights. `miou` and
    `iou` (per class) are those of a first output that predicts classes.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    lr: float
    miou: float | None = None
    iou: tuple[float | None, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)


def optimiser(module: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """SGD with momentum. Weight decay applies to kernels, but not to biases and normalization parameters."""
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
