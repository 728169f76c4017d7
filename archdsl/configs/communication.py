"""Configs of message passing between the architecture parameters of neighbouring cells (arXiv:1909.06793)."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Messages:
    """Message passing from the logits of each cell to those of the next, by linear layers."""

    hidden: int = setting("whole", "hidden width of the message function", 64, low=1)
    residual: float = setting(
        "number", "weight of the message relative to the cell's own logits (γ in GAS)", 0.5
    )
    between: str = setting("text", "which cells communicate", "neighbours", choices=("neighbours",))
    source: str = setting(
        "text",
        "logits that messages are computed from: before or after message passing",
        "raw",
        choices=("raw", "updated"),
    )
    lr: float = setting("number", "learning rate of the message function", 1e-3)


@dataclass(frozen=True)
class Gcn(Messages):
    """Message passing by a graph convolution (GAS, arXiv:1909.06793, section 3.3)."""

    layers: int = setting("whole", "number of graph convolutions, as published", 1, choices=(1,))
