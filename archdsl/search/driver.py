"""A differentiable search: weights and architecture trained together over one supernet.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import one_hot

from archdsl.backends.supernet import SuperNetwork
from archdsl.data.augmentation import Augmentation
from archdsl.data.batches import Batch, Batches, prefetched
from archdsl.data.dataset import IGNORE, Dataset, Splits
from archdsl.diagnostics import SpecError
from archdsl.program import Space
from archdsl.search.architecture import Architecture, Draw
from archdsl.search.extract import recalibrate
from archdsl.search.folder import SearchFolder
from archdsl.search.found import Found, derive
from archdsl.search.halves import Half
from archdsl.search.keeping import keep, write_text
from archdsl.search.objective import ObjectiveFunction
from archdsl.search.optimising import optimiser, rate
from archdsl.search.plan import Plan
from archdsl.search.progress import Progress, Report
from archdsl.search.samplers import by_decision, depths
from archdsl.train.evaluation import at_size, score
from archdsl.train.faults import Diverged, bad_parameter, demand_finite, explain_memory, is_out_of_memory
from archdsl.train.processes import Processes
from archdsl.train.recipe import Interrupted
from archdsl.train.recording import Journal
from archdsl.train.synchronised import synchronise

CHECKPOINT_STEPS = 100
"""Steps between checkpoints; the end of an epoch always has one."""


class Search:
    """One search.  `net` and `architecture` are trained in place."""

    def __init__(
        self, plan: Plan, space: Space, net: SuperNetwork, objective: ObjectiveFunction, splits: Splits,
        folder: SearchFolder, processes: Processes, seed: int = 0, amp: torch.dtype | None = None,
    ):  # fmt: skip
        self.plan, self.space, self.splits, self.folder = plan, space, splits, folder
        self.processes, self.seed, self.amp, self.objective = processes, seed, amp, objective
        self.samplers = by_decision(plan.sampler, plan.gates_from, plan.samplers, space.decisions)
        self.net = net.to(processes.device).train()
        still = [path for path, sampler in self.samplers.items() if not sampler.trains]
        self.architecture = Architecture(space.decisions, plan.communication, plan.init, seed, still).to(
            processes.device
        )
        processes.same_weights(self.net)
        synchronise(self.net, processes)
        self.gates = frozenset(depths(space.decisions))
        self.by_weights = optimiser(plan.parameters, self.net.parameters())
        self.by_architecture = optimiser(plan.architecture, self.architecture.parameters())
        self.batches, self.held = self._batches()
        self.steps = plan.epochs * self.batches.steps_per_epoch
        self.step = 0
        self.keeper = folder.checkpoints
        self.journal = Journal(folder.journal) if processes.is_first else None
        self.sums: list[float] = []

    def _batches(self) -> tuple[Batches, Batches]:
        """Batches for the weights and for the architecture: the same, or of a half of the data each."""
        height, width = self.crop
        settings = self.plan.data_settings
        scale, flip = settings.get("scale", (0.75, 1.5)), settings.get("flip", True)
        change = Augmentation((height, width), scale, flip)
        train: tuple[Dataset, Dataset] = (self.splits.train, self.splits.train)
        if self.plan.order == 1:
            train = Half(self.splits.train, 0), Half(self.splits.train, 1)
        rank, world = self.processes.rank, self.processes.world
        self.whole_batches = Batches(train[0], self.plan.batch, change, self.seed)
        first, second = (Batches(d, self.plan.batch, change, self.seed, rank, world) for d in train)
        return first, second

    @property
    def crop(self) -> tuple[int, int]:
        """Height and width of what is trained on: as the data says, else as the space declares its input."""
        _, height, width = next(iter(self.space.graph.inputs.values()))
        given = self.plan.data_settings.get("crop")
        return (int(given[0]), int(given[1])) if given else (height, width)

    # ------------------------------------------------------------ running

    def restore(self) -> int:
        """Takes the newest readable checkpoint, if there is one; returns the step it goes on after."""
        found = self.keeper.latest()
        if found is not None:
            self.step, state = found
            self.net.load_state_dict(state["net"])
            self.architecture.load_state_dict(state["architecture"])
            self.by_weights.load_state_dict(state["by_weights"])
            self.by_architecture.load_state_dict(state["by_architecture"])
            self.sums = list(state["sums"])
        if self.journal is not None:
            self.journal.cut(found[1]["journal"] if found else 0)
        return self.step

    def run(self, report: Report, stop: Callable[[], bool] = lambda: False) -> Found:
        """Searches to the end; returns what was found, whose text and weights are in the folder then.

        When `stop` says so, in any of the processes, a checkpoint is written and Interrupted raised.  Raises
        SpecError: ARCH915 where numbers are not finite any more, ARCH916 where memory does not suffice,
        ARCH917 where the disk is full.
        """
        started = time.monotonic()
        if self.step == 0:
            self._write(self._opening())
        try:
            for step, batch in self._ahead():
                now = self._step(step, batch)
                stopping = self._told(now, stop(), report)
                self._after(report)
                if stopping and self.step < self.steps:
                    raise Interrupted(self.step, self._save())
                if self._is_over(started):
                    break
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise SpecError([explain_memory(error, self.keeper.newest())]) from error
        return self.finish()

    def _ahead(self) -> Iterator[tuple[int, Batch]]:
        stream = prefetched(self.batches, self.step, self.steps)
        try:
            yield from stream
        finally:
            stream.close()  # type: ignore[attr-defined]

    def _is_over(self, started: float) -> bool:
        """Whether the time that the search was given is used up, looked at after each epoch."""
        if self.plan.budget_s is None or self.step % self.batches.steps_per_epoch:
            return False
        spent = torch.tensor(float(time.monotonic() - started > self.plan.budget_s))
        return bool(self.processes.sum(spent))

    def _opening(self) -> dict[str, Any]:
        decisions = {path: list(d.outcomes) for path, d in self.space.decisions.items()}
        return {"kind": "start", "decisions": decisions, "gates": sorted(self.gates), "cells": None}

    # ------------------------------------------------------------ one step

    def _step(self, step: int, batch: Batch) -> Progress:
        # What is random in layers depends on the step alone, so that a resumed search draws the same.
        torch.manual_seed((self.seed * 1_000_003 + step) * self.processes.world + self.processes.rank)
        epoch = step // self.batches.steps_per_epoch
        for group in self.by_weights.param_groups:
            group["lr"] = rate(self.plan.parameters, step / self.steps)
        for group in self.by_architecture.param_groups:
            group["lr"] = rate(self.plan.architecture, step / self.steps)
        draw = self.draw(step, epoch)
        if self.plan.order == 0:
            task, costs, loss = self.losses(batch, draw)
            told = self._checked(task, loss, batch, draw)
            self._backward(loss, [self.by_weights, self.by_architecture])
        else:
            _, _, held_loss = self.losses(self.held.batch(step), draw)
            self._backward(held_loss, [self.by_architecture])
            draw = self.draw(step, epoch)
            task, costs, loss = self.losses(batch, draw)
            told = self._checked(task, loss, batch, draw)
            self._backward(loss, [self.by_weights])
        self.step = step + 1
        named = self.objective.named(costs)
        return Progress(self.step, self.steps, epoch, self.plan.epochs, *told, named, self._depths())

    def _checked(
        self, task: torch.Tensor, loss: torch.Tensor, batch: Batch, draw: Draw
    ) -> tuple[float, float]:
        """The objective and the task's loss, means over the processes, before they change any weight."""
        both = self.processes.sum(torch.stack([loss.detach().double(), task.detach().double()]))
        mean, task_mean = (both / self.processes.world).tolist()
        demand_finite(
            mean, self.step + 1, self.net,
            lambda: self._logits(batch.images_B3HW.to(self.processes.device), draw), self.keeper.newest(),
        )  # fmt: skip
        return mean, task_mean

    def draw(self, step: int, epoch: int) -> Draw:
        """What a step uses: a function of the seed, the step and the architecture."""
        generator = torch.Generator().manual_seed((self.seed << 32) + step)
        by = {path: sampler.at(epoch, self.plan.epochs) for path, sampler in self.samplers.items()}
        return self.architecture.draw(by, generator)

    def tau(self, epoch: int) -> float:
        """The temperature of an epoch, of decisions that have no sampler of their own."""
        return self.plan.sampler.at(epoch, self.plan.epochs).tau

    def losses(self, batch: Batch, draw: Draw) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
        """The task's loss, the costs of the mean network, and the objective."""
        with self._precision():
            logits_BKHW = self._logits(batch.images_B3HW.to(self.processes.device), draw)
            masks_BHW = batch.masks_BHW.to(self.processes.device)
            height, width = masks_BHW.shape[-2:]
            task = self.objective.task(at_size(logits_BKHW, (height, width)), masks_BHW)
            task = task * self.processes.share((masks_BHW != IGNORE).sum())
        costs = self.objective.cost_values(draw.weights)
        return task, costs, self.objective.value(task, costs)

    def _logits(self, images_B3HW: torch.Tensor, draw: Draw) -> torch.Tensor:
        if draw.outcomes is None:
            logits_BKHW: torch.Tensor = self.net(images_B3HW, weights=draw.weights)
            return logits_BKHW
        weights = draw.weights if draw.trained else None
        return self.net.path(images_B3HW, outcomes=draw.outcomes, weights=weights)

    def _backward(self, loss: torch.Tensor, optimisers: list[torch.optim.Optimizer]) -> None:
        """Gradients of all processes' mean loss, clipped; then a step of these optimisers."""
        for every in (self.by_weights, self.by_architecture):
            every.zero_grad(set_to_none=True)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        for one in optimisers:
            params = [p for group in one.param_groups for p in group["params"]]
            self.processes.mean_gradients(params)
            if self.plan.clip > 0:
                nn.utils.clip_grad_norm_(params, self.plan.clip)
            one.step()

    def _precision(self) -> AbstractContextManager[Any]:
        return nullcontext() if self.amp is None else torch.autocast(self.processes.device.type, self.amp)

    def _depths(self) -> dict[str, float]:
        vectors = self.architecture.probabilities()
        return {
            path: float((vectors[path].detach().cpu() * torch.arange(1, len(vectors[path]) + 1)).sum())
            for path in sorted(self.gates)
        }

    # ------------------------------------------------------------ what is told and kept

    def _told(self, now: Progress, stop: bool, report: Report) -> bool:
        """Writes a step down; returns whether any process was asked to stop."""
        self.sums.append(now.loss)
        self._write(
            {"kind": "step", "step": now.step, "epoch": now.epoch, "loss": now.loss, "task": now.task,
             "costs": dict(now.costs), "lr": rate(self.plan.parameters, (now.step - 1) / self.steps),
             "tau": self.tau(now.epoch)}
        )  # fmt: skip
        report(now)
        return bool(self.processes.sum(torch.tensor(float(stop))))

    def _after(self, report: Report) -> None:
        """Evaluates and saves where it is time to."""
        epoch, within = divmod(self.step, self.batches.steps_per_epoch)
        if within == 0:
            self._epoch(epoch - 1, report)
        if within == 0 or self.step % CHECKPOINT_STEPS == 0:
            self._save()

    def _epoch(self, epoch: int, report: Report) -> None:
        chances, found = self.chances(), self.likeliest()
        confusion = score(self.recalibrated(found), self.splits.val, self.processes)
        miou = confusion.mean_iou()
        with torch.no_grad():
            mean = self.objective.cost_values(self.architecture.probabilities())
        expected = self.objective.named(mean)
        loss = sum(self.sums) / max(1, len(self.sums))
        self.sums = []
        self._write(
            {"kind": "epoch", "epoch": epoch, "step": self.step, "loss": loss, "miou": _number(miou),
             "tau": self.tau(epoch), "probabilities": {p: v.tolist() for p, v in chances.items()},
             "chosen": dict(found.network.chosen), "expected": expected,
             "found": {**self._costs(found), "gates": self._gates(found)}}
        )  # fmt: skip
        if self.processes.is_first:
            write_text(self.folder.after_epoch(epoch + 1), found.network.to_arch())
        report(
            Progress(self.step, self.steps, epoch, self.plan.epochs, loss, loss, expected, self._depths(),
                     miou, found)
        )  # fmt: skip

    def _costs(self, found: Found) -> dict[str, float]:
        """Parameters and MACs of what was found, and what else the objective measures."""
        decisions = self.space.decisions
        exact = {
            path: one_hot(torch.tensor(outcome), decisions[path].size).double()
            for path, outcome in found.outcomes.items()
        }
        return {**self.objective.named(self.objective.cost_values(exact)), **found.costs}

    def _gates(self, found: Found) -> dict[str, int]:
        return {path: found.outcomes[path] + 1 for path in sorted(self.gates)}

    def chances(self) -> dict[str, torch.Tensor]:
        """The probability of each outcome as it is now."""
        return {path: p.detach().cpu() for path, p in self.architecture.probabilities().items()}

    def likeliest(self) -> Found:
        """What would be found if the search ended now."""
        return derive(self.space, self.chances(), self.seed)

    def recalibrated(self, found: Found) -> nn.Module:
        """The found network with inherited weights, its running statistics made anew from some batches.

        Those of the supernet are of mixtures, which the network does not see.
        """
        module = self.net.network(found.outcomes)
        batches = map(self.whole_batches.batch, range(self.plan.calibrate))
        recalibrate(module, [b.images_B3HW.to(self.processes.device) for b in batches])
        return module.eval()

    def finish(self) -> Found:
        """Writes what was found, its weights, and the last record."""
        found = self.likeliest()
        module = self.recalibrated(found)
        self._write({"kind": "recalibrated", "batches": self.plan.calibrate})
        miou = score(module, self.splits.val, self.processes).mean_iou()
        network = {**self._costs(found), "layers": len(found.network.graph.nodes)}
        self._write(
            {"kind": "end", "miou": _number(miou), "chosen": dict(found.network.chosen), "network": network,
             "how": found.how, "unmet": list(found.unmet)}
        )  # fmt: skip
        if self.processes.is_first:
            keep(self.folder, found, module, self.splits)
        return found

    def _write(self, record: Mapping[str, Any]) -> None:
        if self.journal is not None:
            self.journal.write(record)

    def _save(self) -> Path:
        """Writes a checkpoint, by the first process; refuses to keep weights that are no numbers."""
        bad = bad_parameter(self.net) or bad_parameter(self.architecture)
        if bad is not None:
            raise Diverged(self.step, bad, self.keeper.newest())
        if self.journal is None:
            return self.keeper.path(self.step)
        self.journal.sync()
        state = {
            "net": dict(self.net.state_dict()),
            "architecture": dict(self.architecture.state_dict()),
            "by_weights": self.by_weights.state_dict(),
            "by_architecture": self.by_architecture.state_dict(),
            "sums": list(self.sums),
            "journal": len(self.journal),
        }
        return self.keeper.save(self.step, state)


def _number(value: float) -> float | None:
    return None if value != value else value
