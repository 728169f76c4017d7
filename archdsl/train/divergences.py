"""Losses of knowledge distillation: divergences between an output and that of a teacher.

Shapes: B images, C channels of an output, K classes, H × W pixels.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)

from archdsl.configs.word import Task

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
    student_BKHW, teacher_BKHW = (_exact(logits) / temperature for logits in (student_BKHW, teacher_BKHW))
    found: torch.Tensor = F.kl_div(
        student_BKHW.log_softmax(1), teacher_BKHW.log_softmax(1), reduction="none", log_target=True
    )
    return found


def divergence(
    task: Task, student_BCHW: torch.Tensor, teacher_BCHW: torch.Tensor, loss: DistillLoss = "pixel",
    temperature: float = 1.0,
) -> torch.Tensor:  # fmt: skip
    """How far an output is from that of a teacher, by its task.

    Of classes by `loss`; of yes-or-no maps the binary cross-entropy with those of the teacher, softened
    as in `pixel`; of maps of numbers the mean absolute difference.
    """
    if task == "classes":
        if loss == "released":
            return released(student_BCHW, teacher_BCHW)
        return pixel(student_BCHW, teacher_BCHW, temperature)
    student_BCHW, teacher_BCHW = _exact(student_BCHW), _exact(teacher_BCHW)
    if task == "binary":
        wanted_BCHW = (teacher_BCHW / temperature).sigmoid()
        mean = F.binary_cross_entropy_with_logits(student_BCHW / temperature, wanted_BCHW)
        return mean * temperature**2
    return (student_BCHW - teacher_BCHW).abs().mean()


def _exact(tensor: torch.Tensor) -> torch.Tensor:
    """In float32 or higher."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()
