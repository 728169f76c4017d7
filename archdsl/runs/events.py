"""Metrics for TensorBoard, where it is installed (`pip install archdsl[train]`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from archdsl.atomic import room_for

Scalar = Callable[[str, float, int], None]
"""Records a metric: name, value and step."""


def scalars(folder: Path) -> Scalar:
    """Returns a function that writes metrics into a folder; it does nothing if TensorBoard is not installed.

    Both this function and the returned one raise SpecError (ARCH917) if the disk is full.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return lambda name, value, step: None
    with room_for(folder):
        writer = SummaryWriter(str(folder), flush_secs=10)

    def scalar(name: str, value: float, step: int) -> None:
        with room_for(folder):
            writer.add_scalar(name, value, step)

    return scalar
