"""Metrics for TensorBoard, where it is installed (`pip install archdsl[train]`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from archdsl.atomic import room_for

Scalar = Callable[[str, float, int], None]
"""Takes the name of a metric, its value, and the step."""


def scalars(folder: Path) -> Scalar:
    """Writes metrics into a folder; does nothing where TensorBoard is not installed.

    Raises SpecError (ARCH917) where the disk is full, also at a metric that comes after.
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
