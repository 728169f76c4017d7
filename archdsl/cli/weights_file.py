"""The type of `--weights FILE`: a file of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_OF_RUNS = ("weights.safetensors", "best.safetensors")
"""The names of files of weights in run folders."""


class WeightsFile(click.Path):
    """The type of an existing file of weights; for a folder, the error names the weights in the folder."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if Path(value).is_dir():
            there = [str(Path(value, name)) for name in _OF_RUNS if Path(value, name).is_file()]
            self.fail(
                f"{value} is a folder; expected a file such as {there[0] if there else 'FILE.safetensors'}",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)
