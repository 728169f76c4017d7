"""What a caller chooses of a training beside its network and data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class OptionError(ValueError):
    """An option of a training that its network or this machine cannot follow."""


@dataclass(frozen=True)
class TrainOptions:
    """Options of one training.

    `recipe` holds fields of `archdsl.train.recipe.Recipe` by name; without `crop`, images are trained at the
    size of the first one, at most 512 × 1024, or that of the network where `declared_size`.  `class_weights`
    is a rule (`archdsl.train.class_weights`).  `folder` is that of the run (None: `runs/` and the network's
    name); with `resume` the run in it is resumed.  A new run starts from the weights of `init`, all of which
    it needs where `init_strict`.  `recorded` is what the manifest keeps beside all this.
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
    recorded: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    """The command line, for the manifest."""
