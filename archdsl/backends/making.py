"""Constructs layers fast.

Constructors of torch's layers spend more time on their arguments than on their weights. So each layer is
constructed once for each set of arguments; for further layers, its plain attributes are copied, tensors are
allocated, and its own `reset_parameters` initializes them: the same values from the same state of the random
generator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import nn

from archdsl.ops import layers as own_layers
from archdsl.ops.base import Layer


class _Pattern(NamedTuple):
    """A constructed layer without its tensors, of which the shapes and dtypes are stored.

    `own` are the containers (such as those of hooks) that each layer needs a copy of. A dtype of None is the
    default floating-point dtype; a shape of None means that the layer lacks this tensor.
    """

    cls: type[nn.Module]
    plain: dict[str, Any]
    own: tuple[tuple[str, Any], ...]
    parameters: tuple[tuple[str, torch.Size | None], ...]
    buffers: tuple[tuple[str, torch.Size | None, torch.dtype | None], ...]


def make(layer: Layer) -> nn.Module:
    """Constructs a module with initialized weights, on the default device and of the default dtype."""
    pattern = _pattern(layer.cls, tuple(layer.kwargs.items()))
    if pattern is None:
        return _constructed(layer.cls, layer.kwargs)
    module = _copied(pattern)
    attributes = module.__dict__
    parameters, buffers = attributes["_parameters"], attributes["_buffers"]
    for name, shape in pattern.parameters:
        parameters[name] = None if shape is None else nn.Parameter(torch.empty(shape))
    for name, shape, dtype in pattern.buffers:
        buffers[name] = None if shape is None else torch.empty(shape, dtype=dtype)
    module.reset_parameters()  # type: ignore[operator]
    return module


def bare(layer: Layer) -> nn.Module:
    """Constructs a module without parameters and statistics, which the caller provides."""
    pattern = _pattern(layer.cls, tuple(layer.kwargs.items()))
    if pattern is not None:
        return _copied(pattern)
    with torch.device("meta"):
        module = _constructed(layer.cls, layer.kwargs)
    module._parameters.clear()
    module._buffers.clear()
    return module


def _copied(pattern: _Pattern) -> nn.Module:
    """A copy of the module of a pattern, without tensors."""
    module: nn.Module = object.__new__(pattern.cls)
    attributes = module.__dict__
    attributes.update(pattern.plain)
    for name, container in pattern.own:
        attributes[name] = container.copy()
    return module


def _constructed(cls: str, kwargs: Mapping[str, Any]) -> nn.Module:
    make_one: Callable[..., nn.Module] = getattr(nn, cls, None) or getattr(own_layers, cls)
    return make_one(**kwargs)


@lru_cache(maxsize=4096)
def _pattern(cls: str, kwargs: tuple[tuple[str, Any], ...]) -> _Pattern | None:
    """The pattern of a layer; None for a class without `reset_parameters`, or with child modules."""
    with torch.device("meta"):  # no memory, and nothing drawn from the generator
        module = _constructed(cls, dict(kwargs))
    if module._modules or not hasattr(module, "reset_parameters"):
        return None
    state = vars(module)
    own = {k: v for k, v in state.items() if isinstance(v, (dict, set))}
    return _Pattern(
        cls=type(module),
        plain=state | dict.fromkeys(own),  # in the order of the attributes
        own=tuple((k, {} if k in ("_parameters", "_buffers") else v) for k, v in own.items()),
        parameters=tuple((k, None if p is None else p.shape) for k, p in module._parameters.items()),
        buffers=tuple(
            (k, None, None) if b is None else (k, b.shape, None if b.is_floating_point() else b.dtype)
            for k, b in module._buffers.items()
        ),
    )
