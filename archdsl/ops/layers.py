"""Modules that `torch.nn` lacks.  The text of a class here is copied into emitted Python source.

Imported only where modules are made.
"""

import torch
from torch import nn


class ChannelScale(nn.Module):
    """Multiplies every channel by a learned factor, 1 at the start."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return x_bchw * self.weight[:, None, None]

    def extra_repr(self) -> str:
        return f"{self.weight.numel()}"
