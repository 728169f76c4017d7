"""The exception that an interrupted run raises."""

from __future__ import annotations

from pathlib import Path


class Interrupted(Exception):
    """The run was interrupted after `step`; it can be resumed from `checkpoint`."""

    def __init__(self, step: int, checkpoint: Path):
        super().__init__(f"stopped after step {step}")
        self.step, self.checkpoint = step, checkpoint
