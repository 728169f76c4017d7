"""The folder of a training: what lies where in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archdsl.runs.folder import Folder

FREE = ("data", "evaluate_every", "checkpoint_every", "licence")
"""Settings that may differ when a training is resumed: they do not change what is learned.  The path of the
data may change; its fingerprint decides whether it is the same."""


@dataclass(frozen=True)
class RunFolder(Folder):
    """Paths of a training."""

    @property
    def best_weights(self) -> Path:
        return self.path / "weights.safetensors"

    @property
    def last_weights(self) -> Path:
        return self.path / "weights_last.safetensors"

    @property
    def init(self) -> Path:
        """What was taken of the weights that it started from."""
        return self.path / "init.txt"

    def written(self) -> list[Path]:
        return [*super().written(), self.best_weights, self.last_weights, self.init]
