"""The shape-keyed fill: weights and inputs whose values depend only on a tensor's kind and shape.

Two implementations of a network that are filled this way must give the same outputs, whatever their
tensors are called and in whatever order they come.  The kinds are conv_weight, conv_bias, bn_weight,
bn_bias, bn_running_mean, bn_running_var and scale (a learned factor per channel); slopes of PReLU are a
quarter of a scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from zlib import crc32

import numpy as np
import torch
from torch import nn


def values(index: int, count: int) -> np.ndarray:
    """`count` numbers in (-1, 1), float64: a hash, in unsigned 32-bit arithmetic, of their positions."""
    h = np.arange(count, dtype=np.uint32) + np.uint32(0x9E3779B9 * (index + 1) % 2**32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return 2 * (h + 0.5) / 2**32 - 1


def image(shape: Sequence[int], index: int) -> torch.Tensor:
    """An input of that shape, float64."""
    return torch.from_numpy(1.5 * values(index, math.prod(shape)).reshape(tuple(shape)))


def fill(module: nn.Module, linear: Sequence[str] = ()) -> nn.Module:
    """The module in float64 and evaluation mode, every parameter and running statistic filled.

    `linear` are the names of layers that the other implementation has as `nn.Linear`.
    """
    module.double().eval()
    with torch.no_grad():
        for kind, tensor in _tensors(module):
            tensor.copy_(_filled(kind, tuple(tensor.shape)))
        for tensor in (tensor for name in linear for tensor in getattr(module, name).parameters()):
            tensor.copy_(_filled("scale", (tensor.numel(),)).reshape(tensor.shape))
    return module


def _tensors(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for child in module.modules():
        if isinstance(child, nn.Conv2d | nn.ConvTranspose2d):
            kinds = {"weight": "conv_weight", "bias": "conv_bias"}
        elif isinstance(child, nn.BatchNorm2d):
            names = ("weight", "bias", "running_mean", "running_var")
            kinds = {name: f"bn_{name}" for name in names}
        elif isinstance(child, nn.PReLU):
            kinds = {"weight": "slope"}
        else:
            kinds = {name: "scale" for name, _ in child.named_parameters(recurse=False)}
        for name, kind in kinds.items():
            if (tensor := getattr(child, name)) is not None:
                yield kind, tensor


def _filled(kind: str, shape: tuple[int, ...]) -> torch.Tensor:
    if kind == "slope":
        return 0.25 * _filled("scale", shape)
    return filled(kind, shape, crc32(f"{kind}:{','.join(map(str, shape))}".encode("ascii")))


def filled(kind: str, shape: Sequence[int], index: int) -> torch.Tensor:
    """A tensor of a kind, by the hash of an index."""
    v = values(index, math.prod(shape)).reshape(tuple(shape))
    if kind == "conv_weight":
        _, inputs, height, width = shape  # inputs are those of one group
        v = v * math.sqrt(6 / (inputs * height * width))
    elif kind == "bn_weight":
        v = 1 + 0.2 * v
    elif kind == "bn_running_var":
        v = 1 + 0.3 * v
    elif kind == "scale":
        v = 1 + 0.25 * v
    else:
        v = 0.1 * v
    return torch.from_numpy(v)
