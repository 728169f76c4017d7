"""Settings of strategies that train a controller, and of the controller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs.forms import GROUPED_NAMES, NAMES
from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Lstm:
    """An LSTM that decides one decision after the other; its input is its own last output.

    Names are beginnings of paths: `body.kind` stands for `body[2].kind`, `body[3].kind`, ….
    """

    hidden: int = setting("whole", "width of its state, and of its input", 100, low=1, high=4096)
    layers: int = setting("whole", "layers", 2, low=1, high=16)
    warmup: int = setting("whole", "steps before the first decision", 0, high=1000)
    order: tuple[str, ...] = setting(
        "data", "decisions that come first, in this order", (), form=NAMES, usual="the order of the space"
    )
    share: tuple[Any, ...] = setting(
        "data", "decisions that share a linear layer, by groups", (), form=GROUPED_NAMES,
        usual="a layer for each decision",
    )  # fmt: skip
    one_way: tuple[str, ...] = setting(
        "data", "decisions before a step that decides nothing", (), form=NAMES, usual="none"
    )
    feedback: bool = setting("flag", "whether the next step reads an embedding of the choice", False)
    init: float = setting("number", "parameters start between its negative and this number", 0.1)


@dataclass(frozen=True)
class Reinforce:
    """A controller trained by the policy gradient (Williams, 1992)."""

    controller: Any = setting("word", "what draws proposals", group="controllers", usual="lstm")
    lr: float = setting("number", "learning rate of the controller (Adam)", 1e-4)
    baseline: float = setting("number", "decay of the mean reward", 0.95, high=1)
    entropy: float = setting("number", "weight of the entropy of proposals", 0.0)
    grad_clip: float = setting("number", "greatest norm of gradients; 0: not clipped", 2.0)
    counted: str | None = setting(
        "text", "decisions that make the probability of a proposal", None, choices=("arising", "all"),
        usual='"arising"; with `feedback` "all"',
    )  # fmt: skip


@dataclass(frozen=True)
class Ppo(Reinforce):
    """A controller trained by proximal policy optimization (arXiv:1707.06347)."""

    clip: float = setting("number", "greatest rewarded relative change of a probability", 0.1, high=1)
    buffer: int = setting("whole", "proposals kept", 100, low=1, high=100_000)
    epochs: int = setting("whole", "passes over the buffer after each proposal", 1, low=1, high=1000)
    update: str = setting(
        "text", "a step for each slot of the buffer, or one for all", "exact", choices=("exact", "batched")
    )
