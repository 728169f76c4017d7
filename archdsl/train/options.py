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

    `recipe` holds fields of `archdsl.train.recipe.Recipe` by name; `crop` defaults to the size of the first
    image, at most 512 × 1024, or the network's input size if `declared_size`. `class_weights` is a rule
    (`archdsl.train.class_weights`).  `folder` is the run folder (None: `runs/NAME`); `resume` continues the
    run in it.  A new run is initialized from `init`, which must have all tensors if `init_strict`. `recorded`
    are further manifest entries.
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
    """A network whose predictions are learned as well; the recipe has `distill_loss` then."""
    recorded: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    """The command line, for the manifest."""
