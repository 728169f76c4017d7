"""An exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Average:
    """An exponential moving average of a module's parameters; buffers are copied without averaging.

    With `warm`, the decay after n steps is min(decay, (1 + n) / (10 + n)), so that the initial random weights
    have little weight; otherwise the decay is constant (Polyak averaging).
    """

    def __init__(self, module: nn.Module, decay: float, warm: bool = True):
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.decay, self.warm = decay, warm
        self.steps = 0

    @torch.no_grad()
    def follow(self, module: nn.Module) -> None:
        """Updates the average with the weights of `module` after a training step."""
        kept = min(self.decay, (1 + self.steps) / (10 + self.steps)) if self.warm else self.decay
        self.steps += 1
        own, new = list(self.module.parameters()), list(module.parameters())
        torch._foreach_lerp_(own, new, 1 - kept)  # type: ignore[arg-type]
        for mine, theirs in zip(self.module.buffers(), module.buffers(), strict=True):
            mine.copy_(theirs)

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """Copies the averages to the parameters of `module`; the buffers of `module` are unchanged."""
        for theirs, mine in zip(module.parameters(), self.module.parameters(), strict=True):
            theirs.copy_(mine)
