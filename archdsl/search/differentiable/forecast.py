"""Estimates the duration and the memory of a search by running a few steps."""

from __future__ import annotations

import copy
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from archdsl.data.batches import whole
from archdsl.data.targets import read_maps
from archdsl.program import Network
from archdsl.runs.checkpoints import save_state
from archdsl.search.differentiable.driver import CHECKPOINT_STEPS
from archdsl.search.evaluators.from_scratch import FromScratch
from archdsl.train.evaluation import at_size, demand_fitting, graph_of, logits_of

if TYPE_CHECKING:
    from archdsl.search.differentiable.driver import Search

MOST_SAVED = 1 << 24
"""The maximum number of bytes written to time a checkpoint."""
MOST_STEPS = 6
MOST_SECONDS = 4.0
"""The time limit, in seconds, for the timed steps; at least one step is timed."""


@dataclass(frozen=True)
class Forecast:
    """Estimated seconds of a step and of the evaluation after an epoch, and memory of the process in bytes.

    `pretrain_step_s` are the seconds of a step of pretraining, `scratch_s` those of all trainings from
    scratch after the search: final training, and comparison with a baseline.
    """

    step_s: float
    epoch_s: float
    memory: int
    scratch_s: float = 0.0
    pretrain_step_s: float = 0.0

    def left_s(self, steps: int, epochs: int, pretraining: int = 0) -> float:
        """The seconds of `steps`, of `epochs`, of steps of pretraining, and of trainings from scratch."""
        trained = self.step_s * steps + self.pretrain_step_s * pretraining
        return trained + self.epoch_s * epochs + self.scratch_s


def forecast(search: Search, first: Callable[[], None] = lambda: None) -> Forecast:
    """Estimates time and memory of a search by running some of its steps; restores its state afterwards.

    `first` is called before the steps, and may train the search too. The first step, batch and scored image
    are not counted, since they include one-time work such as generated code, memory allocation and generated
    scenes; the median of the others is used. No more are run than the search has left, but at least two.
    Batches are prefetched during steps, and therefore counted only if they take longer.
    """
    state = copy.deepcopy(search.trainer.state())
    first()
    batch = search.batches.batch(search.step)
    began = time.perf_counter()
    search.batches.batch(search.step)
    batch_s = time.perf_counter() - began

    def taken_s(epoch: int, left: int) -> float:
        def step(number: int) -> None:
            search.trainer.rehearse(search.step + number, epoch, batch, search.held.batch)

        return max(batch_s, _median_of(step, left, search.processes.device))

    *pretraining, step_s = (taken_s(*phase) for phase in search.phases().items())
    save_s = _of_a_checkpoint(search)
    search.trainer.load_state(state)
    end_s, scratch_s = _end_of_epoch(search) + 2 * save_s, _from_scratch(search, batch_s)
    each_s = save_s / CHECKPOINT_STEPS
    pretrain_step_s = pretraining[0] + each_s if pretraining else 0.0
    memory = _memory(search.processes.device)
    return Forecast(step_s + each_s, end_s, memory, scratch_s, pretrain_step_s)


def _of_a_checkpoint(search: Search) -> float:
    """The seconds for writing a checkpoint, extrapolated from at most `MOST_SAVED` bytes."""
    size = sum(tensor.nbytes for tensor in _tensors(search.trainer.state()))
    part = max(1, min(size, MOST_SAVED))
    path = search.folder.path / ".forecast"
    began = time.perf_counter()
    save_state(path, {"part": torch.zeros(part, dtype=torch.uint8)})
    path.unlink()
    return (time.perf_counter() - began) * max(1.0, size / part)


def _tensors(state: Any) -> Iterator[torch.Tensor]:
    """Yields the tensors in nested dicts, lists and tuples."""
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, dict | list | tuple):
        for part in state.values() if isinstance(state, dict) else state:
            yield from _tensors(part)


def _median_of(call: Callable[[int], None], left: int, device: torch.device) -> float:
    """The median duration in seconds of several of `left` calls, not counting the first; each call gets its
    number, from 0.
    """
    seconds: list[float] = []
    for number in range(max(2, min(1 + MOST_STEPS, left))):
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
    """The seconds for deriving a network, recomputing its statistics, and scoring it, for all members."""
    began = time.perf_counter()
    module = search.recalibrated(search.most_probable())
    made_s = time.perf_counter() - began
    return (made_s + _scoring(search, module)) * len(search.members)


def _scoring(search: Search, module: nn.Module) -> float:
    """The seconds for scoring a network on all validation images, extrapolated from one of them."""
    sample = whole(search.splits.val, 0, inputs=read_maps(search.splits.val, graph_of(module)))
    height, width = sample.images_B3HW.shape[-2:]
    fit = demand_fitting(module, (height, width))
    images_B3HW = sample.images_B3HW.to(search.processes.device)

    @torch.inference_mode()
    def score(_number: int) -> None:
        at_size(logits_of(module, images_B3HW, fit), (height, width)).argmax(1).cpu()

    images = len(search.splits.val)
    return _median_of(score, images, search.processes.device) * images


def _from_scratch(search: Search, batch_s: float) -> float:
    """The seconds of the remaining trainings from scratch, estimated with the most probable network."""
    config = search.config
    tries = max(0, config.refine - len(search.tried))
    found = tries * config.refine_epochs, tries
    if search.baseline is not None and "found" not in search.compared:
        found = found[0] + config.epochs, found[1] + config.epochs
    total = _training(search, search.most_probable().network, batch_s, *found) if any(found) else 0.0
    if search.baseline is not None and "baseline" not in search.compared:
        total += _training(search, search.baseline, batch_s, config.epochs, config.epochs)
    return total


def _training(search: Search, network: Network, batch_s: float, epochs: int, scorings: int) -> float:
    """The seconds for training a network from scratch for `epochs`, and scoring it `scorings` times.

    `batch_s` are the seconds for preparing a batch.
    """
    device, each = search.processes.device, search.batches.steps_per_epoch
    training = FromScratch(network, search.trainer)
    batch = search.batches_for(network).batch(search.step)
    step_s = max(batch_s, _median_of(lambda _number: training.step(batch, 0.0), epochs * each, device))
    return epochs * each * step_s + scorings * _scoring(search, training.module.eval())


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
