"""Gradient checkpointing of parts of a supernet's forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def checkpointed(
    function: Callable[..., tuple[torch.Tensor, ...]],
    names: Sequence[str],
    network: nn.Module,
    *arguments: Any,
) -> tuple[torch.Tensor, ...]:
    """Calls a function with gradient checkpointing: the backward pass calls it again.

    `names` are the layers that the function applies; the second call does not change their running
    statistics.
    """
    layers = [network._modules[name] for name in names]
    stateful = [layer for layer in layers if layer is not None and layer._buffers]
    result: tuple[torch.Tensor, ...] = checkpoint(
        function,
        network,
        *arguments,
        use_reentrant=False,
        context_fn=lambda: (nullcontext(), _buffers_aside(stateful)),
    )
    return result


@contextmanager
def _buffers_aside(layers: Sequence[nn.Module]) -> Iterator[None]:
    """A context manager in which layers update copies of their buffers, which are discarded."""
    kept = [layer._buffers for layer in layers]
    for layer in layers:
        layer._buffers = {name: b if b is None else b.clone() for name, b in layer._buffers.items()}
    try:
        yield
    finally:
        for layer, buffers in zip(layers, kept, strict=True):
            layer._buffers = buffers
