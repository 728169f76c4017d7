"""Knowledge distillation: a network is trained to match the predictions of a trained network, its teacher.

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
    "binary": "a binary map",
    "regression": "numbers",
}


@dataclass(frozen=True)
class Teacher:
    """A teacher: a network and the file of its weights; `spec` is the file that declares the network."""

    network: Network
    weights: Path
    spec: str = ""

    def module(
        self, student: Network, crop: tuple[int, int], maps: Mapping[str, int]
    ) -> tuple[CompiledNetwork, LoadReport]:
        """The teacher as a module in eval mode, without gradients, and a report on loading its weights.

        `maps` are the maps of the data with their numbers of channels. Raises SpecError: ARCH817 if the
        teacher reads images with other channels than `student`, does not support images of the size `crop`,
        or if the file lacks some of its tensors; ARCH914 for an invalid file; ARCH939 if the teacher has a
        further input that is not one of the maps.
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
        """The outputs of `student` that the teacher teaches: those that `losses` train and the teacher has.

        An output is taught by the teacher's output of the same name, the main output also by the teacher's
        main output. Raises SpecError (ARCH817) if no output is taught, or if the numbers of classes differ.
        """
        ours, theirs = output_maps(student), output_maps(self.network)
        known, main = self._tasks(), {next(iter(ours)): next(iter(theirs))}
        outputs: dict[str, str] = {}
        untaught: dict[str, str] = {}
        for loss in losses:
            for name in loss.outputs:
                other = name if name in theirs else main.get(name, "")
                if not other or (other != name and other in ours):
                    untaught[name] = "the teacher does not have this output"
                elif ours[name] != theirs[other]:
                    if loss.kind.task == "classes" and name in main:
                        headline = f"the teacher {self.network.name} predicts {theirs[other]} classes"
                        help = "both need the classes of the dataset"
                        raise _unfit(self.network, f"{headline}, {student.name} {ours[name]}", help, other)
                    untaught[name] = (
                        f"{theirs[other]} channels of the teacher, {ours[name]} of {student.name}"
                    )
                elif known.get(other, loss.kind.task) != loss.kind.task:
                    untaught[name] = (
                        f"the teacher predicts {_CALLED[known[other]]}, not {_CALLED[loss.kind.task]}"
                    )
                else:
                    outputs[name] = other
        trained = [name for loss in losses for name in loss.outputs]
        untaught |= {name: "no loss trains it" for name in ours if name in theirs and name not in trained}
        found = TaughtOutputs(outputs, untaught)
        if not outputs:
            reasons = "; ".join(f"{name}: {why}" for name, why in untaught.items())
            headline = f"no output of {student.name} can be distilled from the teacher {self.network.name}"
            raise _unfit(self.network, headline, reasons)
        return found

    def _tasks(self) -> dict[str, Task]:
        """The tasks of the teacher's outputs, as far as the metadata of the file of weights has them."""
        with suppress(SpecError):  # a state_dict of torch.save
            return {
                one.name: one.task for one in tasks_of(read_metadata(weights_at(self.weights))) if one.name
            }
        return {}

    def recorded(self, start: LoadReport) -> dict[str, Any]:
        """The entries of the teacher in the manifest: hashes, which must not change, and files, which may."""
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
    """The outputs of a student that are taught: `outputs` maps their names to those of the teacher's outputs.

    `untaught` maps the names of other outputs to the reason why they are not.
    """

    outputs: Mapping[str, str]
    untaught: Mapping[str, str]

    def described(self, teacher: str) -> str:
        """A line for the user that lists both; `teacher` is the name of the teacher."""
        line = f"{teacher} teaches {', '.join(self.outputs)}"
        return line + "".join(f"; not {name}: {why}" for name, why in self.untaught.items())


@dataclass(frozen=True)
class Distillation:
    """The distillation loss: divergences between outputs of the student and of the teacher.

    The divergence of an output has the weight that the losses of the output have in the loss of the student.
    """

    teacher: CompiledNetwork
    losses: Sequence[OutputLoss]
    outputs: Mapping[str, str]
    """The taught outputs: maps the names of the student's outputs to those of the teacher's."""
    loss: DistillLoss
    weight: float
    temperature: float = 1.0
    read: tuple[str, ...] = ()
    """The maps that the teacher reads: `images_B3HW` of a call has them as further channels."""

    def __call__(
        self, images_B3HW: torch.Tensor, student: Tensors, size: Size, weights: Tensors,
        precision: AbstractContextManager[Any],
    ) -> torch.Tensor:  # fmt: skip
        """The weighted distillation loss, a scalar.

        `images_B3HW` are the images as the teacher reads them, `student` the student's outputs by name,
        `size` the size of the labels, at which outputs are compared, and `weights` the weight of each loss by
        its text.
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
