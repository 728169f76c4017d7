"""Some steps ahead of a search: how long it will take, and how much memory."""

from __future__ import annotations

import copy
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from archdsl.data.batches import whole
from archdsl.train.evaluation import at_size, demand_fitting, logits_of

if TYPE_CHECKING:
    from archdsl.search.differentiable.driver import Search

MOST_STEPS = 6
MOST_SECONDS = 4.0
"""Of the steps that are timed; one is, however long it takes."""


@dataclass(frozen=True)
class Forecast:
    """Seconds of a step, seconds at the end of an epoch, and bytes of the process."""

    step_s: float
    epoch_s: float
    memory: int

    def left_s(self, steps: int, epochs: int) -> float:
        """How long so many steps and ends of epochs take."""
        return self.step_s * steps + self.epoch_s * epochs


def forecast(search: Search) -> Forecast:
    """What a search takes here, by some of its own steps; the search is as it was before.

    The first step, and the first image that is scored, are not counted: they make what is made once, such
    as code and memory.  Of the others the median counts.
    """
    state = copy.deepcopy(search.net.state_dict())
    batch = search.batches.batch(search.step)

    def step(number: int) -> None:
        for _ in range(1 + search.config.order):  # first-order bilevel has a second backward pass
            _, _, loss = search.stepper.losses(batch, search.stepper.learner.draw(search.step + number, 0))
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]

    step_s = _median_of(step, search.processes.device)
    search.net.load_state_dict(state)
    for module in (search.net, search.architecture):
        module.zero_grad(set_to_none=True)
    return Forecast(step_s, _end_of_epoch(search), _memory(search.processes.device))


def _median_of(call: Callable[[int], None], device: torch.device) -> float:
    """The median of the seconds of calls, without the first."""
    seconds: list[float] = []
    for number in range(1 + MOST_STEPS):
        began = time.perf_counter()
        call(number)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if number:
            seconds.append(time.perf_counter() - began)
        if seconds and sum(seconds) > MOST_SECONDS:
            break
    return statistics.median(seconds)


def _end_of_epoch(search: Search) -> float:
    """Seconds of deriving a network, of its running statistics, and of scoring it on all images."""
    began = time.perf_counter()
    module = search.recalibrated(search.likeliest())
    made_s = time.perf_counter() - began
    sample = whole(search.splits.val, 0)
    height, width = sample.images_B3HW.shape[-2:]
    fit = demand_fitting(module, (height, width))
    images_B3HW = sample.images_B3HW.to(search.processes.device)

    @torch.inference_mode()
    def score(_number: int) -> None:
        at_size(logits_of(module, images_B3HW, fit), (height, width)).argmax(1).cpu()

    return made_s + _median_of(score, search.processes.device) * len(search.splits.val)


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
