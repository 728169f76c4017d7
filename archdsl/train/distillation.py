"""Knowledge distillation: what a trained network predicts, as a further loss of another one.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
from torch import nn

from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.program import Network
from archdsl.train.evaluation import at_size, fitting, inputs_of
from archdsl.train.initial import LoadReport, load_matching, weights_at
from archdsl.train.networks import demand_maps, image_channels, output_maps
from archdsl.train.weights import network_hash

DistillLoss = Literal["pixel", "released"]


def pixel(student_BKHW: torch.Tensor, teacher_BKHW: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """The mean over pixels of KL(teacher ‖ student) of softened predictions, times the temperature squared.

    Hinton, Vinyals, Dean, arXiv:1503.02531, section 2: the factor keeps gradients at one scale.
    """
    return _divergence(student_BKHW, teacher_BKHW, temperature).sum(1).mean() * temperature**2


def released(student_BKHW: torch.Tensor, teacher_BKHW: torch.Tensor) -> torch.Tensor:
    """The mean over all elements, classes included, of the terms of KL(teacher ‖ student): train/train.py of
    VITA-Group/FasterSeg, by KLDivLoss with its default reduction. It is smaller than `pixel` by the number of
    classes.
    """
    return _divergence(student_BKHW, teacher_BKHW, 1.0).mean()


def _divergence(student_BKHW: torch.Tensor, teacher_BKHW: torch.Tensor, temperature: float) -> torch.Tensor:
    """The terms of the divergence, in float32 or higher."""
    student_BKHW, teacher_BKHW = (
        (logits if logits.dtype == torch.float64 else logits.float()) / temperature
        for logits in (student_BKHW, teacher_BKHW)
    )
    found: torch.Tensor = F.kl_div(
        student_BKHW.log_softmax(1), teacher_BKHW.log_softmax(1), reduction="none", log_target=True
    )
    return found


@dataclass(frozen=True)
class Teacher:
    """A network with trained weights; `spec` is the file that it is from."""

    network: Network
    weights: Path
    spec: str = ""

    def module(
        self, student: Network, crop: tuple[int, int], maps: Mapping[str, int]
    ) -> tuple[nn.Module, LoadReport]:
        """The network with its weights, in eval mode and without gradients, and what was read of the file.

        Raises SpecError: ARCH817 where it predicts other classes than `student`, has another input or does
        not support images of `crop`, and where the file lacks tensors of it; ARCH914 for other files; ARCH939
        for a further input that is not one of the `maps` of the data.
        """
        demand_maps(self.network.graph, maps)
        _demand_alike(self.network, student)
        module: nn.Module = self.network.module()
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

    def recorded(self, start: LoadReport) -> dict[str, Any]:
        """The entries in the manifest: what must be equal in a resumed run, and where it is."""
        return {
            "teacher": {"network sha256": network_hash(self.network), "weights sha256": start.sha256},
            "teacher_files": {"spec": self.spec, "weights": str(self.weights)},
        }


def _demand_alike(teacher: Network, student: Network) -> None:
    (_, there), (theirs, other) = (next(iter(output_maps(n).items())) for n in (student, teacher))
    if there != other:
        headline = f"the teacher {teacher.name} predicts {other} classes, {student.name} {there}"
        raise _unfit(teacher, headline, "both need the classes of the dataset", theirs)
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
class Distillation:
    """The loss of a student's logits by its teacher's."""

    teacher: nn.Module
    loss: DistillLoss
    weight: float
    temperature: float = 1.0
    read: tuple[str, ...] = ()
    """The maps that the teacher's images have as further channels."""

    def __call__(
        self, images_B3HW: torch.Tensor, student_BKHW: torch.Tensor, precision: AbstractContextManager[Any]
    ) -> torch.Tensor:
        """The weighted loss, of logits at the size of the labels; of the images that the teacher reads."""
        with torch.no_grad(), precision:
            teacher_BKHW = self.teacher(*inputs_of(self.teacher, images_B3HW))
        size = (student_BKHW.shape[-2], student_BKHW.shape[-1])
        teacher_BKHW = at_size(teacher_BKHW, size)
        if self.loss == "released":
            return self.weight * released(student_BKHW, teacher_BKHW)
        return self.weight * pixel(student_BKHW, teacher_BKHW, self.temperature)
