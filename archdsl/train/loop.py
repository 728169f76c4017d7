"""The training loop: SGD, weight averaging, evaluation, checkpoints and resuming.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from archdsl.backends.torch_module import CompiledNetwork
from archdsl.data.augmentation import Augmentation
from archdsl.data.batches import Batch, Batches, prefetched
from archdsl.data.dataset import Splits
from archdsl.data.maps import channels_of_maps
from archdsl.data.targets import LABELS, read_maps
from archdsl.diagnostics import SpecError
from archdsl.runs.faults import Diverged, bad_parameter, explain_memory, is_out_of_memory
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.journal import Journal
from archdsl.runs.lines import Mark
from archdsl.runs.processes import Processes
from archdsl.runs.restoring import like, optimiser_state, part
from archdsl.runs.resuming import restored
from archdsl.train.average import Average
from archdsl.train.descent import Descent, Part
from archdsl.train.distillation import Distillation
from archdsl.train.evaluation import graph_of, inputs_of, reading
from archdsl.train.folder import RunFolder
from archdsl.train.output_losses import scored_outputs, task_of
from archdsl.train.read_inputs import inputs_metadata
from archdsl.train.recipe import Recipe, TrainProgress, optimiser
from archdsl.train.recording import leading, metadata_of, recorded
from archdsl.train.schedules import schedule
from archdsl.train.synchronised import synchronise
from archdsl.train.tallies import tallied, value_of
from archdsl.train.task import value_of_losses
from archdsl.train.tasks import tasks_metadata
from archdsl.train.weights import save_weights


class Training:
    """A training run. `module` is trained in place; `metadata` is stored with the weights.

    `taught` maps the names of outputs to those of the teacher's outputs that they are distilled from.
    """

    def __init__(
        self, module: nn.Module, splits: Splits, recipe: Recipe, folder: RunFolder, processes: Processes,
        metadata: Mapping[str, str], teacher: CompiledNetwork | None = None,
        taught: Mapping[str, str] | None = None,
    ):  # fmt: skip
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.module = module.to(processes.device, memory_format=layout).train()  # type: ignore[call-overload]
        self.splits, self.recipe, self.folder, self.processes = splits, recipe, folder, processes
        self.task = task_of(recipe, module, splits.train)
        self.graph = cast(CompiledNetwork, module).archdsl_graph
        self.read = read_maps(splits.train, self.graph)
        self.distillation = self._distillation(teacher, taught or {}, layout)
        self.all_read = self._all_read()
        self.layout = layout
        processes.same_weights(self.module)
        self.average = Average(self.module, recipe.ema) if recipe.ema > 0 else None
        synchronise(self.module, processes)
        self.optimiser = optimiser(self.module, recipe)
        self.scaler = torch.amp.GradScaler(processes.device.type, enabled=recipe.amp == "float16")
        self.lr = schedule("poly", recipe.lr, 0.0, recipe.power)
        self.keeper = folder.checkpoints
        self.descent = Descent(
            self.module, [Part(self.optimiser, self.lr)], self._loss, processes, recipe.seed,
            scaler=self.scaler, average=self.average, last_good=self.keeper.newest,
        )  # fmt: skip
        change = Augmentation(recipe.crop, recipe.scale, recipe.flip, recipe.colour)
        self.batches = Batches(
            splits.train, recipe.batch, change, recipe.seed, processes.rank, processes.world,
            self.task.targets, tuple(self.all_read),
        )  # fmt: skip
        self.steps = recipe.epochs * self.batches.steps_per_epoch
        self.scored_outputs = scored_outputs(self.task.losses, self.graph)
        tasks = tasks_metadata(self.scored_outputs, splits.train)
        self.metadata = {**metadata, **tasks, **inputs_metadata(self.graph, splits.train)}
        self.step, self.best = 0, -math.inf if self.lower_is_better else -1.0
        self.scored = True
        self.journal = Journal(folder.journal) if processes.is_first else None

    def _all_read(self) -> dict[str, int]:
        """The maps that batches have as further channels, with their numbers of channels.

        The maps that the network reads come first, then those that only its teacher reads.
        """
        of_teacher = () if self.distillation is None else self.distillation.read
        channels = channels_of_maps(self.splits.train)
        return {name: channels[name] for name in (*self.read, *of_teacher)}

    def _distillation(
        self, teacher: CompiledNetwork | None, taught: Mapping[str, str], layout: torch.memory_format
    ) -> Distillation | None:
        recipe = self.recipe
        if teacher is None or recipe.distill_loss is None:
            return None
        placed = teacher.to(self.processes.device, memory_format=layout)  # type: ignore[call-overload]
        read = read_maps(self.splits.train, graph_of(teacher))
        return Distillation(
            placed, self.task.losses, taught, recipe.distill_loss, recipe.distill_weight,
            recipe.distill_temperature, read,
        )  # fmt: skip

    def restore(self) -> int:
        """Loads the newest readable checkpoint; returns its step, 0 without checkpoints."""
        self.step = restored(self.keeper, self.journal, self._load)
        return self.step

    def run(self, report: Callable[[TrainProgress], None], stop: Callable[[], bool] = lambda: False) -> float:
        """Trains to the end; returns the best validation score: mIoU, F1 or mean absolute error.

        `report` is called after every step and evaluation. If `stop` returns True in any process, writes a
        checkpoint and raises Interrupted. Raises SpecError: ARCH915 for non-finite values, ARCH916 if out of
        memory, ARCH917 for a full disk.
        """
        try:
            if not self.scored:
                self._after(report)
            with closing(prefetched(self.batches, self.step, self.steps)) as batches:
                for step, batch in batches:
                    loss, stopping = self.descent.step(step, self.steps, batch, stop())
                    self.step = step + 1
                    self._tell(loss, report)
                    self._after(report)
                    if stopping and self.step < self.steps:
                        raise Interrupted(self.step, self._save())
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise SpecError([explain_memory(error, self.keeper.newest())]) from error
        return abs(self.best)

    @property
    def lower_is_better(self) -> bool:
        """Whether lower values of the score that selects the best weights are better."""
        return self.scored_outputs[0].task == "regression"

    def _loss(self, batch: Batch) -> torch.Tensor:
        device = self.processes.device
        images_B3HW = batch.images_B3HW.to(device, memory_format=self.layout, non_blocking=True)
        targets = batch.targets(device)
        found = self._outputs(reading(images_B3HW, self.all_read, self.read))
        values = self.task.values(found, targets, self.processes)
        total = value_of_losses(self.task.formula, values)
        if self.distillation is None:
            return total
        height, width = targets[LABELS].shape[-2:]
        seen_B3HW, weights = (
            reading(images_B3HW, self.all_read, self.distillation.read),
            self.task.weights(values),
        )
        by_teacher = self.distillation(seen_B3HW, found, (height, width), weights, self._precision())
        return total + by_teacher  # of all pixels

    def _outputs(self, images_B3HW: torch.Tensor) -> dict[str, torch.Tensor]:
        """All outputs of the network by name, or the main one if only that is trained."""
        network, main = cast(CompiledNetwork, self.module), next(iter(self.graph.outputs))
        with self._precision():
            if self.task.outputs == (main,):
                return {main: self.module(*inputs_of(network, images_B3HW))}
            return network.forward_all(*inputs_of(network, images_B3HW))

    def _precision(self) -> AbstractContextManager[Any]:
        if self.recipe.amp is None:
            return nullcontext()
        return torch.autocast(self.processes.device.type, getattr(torch, self.recipe.amp))

    def _tell(self, loss: float, report: Callable[[TrainProgress], None]) -> None:
        now = self._progress(loss)
        self._write({"kind": "step", "step": now.step, "epoch": now.epoch, "loss": now.loss, "lr": now.lr})
        report(now)

    def _after(self, report: Callable[[TrainProgress], None]) -> None:
        """Evaluates, and saves a checkpoint, if either is due after this step."""
        epoch, within = divmod(self.step, self.batches.steps_per_epoch)
        if within == 0 and (epoch % self.recipe.evaluate_every == 0 or self.step == self.steps):
            self.scored = False
            self._save()  # so that the epoch is not lost if scoring fails
            self._evaluate(report)
            self.scored = True
        if within == 0 or self.step % self.recipe.checkpoint_every == 0:
            self._save()

    def _evaluate(self, report: Callable[[TrainProgress], None]) -> None:
        with self._precision():
            found = tallied(self.evaluated, self.splits.val, self.processes, self.scored_outputs)
        deciding = next(iter(found.values()))
        record, miou, iou = recorded(found)
        now = self._progress(0.0, miou, iou, leading(found))
        self._write({"kind": "evaluation", "step": now.step, "epoch": now.epoch, **record})
        value = value_of(deciding)
        if self.processes.is_first:
            self._keep_weights(value, metadata_of(found))
        self.best = max(self.best, value)
        report(now)

    def _keep_weights(self, value: float, scores: Mapping[str, str]) -> None:
        metadata = {**self.metadata, "step": str(self.step), **scores}
        save_weights(self.folder.last_weights, self.evaluated, metadata)
        if value > self.best or not self.folder.best_weights.exists():
            save_weights(self.folder.best_weights, self.evaluated, metadata)

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated and saved: the weight average, if enabled."""
        return self.average.module if self.average is not None else self.module

    def _progress(
        self, loss: float, miou: float | None = None, iou: tuple[float | None, ...] = (),
        scores: Mapping[str, float] | None = None,
    ) -> TrainProgress:  # fmt: skip
        epoch, lr = (self.step - 1) // self.batches.steps_per_epoch + 1, self.lr((self.step - 1) / self.steps)
        return TrainProgress(self.step, self.steps, epoch, loss, lr, miou, iou, scores or {})

    def _write(self, record: Mapping[str, Any]) -> None:
        if self.journal is not None:
            self.journal.write(record)

    def _save(self) -> Path:
        """Writes a checkpoint in the first process; returns its path.

        Raises Diverged for non-finite weights.
        """
        bad = bad_parameter(self.module)
        if bad is not None:
            raise Diverged(self.step, bad, self.keeper.newest())
        if self.journal is None:
            return self.keeper.path(self.step)
        self.journal.sync()
        state = {
            "module": dict(self.module.state_dict()),
            "average": dict(self.average.module.state_dict()) if self.average else None,
            "average_steps": self.average.steps if self.average else 0,
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "best": self.best,
            "scored": self.scored,
            "journal": self.journal.mark().plain(),
        }
        return self.keeper.save(self.step, state)

    def _load(self, state: Mapping[str, Any]) -> Mark:
        """Restores a state; returns its position in the journal.

        Raises Unfit, leaving everything unchanged.
        """
        average = dict(self.average.module.state_dict()) if self.average else None
        kept = {
            "module": like(state, "module", dict(self.module.state_dict())),
            "average": like(state, "average", average),
            "scaler": like(state, "scaler", self.scaler.state_dict()),
            "optimiser": optimiser_state(state, "optimiser", self.optimiser),
        }
        average_steps, best = (
            part(state, "average_steps", int, least=0),
            part(state, "best", float, least=-math.inf),
        )
        scored, mark = part({"scored": True, **state}, "scored", bool), Mark.read(state)
        self.module.load_state_dict(kept["module"])
        if self.average is not None:
            self.average.module.load_state_dict(kept["average"])
            self.average.steps = average_steps
        self.optimiser.load_state_dict(kept["optimiser"])
        self.scaler.load_state_dict(kept["scaler"])
        self.best, self.scored = best, scored
        return mark
