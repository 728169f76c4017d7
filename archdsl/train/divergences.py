"""Losses of knowledge distillation: divergences between an output of a student and one of its teacher.

Shapes: B images, C channels of an output, K classes, H × W pixels.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)

from archdsl.configs.word import Task

DistillLoss = Literal["pixel", "released"]


def pixel(student_BKHW: torch.Tensor, teacher_BKHW: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """The mean over pixels of KL(teacher ‖ student) of the softened predictions, times temperature².

    The factor keeps the scale of the gradients independent of the temperature (Hinton, Vinyals and Dean,
    arXiv:1503.02531, section 2).
    """
    return _divergence(student_BKHW, teacher_BKHW, temperature).sum(1).mean() * temperature**2


def released(student_BKHW: torch.Tensor, teacher_BKHW: torch.Tensor) -> torch.Tensor:
    """The mean over pixels and classes of the terms of KL(teacher ‖ student), as in the code of FasterSeg.

    train/train.py of VITA-Group/FasterSeg uses KLDivLoss with its default reduction, so that this loss is
    `pixel` divided by the number of classes.
    """
    return _divergence(student_BKHW, teacher_BKHW, 1.0).mean()


def _divergence(student_BKHW: torch.Tensor, teacher_BKHW: torch.Tensor, temperature: float) -> torch.Tensor:
    """The terms of KL(teacher ‖ student) for each pixel and class, in float32 or float64."""
    student_BKHW, teacher_BKHW = (_exact(logits) / temperature for logits in (student_BKHW, teacher_BKHW))
    found: torch.Tensor = F.kl_div(
        student_BKHW.log_softmax(1), teacher_BKHW.log_softmax(1), reduction="none", log_target=True
    )
    return found


def divergence(
    task: Task, student_BCHW: torch.Tensor, teacher_BCHW: torch.Tensor, loss: DistillLoss = "pixel",
    temperature: float = 1.0,
) -> torch.Tensor:  # fmt: skip
    """The divergence of a student's output from its teacher's, a scalar, depending on the task of the output.

    For classes, the divergence `loss`. For a binary map, the binary cross-entropy with the teacher's
    probabilities, with the temperature as in `pixel`. For regression, the mean absolute difference.
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
    """Converts a tensor to float32, unless it is float64."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()
