"""Metrics for TensorBoard, where it is installed (`pip install archdsl[train]`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Scalar = Callable[[str, float, int], None]
"""Takes the name of a metric, its value, and the step."""


def scalars(folder: Path) -> Scalar:
    """Writes metrics into a folder; does nothing where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return lambda name, value, step: None
    writer = SummaryWriter(str(folder), flush_secs=10)
    return lambda name, value, step: writer.add_scalar(name, value, step)
