"""Knowledge distillation: the predictions of a trained network as a further loss of another one.

Shapes: B images, C channels of an output, K classes, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from archdsl.backends.torch_module import CompiledNetwork
from archdsl.configs.word import Task
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.program import Network
from archdsl.train.divergences import DistillLoss
from archdsl.train.evaluation import Size, at_size, fitting, inputs_of
from archdsl.train.initial import LoadReport, load_matching, weights_at
from archdsl.train.networks import demand_maps, image_channels, output_maps
from archdsl.train.task import OutputLoss, Tensors
from archdsl.train.tasks import tasks_of
from archdsl.train.weights import network_hash, read_metadata

_CALLED: dict[Task, str] = {
    "classes": "classes",
    "binary": "a yes-or-no map",
    "regression": "a map of numbers",
}


@dataclass(frozen=True)
class Teacher:
    """A network with trained weights; `spec` is the file that it is from."""

    network: Network
    weights: Path
    spec: str = ""

    def module(
        self, student: Network, crop: tuple[int, int], maps: Mapping[str, int]
    ) -> tuple[CompiledNetwork, LoadReport]:
        """The network with its weights, in eval mode and without gradients, and what was read of the file.

        Raises SpecError: ARCH817 where it has other images as input than `student` or does not support those
        of `crop`, and where the file lacks tensors of it; ARCH914 for other files; ARCH939
        for a further input that is not one of the `maps` of the data.
        """
        demand_maps(self.network.graph, maps)
        _demand_alike(self.network, student)
        module = self.network.module()
        start = load_matching(module, weights_at(self.weights))
        if not start.is_whole:
            lacking = [*start.other_shape, *start.lacking]
            headline = f"{start.file} lacks {len(lacking)} tensors of the teacher, first `{lacking[0]}`"
            raise _unfit(self.network, headline, "weights of the network that --distill names")
        if fitting(module, crop, image_channels(self.network)) != crop:
            size = "×".join(map(str, crop))
            help = "choose another size with --crop"
            raise _unfit(self.network, f"the teacher does not support images of {size}", help)
        return module.eval().requires_grad_(False), start

    def taught_outputs(self, student: Network, losses: Sequence[OutputLoss]) -> TaughtOutputs:
        """The outputs among those that losses train which the teacher also has; its main output teaches the
        main one.

        Raises SpecError (ARCH817) if there are none, or for a different number of classes.
        """
        ours, theirs = output_maps(student), output_maps(self.network)
        known, main = self._tasks(), {next(iter(ours)): next(iter(theirs))}
        outputs: dict[str, str] = {}
        untaught: dict[str, str] = {}
        for loss in losses:
            for name in loss.outputs:
                other = name if name in theirs else main.get(name, "")
                if not other or (other != name and other in ours):
                    untaught[name] = "it has no such output"
                elif ours[name] != theirs[other]:
                    if loss.kind.task == "classes" and name in main:
                        headline = f"the teacher {self.network.name} predicts {theirs[other]} classes"
                        help = "both need the classes of the dataset"
                        raise _unfit(self.network, f"{headline}, {student.name} {ours[name]}", help, other)
                    untaught[name] = f"it has {theirs[other]} channels there, and {student.name} {ours[name]}"
                elif known.get(other, loss.kind.task) != loss.kind.task:
                    untaught[name] = (
                        f"it learned {_CALLED[known[other]]} there, not {_CALLED[loss.kind.task]}"
                    )
                else:
                    outputs[name] = other
        trained = [name for loss in losses for name in loss.outputs]
        untaught |= {name: "no loss is of it" for name in ours if name in theirs and name not in trained}
        found = TaughtOutputs(outputs, untaught)
        if not outputs:
            reasons = "; ".join(f"{name}: {why}" for name, why in untaught.items())
            headline = f"the teacher {self.network.name} has nothing to teach {student.name}"
            raise _unfit(self.network, headline, reasons)
        return found

    def _tasks(self) -> dict[str, Task]:
        """The tasks of its outputs, as far as the file of weights says them."""
        with suppress(SpecError):  # a state_dict of torch.save
            return {
                one.name: one.task for one in tasks_of(read_metadata(weights_at(self.weights))) if one.name
            }
        return {}

    def recorded(self, start: LoadReport) -> dict[str, Any]:
        """The entries in the manifest: those that must be equal in a resumed run, and the location of the
        teacher.
        """
        return {
            "teacher": {"network sha256": network_hash(self.network), "weights sha256": start.sha256},
            "teacher_files": {"spec": self.spec, "weights": str(self.weights)},
        }


def _demand_alike(teacher: Network, student: Network) -> None:
    channels = image_channels(teacher), image_channels(student)
    if channels[0] != channels[1]:
        headline = f"the teacher {teacher.name} reads {channels[0]} channels, {student.name} {channels[1]}"
        raise _unfit(teacher, headline, "both read the images of the dataset")


def _unfit(teacher: Network, headline: str, help: str, output: str | None = None) -> SpecError:
    graph = teacher.graph
    item = graph.nodes.get(graph.outputs[output or next(iter(graph.outputs))])
    at = item.location if item is not None else None
    label = Label(at, f"the output of {teacher.name}") if at is not None else None
    return SpecError([Diagnostic("ARCH817", headline, label, help=help)])


@dataclass(frozen=True)
class TaughtOutputs:
    """The outputs of a student that a teacher teaches: by name, the teacher's output; and the reason for each
    other one.
    """

    outputs: Mapping[str, str]
    untaught: Mapping[str, str]

    def described(self, teacher: str) -> str:
        """One line for the user."""
        line = f"{teacher} teaches {', '.join(self.outputs)}"
        return line + "".join(f"; not {name}: {why}" for name, why in self.untaught.items())


@dataclass(frozen=True)
class Distillation:
    """The loss of a student's outputs by its teacher's, each weighted as the losses of the output are."""

    teacher: CompiledNetwork
    losses: Sequence[OutputLoss]
    outputs: Mapping[str, str]
    """By output of the student, that of the teacher."""
    loss: DistillLoss
    weight: float
    temperature: float = 1.0
    read: tuple[str, ...] = ()
    """The maps that the teacher's images have as further channels."""

    def __call__(
        self, images_B3HW: torch.Tensor, student: Tensors, size: Size, weights: Tensors,
        precision: AbstractContextManager[Any],
    ) -> torch.Tensor:  # fmt: skip
        """The weighted loss of the student's outputs, at the size of the labels; of the images that the
        teacher reads. `weights` are those of losses by their text.
        """
        with torch.no_grad(), precision:
            known = self.teacher.forward_all(*inputs_of(self.teacher, images_B3HW))
        found = {name: at_size(student[name], size) for name in self.outputs}
        taught = {name: at_size(known[other], size) for name, other in self.outputs.items()}
        terms = [
            weights[loss.key] * value
            for loss in self.losses
            if (value := loss.by_teacher(found, taught, self.loss, self.temperature)) is not None
        ]
        return self.weight * (terms[0] if len(terms) == 1 else torch.stack(terms).sum())
