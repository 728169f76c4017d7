"""Classes that describe the names which a search can use as values, such as `gumbel` or `cross_entropy`."""

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
    """Describes a name such as `gumbel`: its summary, and the config class whose fields are its settings.

    `function` is the number of positional arguments if the name is called like a function, as `log(macs)`;
    `example` shows a call. With `of_output`, the name of an output of the network is an optional argument. A
    word with `run=False` passes `archdsl check`, but is rejected by `archdsl search`.
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
    """A word whose function `make` builds an object from the config, its first argument.

    Built-in words name the function as "module:attribute", so that its module is imported on first use.
    """

    make: Callable[..., Any] | str | None = None

    def made_by(self) -> Callable[..., Any]:
        """The function that builds the object."""
        found: Callable[..., Any] | None = imported(self.make) if isinstance(self.make, str) else self.make
        assert found is not None
        return found


@dataclass(frozen=True)
class LossKind(Maker):
    """A loss function of an output; its config has the settings of `archdsl.configs.objectives.OfOutput`.

    `make(output, target, **settings)` returns a scalar tensor, the mean over the pixels that have a target.
    `output` is B × C × H × W, float32. `target` is B × H × W: for a task of classes, class ids, or
    `archdsl.data.dataset.IGNORE` for unlabelled pixels; otherwise float32 numbers, NaN where unknown. A loss
    of classes also gets `weights_K`, the class weights, or None.
    """

    task: Task = "classes"
    of_output: bool = True
