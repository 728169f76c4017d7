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
        "data", "names of the decisions that come first, in this order; the others follow", (), form=NAMES,
        usual="the order of the space",
    )  # fmt: skip
    share: tuple[Any, ...] = setting(
        "data", "names, or lists of names: the decisions of each are read off by one linear layer", (),
        form=GROUPED_NAMES, usual="a layer for each decision",
    )  # fmt: skip
    one_way: tuple[str, ...] = setting(
        "data", "names of decisions after which a step follows that decides nothing", (), form=NAMES,
        usual="none",
    )  # fmt: skip
    feedback: bool = setting(
        "flag", "whether an embedding of each choice is added to the input of the next step", False
    )
    init: float = setting("number", "all parameters start between this number and its negative", 0.1)


@dataclass(frozen=True)
class Reinforce:
    """A controller trained by the policy gradient (Williams, 1992)."""

    controller: Any = setting("word", "what draws proposals", group="controllers", usual="lstm")
    lr: float = setting("number", "learning rate of the controller (Adam)", 1e-4)
    baseline: float = setting("number", "decay of the mean reward", 0.95, high=1)
    entropy: float = setting("number", "weight of the entropy of proposals", 0.0)
    grad_clip: float = setting("number", "greatest norm of gradients; 0: not clipped", 2.0)
    counted: str = setting(
        "text", "decisions whose probabilities make that of a proposal: those that arise in it, or all", None,
        choices=("arising", "all"), usual='"arising"; with `feedback` "all"',
    )  # fmt: skip


@dataclass(frozen=True)
class Ppo(Reinforce):
    """A controller trained by proximal policy optimization (arXiv:1707.06347)."""

    clip: float = setting(
        "number", "greatest relative change of the probability of a proposal that is rewarded", 0.1, high=1
    )
    buffer: int = setting("whole", "proposals kept", 100, low=1, high=100_000)
    epochs: int = setting("whole", "passes over the buffer after each proposal", 1, low=1, high=1000)
    update: str = setting(
        "text",
        "exact: a step for each slot of the buffer, also for empty ones; batched: one step over the buffer",
        "exact", choices=("exact", "batched"),
    )  # fmt: skip
