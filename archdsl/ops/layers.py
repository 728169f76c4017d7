"""Modules that `torch.nn` lacks.  The text of a class here is copied into emitted Python source.

Imported only where modules are made.
"""

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
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


def weighted_batch_norm(norm: nn.BatchNorm2d, x_bchw: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """`norm(x) * weight` for a number, which scales the layer's own scale and shift instead of the tensor."""
    if norm.training and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    if norm.affine:
        scale, shift = norm.weight * weight, norm.bias * weight
    else:
        scale, shift = weight.expand(norm.num_features), None
    mean, var = norm.running_mean, norm.running_var
    return F.batch_norm(x_bchw, mean, var, scale, shift, norm.training, norm.momentum or 0.0, norm.eps)
