"""Validates the probabilities of outcomes that expected prices are computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


def numbers(
    decisions: Sequence[str], sizes: Sequence[int], given: Mapping[str, Any]
) -> list[NDArray[np.float64]]:
    """The probabilities as one vector per decision, uniform by default. Raises ValueError for invalid
    vectors.
    """
    _check(decisions, sizes, given)
    return [
        np.asarray(given[path], dtype=float) if path in given else np.full(size, 1 / size)
        for path, size in zip(decisions, sizes, strict=True)
    ]


def tensors(
    decisions: Sequence[str], sizes: Sequence[int], given: Mapping[str, torch.Tensor]
) -> list[torch.Tensor]:
    """The probabilities as one float64 tensor per decision, on its own device, uniform by default.

    Raises ValueError for invalid vectors.
    """
    import torch

    _check(decisions, sizes, given)
    like = next(iter(given.values()), torch.zeros(0))
    return [
        given[path].to(torch.float64)
        if path in given
        else torch.full((size,), 1 / size, dtype=torch.float64, device=like.device)
        for path, size in zip(decisions, sizes, strict=True)
    ]


def _check(decisions: Sequence[str], sizes: Sequence[int], given: Mapping[str, Any]) -> None:
    size = dict(zip(decisions, sizes, strict=True))
    for path, vector in given.items():
        if path not in size:
            raise ValueError(f"unknown decision {path}")
        shape = tuple(np.shape(vector))
        if shape != (size[path],):
            raise ValueError(f"{path} has {size[path]} outcomes, and not {shape}")
