"""Layers of one network over parts of stored layers, equal to layers of its own bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from archdsl.backends.making import bare
from archdsl.ops.base import Layer
from archdsl.ops.places import Part, Parts

LARGE = 1 << 16
"""Numbers of a weight from which on writing the gradient of a part into it pays, as it costs some 30 µs."""


class Sliced:
    """A layer whose weights and statistics are parts of those of a stored layer.

    It is a module of the right size without tensors of its own: before it runs it is lent those parts.
    """

    def __init__(self, stored: nn.Module, layer: Layer, parts: Parts):
        self.module = bare(layer)
        self.stored, self.parts = stored, parts
        self.names = list(_tensors(stored))
        self.gathered = [
            name
            for name, value in stored._buffers.items()
            if value is not None and any(not isinstance(index, range) for index in parts.get(name, ()))
        ]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.borrow(lambda module: module(x))

    def borrow(self, run: Callable[[nn.Module], torch.Tensor]) -> torch.Tensor:
        """What a function computes with the module, which has its tensors meanwhile."""
        lent, tensors = self.module.__dict__, _tensors(self.stored)
        for name in self.names:
            value = tensors[name]
            lent[name] = None if value is None else lent_part(value, self.parts.get(name))
        lent["training"] = self.stored.training
        y = run(self.module)
        if self.gathered and self.stored.training:
            self._give_back(tensors)
        return y

    def _give_back(self, tensors: dict[str, Any]) -> None:
        """Running statistics that were copied, as their channels are apart, into the stored layer."""
        for name in self.gathered:
            (index,) = self.parts[name]
            place = torch.tensor(index, device=tensors[name].device)
            tensors[name].index_copy_(0, place, self.module.__dict__[name])


def _tensors(module: nn.Module) -> dict[str, Any]:
    return {**module._parameters, **module._buffers}


def lent_part(value: torch.Tensor, part: Part | None) -> torch.Tensor:
    """A part of a tensor, whose gradient is added to that part of the gradient of the whole."""
    if part is None or all(index == range(size) for index, size in zip(part, value.shape, strict=True)):
        return value
    found = narrowed(value, part)
    large = value.numel() >= LARGE and value.numel() >= 2 * found.numel()
    if not (large and value.requires_grad and value.is_leaf and torch.is_grad_enabled()):
        return found
    lent: torch.Tensor = _Lent.apply(value, part)  # type: ignore[no-untyped-call]
    return lent


class _Lent(torch.autograd.Function):
    """`narrowed`, whose backward pass makes no tensor as large as the whole for each part.

    The gradient is written where it belongs; so it is not seen by hooks of the whole, nor returned by
    `torch.autograd.grad`.
    """

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor, part: Part) -> torch.Tensor:
        ctx.value, ctx.part = value, part
        return narrowed(value.detach(), part)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[None, None]:
        value, part = ctx.value, ctx.part
        if value.grad is None:
            value.grad = torch.zeros_like(value)
        _add(value.grad, part, gradients[0])
        return None, None


def _add(whole: torch.Tensor, part: Part, gradient: torch.Tensor) -> None:
    """Adds to a part of a tensor."""
    apart = [axis for axis, index in enumerate(part) if not isinstance(index, range)]
    for axis in range(len(part)):
        index = part[axis]
        if isinstance(index, range):
            whole = whole.narrow(axis, index.start, index.stop - index.start)
    if not apart:
        whole.add_(gradient)
        return
    places = [
        torch.tensor(part[axis] if axis in apart else range(whole.shape[axis]), device=whole.device)
        for axis in range(whole.ndim)
    ]
    grid = torch.meshgrid(*places, indexing="ij")
    whole.index_put_(grid, gradient, accumulate=True)


def narrowed(value: torch.Tensor, part: Part | None) -> torch.Tensor:
    """A part of a tensor: a view if its channels are contiguous."""
    for axis, index in enumerate(part or ()):
        if not isinstance(index, range):
            value = value.index_select(axis, torch.tensor(index, device=value.device))
        elif index.start != 0 or index.stop != value.shape[axis]:
            value = value.narrow(axis, index.start, index.stop - index.start)
    return value
