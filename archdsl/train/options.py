"""Options of a training other than its network and data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archdsl.train.distillation import Teacher


class OptionError(ValueError):
    """An option that the network or this machine does not support."""


@dataclass(frozen=True)
class TrainOptions:
    """Options of a training.

    `recipe` are fields of `archdsl.train.recipe.Recipe` by name; its `crop` defaults to the size of the first
    image, at most 512 × 1024, or to the network's input size if `declared_size`. `class_weights` is a rule
    (`archdsl.train.class_weights`). `folder` is the run folder (None: `runs/NAME`); with `resume`, the run in
    it is continued. A new run is initialized from the file `init`, which must have all tensors of the network
    if `init_strict`. `recorded` are further entries of the manifest.
    """

    recipe: Mapping[str, Any] = field(default_factory=dict)
    class_weights: str | None = None
    declared_size: bool = False
    folder: Path | None = None
    resume: bool = False
    init: Path | None = None
    init_strict: bool = False
    device: str | None = None
    licence: str = ""
    teacher: Teacher | None = None
    """The teacher for knowledge distillation; the recipe must then have `distill_loss`."""
    recorded: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    """The command line, for the manifest."""
