"""Optimisers of a search, and their rates over its progress."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from archdsl.search.plan import Optimiser
from archdsl.train.schedules import schedule


def optimiser(settings: Optimiser, params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Adam, or SGD with momentum, both with weight decay in the gradient."""
    wanted = list(params)
    if settings.kind == "adam":
        return torch.optim.Adam(wanted, settings.lr, settings.betas, weight_decay=settings.decay)
    return torch.optim.SGD(wanted, settings.lr, settings.momentum, weight_decay=settings.decay)


def rate(settings: Optimiser, progress: float) -> float:
    """The learning rate at a point between 0, the start, and 1, the end."""
    if settings.end is None:
        return settings.lr
    return schedule(settings.schedule, settings.lr, settings.end)(progress)
