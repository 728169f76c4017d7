"""The optimizers of a differentiable search, and their learning rate schedules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from archdsl.runs.processes import Processes
from archdsl.search.config import Optimiser
from archdsl.train.schedules import schedule


def optimiser(
    settings: Optimiser, params: Iterable[nn.Parameter], others: Iterable[nn.Parameter] = (), lr: float = 0.0
) -> torch.optim.Optimizer:
    """Creates Adam, or SGD with momentum; weight decay is added to the gradient (not decoupled).

    The learning rate of the parameters `others` starts at `lr`, and is scaled by the same schedule.
    """
    groups: list[dict[str, Any]] = [
        {"params": list(params), "times": 1.0},
        {"params": list(others), "times": lr / settings.lr if settings.lr else 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if settings.kind == "adam":
        return torch.optim.Adam(groups, settings.lr, settings.betas, weight_decay=settings.decay)
    return torch.optim.SGD(groups, settings.lr, settings.momentum, weight_decay=settings.decay)


def change(by: torch.optim.Optimizer, processes: Processes, clip: float) -> None:
    """Runs an optimizer step; averages gradients over processes, and clips their norm to `clip`, if > 0."""
    params = [p for group in by.param_groups for p in group["params"]]
    processes.mean_gradients(params)
    if clip > 0:
        nn.utils.clip_grad_norm_(params, clip)
    by.step()


def set_rates(by: torch.optim.Optimizer, settings: Optimiser, progress: float) -> None:
    """Sets the learning rates of an optimizer for a progress from 0 (start) to 1 (end)."""
    for group in by.param_groups:
        group["lr"] = rate(settings, progress) * group["times"]


def rate(settings: Optimiser, progress: float) -> float:
    """The learning rate at a progress from 0 (start) to 1 (end)."""
    if settings.end is None:
        return settings.lr
    return schedule(settings.schedule, settings.lr, settings.end, settings.power)(progress)
