"""Layers of one network over parts of stored layers, equal to layers of its own bit for bit."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from archdsl.backends.making import bare
from archdsl.ops.base import Layer
from archdsl.ops.places import Index, Parts


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
        lent, tensors = self.module.__dict__, _tensors(self.stored)
        for name in self.names:
            value = tensors[name]
            lent[name] = None if value is None else narrowed(value, self.parts.get(name))
        lent["training"] = self.stored.training
        y: torch.Tensor = self.module(x)
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


def narrowed(value: torch.Tensor, part: tuple[Index, ...] | None) -> torch.Tensor:
    """A part of a tensor: a view of it where its channels are one after the other."""
    for axis, index in enumerate(part or ()):
        if not isinstance(index, range):
            value = value.index_select(axis, torch.tensor(index, device=value.device))
        elif index.start != 0 or index.stop != value.shape[axis]:
            value = value.narrow(axis, index.start, index.stop - index.start)
    return value
