"""An interrupted run."""

from __future__ import annotations

from pathlib import Path


class Interrupted(Exception):
    """A run was interrupted after writing a checkpoint, and can be resumed."""

    def __init__(self, step: int, checkpoint: Path):
        super().__init__(f"stopped after step {step}")
        self.step, self.checkpoint = step, checkpoint
