"""Synchronized batch normalization that also runs on CPUs (torch's requires GPUs)."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from archdsl.runs.processes import Processes


class SynchronisedBatchNorm2d(nn.BatchNorm2d):
    """A BatchNorm2d whose batch statistics are computed over all processes of the default group.

    All processes must have equally many values per channel. Input and output are B × C × H × W.
    """

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(x_BCHW)
        world = dist.get_world_size()
        exact_BCHW = x_BCHW.float()
        own_C = exact_BCHW.mean((0, 2, 3))
        mean_C = _mean(own_C, world)
        spread_C = exact_BCHW.var((0, 2, 3), correction=0) + (own_C - mean_C) ** 2
        var_C = _mean(spread_C, world)
        self._note(mean_C.detach(), var_C.detach(), world * x_BCHW.numel() // x_BCHW.shape[1])
        scale_C = torch.rsqrt(var_C + self.eps)
        shift_C = -mean_C * scale_C
        if self.affine:
            scale_C, shift_C = scale_C * self.weight, shift_C * self.weight + self.bias
        return torch.addcmul(shift_C[:, None, None], exact_BCHW, scale_C[:, None, None]).to(x_BCHW.dtype)

    def _note(self, mean_C: torch.Tensor, var_C: torch.Tensor, count: int) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        weight = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean_C, weight)
        self.running_var.lerp_(var_C * (count / max(1, count - 1)), weight)


class _Sum(torch.autograd.Function):
    """The sum of a tensor over all processes; the backward pass sums gradients over processes too."""

    @staticmethod
    def forward(_ctx: Any, x_C: torch.Tensor) -> torch.Tensor:
        total_C = x_C.clone()
        dist.all_reduce(total_C)
        return total_C

    @staticmethod
    def backward(_ctx: Any, *slopes_C: torch.Tensor) -> torch.Tensor:
        total_C = slopes_C[0].clone()
        dist.all_reduce(total_C)
        return total_C


def _mean(x_C: torch.Tensor, world: int) -> torch.Tensor:
    total_C: torch.Tensor = _Sum.apply(x_C)  # type: ignore[no-untyped-call]
    return total_C / world


def synchronise(module: nn.Module, processes: Processes) -> None:
    """Makes the batch normalizations of a module synchronized, in place, if there are several processes.

    The layers stay the same objects, since elastic supernets of a co-search share layers.
    """
    if processes.world == 1:
        return
    for layer in module.modules():
        if type(layer) is nn.BatchNorm2d:
            layer.__class__ = SynchronisedBatchNorm2d
