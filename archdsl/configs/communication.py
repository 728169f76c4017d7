"""Settings of messages between the decisions of cells."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.configs.setting import setting


@dataclass(frozen=True)
class Messages:
    """Messages from each cell to the next."""

    hidden: int = setting("whole", "width of a message", 64, low=1)
    residual: float = setting("number", "weight of a message beside the own logits (γ of GAS)", 0.5)
    between: str = setting("text", "which cells communicate", "neighbours", choices=("neighbours",))
    source: str = setting(
        "text", "logits that a message reads: before or after messages", "raw", choices=("raw", "updated")
    )
    lr: float = setting("number", "learning rate of the parameters of messages", 1e-3)


@dataclass(frozen=True)
class Gcn(Messages):
    """A graph convolution (GAS, arXiv:1909.06793, section 3.3)."""

    layers: int = setting("whole", "graph convolutions, as published", 1, choices=(1,))
