"""Names that a search can use as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from archdsl.configs.setting import Setting, settings_of
from archdsl.registry import imported

Task = Literal["classes", "binary", "regression"]
"""The prediction of an output: logits of classes, the logit of a binary map, or the values of a map."""


@dataclass(frozen=True)
class Word:
    """A name such as `gumbel`: its summary, and the config class whose fields are its settings.

    `function` is the number of positional arguments if the word is called like a function; `example` shows a
    call. With `of_output`, a name of an output of the network is an optional argument. A word with
    `run=False` is parsed and checked, and rejected by `archdsl search`.
    """

    summary: str
    config: type
    run: bool = True
    function: int = 0
    example: str = ""
    of_output: bool = False

    @property
    def settings(self) -> Mapping[str, Setting]:
        return settings_of(self.config)


@dataclass(frozen=True)
class Maker(Word):
    """A word that builds an object: `make` is called with the config as its first argument.

    Built-in words name it as "module:attribute", since their modules import numpy.
    """

    make: Callable[..., Any] | str | None = None

    def made_by(self) -> Callable[..., Any]:
        """The function that builds the object."""
        found: Callable[..., Any] | None = imported(self.make) if isinstance(self.make, str) else self.make
        assert found is not None
        return found


@dataclass(frozen=True)
class LossKind(Maker):
    """A loss of an output; its config has the settings of `archdsl.configs.objectives.OfOutput`.

    `make` is (output, target, **settings) -> a scalar, the mean over the pixels that have a target: output
    B × C × H × W, in float32; target B × H × W, class ids or `archdsl.data.dataset.IGNORE` for a loss of
    classes, else float32 numbers, NaN where unknown. A loss of classes also gets `weights_K`, or None.
    """

    task: Task = "classes"
    of_output: bool = True
