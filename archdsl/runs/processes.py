"""Distributed processes (torchrun), and their collective operations."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn

from archdsl.diagnostics import Diagnostic, SpecError


@dataclass(frozen=True)
class Processes:
    """This process: number `rank` of `world` distributed processes, computing on `device`."""

    rank: int
    world: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process, of all distributed ones, writes files and prints."""
        return self.rank == 0

    def mean_gradients(self, params: Iterable[nn.Parameter]) -> None:
        """Replaces the gradients of parameters by their means over all processes, in one all-reduce.

        A missing gradient counts as zero; if a parameter has no gradient in any process, it stays without
        one.
        """
        if self.world == 1:
            return
        wanted = [p for p in params if p.requires_grad]
        there = torch.tensor([float(p.grad is not None) for p in wanted], device=self.device)
        flat = [p.grad.float().flatten() if p.grad is not None else p.new_zeros(p.numel()) for p in wanted]
        whole = self.sum(torch.cat([there, *flat]))
        counts, *means = torch.split(whole, [len(wanted), *(p.numel() for p in wanted)])
        for p, mean, count in zip(wanted, means, counts.tolist(), strict=True):
            p.grad = (mean / self.world).view_as(p).to(p.dtype) if count else None

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum of a tensor over all processes, as a new tensor on the same device (all-reduce)."""
        if self.world == 1:
            return tensor
        total = tensor.to(self.device, copy=True)
        dist.all_reduce(total)
        return total.to(tensor.device)

    def share(self, count: torch.Tensor) -> torch.Tensor | float:
        """The factor world · count / (sum of all counts), for scaling this process's mean over `count` items.

        The mean of the scaled means over all processes is then the mean over all items. `count` may also be a
        sum of weights.
        """
        if self.world == 1:
            return 1.0
        counted = count.double()
        return (self.world * counted / self.sum(counted).clamp(min=torch.finfo(torch.float64).tiny)).float()

    def same_weights(self, module: nn.Module) -> None:
        """Overwrites the parameters and buffers of a module by those of the first process (broadcast)."""
        if self.world > 1:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, src=0)

    def wait(self) -> None:
        """Waits until all processes reach this call (barrier)."""
        if self.world > 1:
            dist.barrier()

    def stop(self) -> None:
        """Destroys the process group."""
        if self.world > 1:
            dist.destroy_process_group()


def processes(device: str | None = None) -> Processes:
    """Joins the process group if torchrun started this process (gloo on the CPU, NCCL on CUDA).

    Returns the process, which is the only one otherwise. `device` is "cpu", "cuda" or "cuda:N"; by default
    CUDA if available. Raises SpecError (ARCH920) for an unknown or unavailable device.
    """
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    where = _device(device, int(os.environ.get("LOCAL_RANK", "0")))
    if where.type == "cuda":
        torch.cuda.set_device(where)
    if world > 1:
        dist.init_process_group("nccl" if where.type == "cuda" else "gloo")
    return Processes(rank, world, where)


def _device(wanted: str | None, local_rank: int) -> torch.device:
    name = wanted or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(f"cuda:{local_rank}" if name == "cuda" else name)
    except RuntimeError as error:
        raise SpecError(
            [Diagnostic("ARCH920", f"unknown device `{name}`", help="cpu, cuda, cuda:1")]
        ) from error
    there = {"cpu": 1, "cuda": torch.cuda.device_count()}.get(device.type, 0)
    if (device.index or 0) >= there:
        headline = f"device `{device}` is not available"
        has = f"{there} CUDA devices" if device.type == "cuda" else "available: cpu, cuda"
        raise SpecError([Diagnostic("ARCH920", headline, help=f"{has}; use --device cpu for the CPU")])
    return device
