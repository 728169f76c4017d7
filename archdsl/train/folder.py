"""The run folder of a training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archdsl.runs.folder import Folder

FREE = ("data", "evaluate_every", "checkpoint_every", "licence", "teacher_files")
"""Settings that may differ when a training is resumed, as they do not change its results.

Datasets and files of a teacher may move: fingerprints identify their contents.
"""


@dataclass(frozen=True)
class RunFolder(Folder):
    """Paths in the run folder of a training."""

    @property
    def best_weights(self) -> Path:
        return self.path / "weights.safetensors"

    @property
    def last_weights(self) -> Path:
        return self.path / "weights_last.safetensors"

    @property
    def init(self) -> Path:
        """The report on the initial weights."""
        return self.path / "init.txt"

    def written(self) -> list[Path]:
        return [*super().written(), self.best_weights, self.last_weights, self.init]
