"""A run that was asked to stop."""

from __future__ import annotations

from pathlib import Path


class Interrupted(Exception):
    """A run was asked to stop, and can go on from the checkpoint that it wrote."""

    def __init__(self, step: int, checkpoint: Path):
        super().__init__(f"stopped after step {step}")
        self.step, self.checkpoint = step, checkpoint
