"""Configs of controllers, and of strategies that train a controller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.configs.forms import GROUPED_NAMES, NAMES
from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Lstm:
    """An LSTM that samples the outcome of one decision per step; its input is its previous hidden state.

    In the settings, names of decisions are prefixes of paths without subscripts: `body.kind` names
    `body[2].kind`, `body[3].kind`, ….
    """

    hidden: int = setting("whole", "hidden size, and input size", 100, low=1, high=1000)
    layers: int = setting("whole", "number of layers", 2, low=1, high=4)
    warmup: int = setting("whole", "warm-up steps before the first decision", 0, high=100)
    order: tuple[str, ...] = setting(
        "data", "decisions that are sampled first, in this order", (), form=NAMES, usual="declaration order"
    )
    share: tuple[Any, ...] = setting(
        "data", "groups of decisions that share an output layer", (), form=GROUPED_NAMES,
        usual="one layer per decision",
    )  # fmt: skip
    one_way: tuple[str, ...] = setting(
        "data",
        "paths of decisions after which the LSTM runs an additional step that samples no decision",
        (),
        form=NAMES,
        usual="none",
    )
    feedback: bool = setting("flag", "whether to feed an embedding of each choice back as input", False)
    init: float = setting("number", "range of the uniform initialization: [-init, init]", 0.1)


@dataclass(frozen=True)
class Reinforce:
    """A controller trained by REINFORCE, a policy gradient (Williams, 1992)."""

    controller: Any = setting("word", "the controller", group="controllers", usual="lstm")
    lr: float | None = setting("number", "learning rate of the controller (Adam)", None, usual="1e-2")
    baseline: float = setting("number", "decay of the moving-average reward baseline", 0.95, high=1)
    entropy: float = setting("number", "weight of the entropy bonus", 0.0)
    grad_clip: float = setting("number", "maximum gradient norm; 0 disables clipping", 2.0)
    counted: str | None = setting(
        "text", "decisions included in the probability of a proposal", None, choices=("arising", "all"),
        usual='"arising"; with `feedback` "all"',
    )  # fmt: skip

    @property
    def rate(self) -> float:
        """The learning rate of the controller: `lr`, or the default."""
        return 1e-2 if self.lr is None else self.lr


@dataclass(frozen=True)
class Ppo(Reinforce):
    """A controller trained by proximal policy optimization (arXiv:1707.06347)."""

    lr: float | None = setting(
        "number", "learning rate of the controller (Adam)", None, usual='1e-4; with "batched" 1e-2'
    )
    clip: float = setting("number", "clipping range of the probability ratio", 0.1, high=1)
    buffer: int = setting("whole", "buffer size, in proposals", 100, low=1, high=10_000)
    epochs: int = setting("whole", "epochs over the buffer after each proposal", 1, low=1, high=100)
    update: str = setting(
        "text",
        "one optimizer step per buffer slot, or one for the whole buffer",
        "exact",
        choices=("exact", "batched"),
    )

    @property
    def rate(self) -> float:
        return 1e-4 if self.lr is None and self.update == "exact" else super().rate
