"""`--weights FILE`: a file of weights, and what to write where the folder of a run is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_OF_RUNS = ("weights.safetensors", "best.safetensors")
"""What trainings and searches call their weights."""


class WeightsFile(click.Path):
    """A file that is there; a folder is refused with the weights in it."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if Path(value).is_dir():
            there = [str(Path(value, name)) for name in _OF_RUNS if Path(value, name).is_file()]
            self.fail(
                f"{value} is a folder; give the file, {there[0] if there else 'FILE.safetensors'}", param, ctx
            )
        return super().convert(value, param, ctx)
