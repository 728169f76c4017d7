"""Layers of one network over slices of stored layers; results are equal to separate layers bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
from torch import nn

from archdsl.backends.elastic.kernels import (
    WEIGHT,
    Transform,
    Transforms,
    steps_of,
    steps_to,
)
from archdsl.backends.making import make
from archdsl.ops.base import Layer
from archdsl.ops.places import Part, Parts

LARGE = 1 << 14
"""The minimum number of elements of a weight whose slice is made a leaf tensor, for which the backward pass
takes some 15 µs; for smaller weights, autograd pads the gradient of the slice, which is faster.
"""


class Sliced:
    """A layer of one network whose weights and statistics are slices of those of a stored layer.

    `module` is a layer of the size of the slice without tensors of its own. Before each call, the slices are
    assigned to it, so that all slices with equal settings can use one module. With `transforms`, a smaller
    kernel is derived from the slice that has all kernel positions.
    """

    def __init__(self, stored: nn.Module, module: nn.Module, parts: Parts, transforms: Transforms):
        self.module, self.stored = module, stored
        own: Mapping[str, Any] = stored._parameters
        self._steps: tuple[Transform, ...] = ()
        if transforms:
            parts, self._steps = _untransformed(stored, parts, transforms)
            matrices = steps_of(transforms)
            own = {name: value for name, value in own.items() if name not in matrices}
        self._parameters = _lent_of(own, parts)
        self._buffers = _lent_of(stored._buffers, parts)
        self._gathered = [(name, part) for name, part in self._buffers if part is not None and part.apart]
        self._views: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        """For statistics by name, the stored tensor and a view of its slice."""
        self._leaves: dict[str, tuple[torch.Tensor, int, torch.Tensor]] = {}
        """For large weights by name, the stored tensor, its memory address, and the leaf tensor that is its
        slice.
        """

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.borrow(_run, x)

    def borrow(self, run: Callable[..., torch.Tensor], *arguments: torch.Tensor) -> torch.Tensor:
        """Calls `run(module, *arguments)` while the slices are assigned to the module; returns its result."""
        module, stored = self.module, self.stored
        lent, parameters, buffers = module.__dict__, stored._parameters, stored._buffers
        for name, part in self._parameters:
            value = parameters[name]
            if part is None or value is None:
                lent[name] = value
            else:
                lent[name] = self._leaf(name, part, value) if part.is_written(value) else part.lent(value)
        if self._steps:
            lent[WEIGHT] = transformed(lent[WEIGHT], self._steps, parameters)
        for name, part in self._buffers:
            lent[name] = buffers[name] if part is None else self._view(name, part)
        lent["training"] = stored.training
        y = run(module, *arguments)
        if self._gathered and stored.training:
            for name, part in self._gathered:
                part.give_back(buffers[name], lent[name])
        return y

    def _leaf(self, name: str, part: _Lent, value: torch.Tensor) -> torch.Tensor:
        """A slice of a large weight as a leaf tensor, cached until the weight is at another memory
        address.
        """
        found, place = self._leaves.get(name), value.data_ptr()
        if found is None or found[0] is not value or found[1] != place:
            found = self._leaves[name] = value, place, part.written(value)
        return found[2]

    def _view(self, name: str, part: _Lent) -> torch.Tensor | None:
        """The slice of a layer's statistics (None if the layer has none); a view is cached while the stored
        tensor is the same object.
        """
        whole = self.stored._buffers[name]
        if whole is None or part.apart:
            return whole if whole is None else part.of(whole)
        found = self._views.get(name)
        if found is None or found[0] is not whole:
            with torch.inference_mode(False):
                found = self._views[name] = whole, part.of(whole)
        return found[1]


def _run(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return module.forward(x)  # type: ignore[no-any-return]  # nothing can hook a module of our own


def _lent_of(tensors: Mapping[str, Any], parts: Parts) -> list[tuple[str, _Lent | None]]:
    """Each tensor name of a layer, with its slice; None if the tensor is used in full."""
    found: list[tuple[str, _Lent | None]] = []
    for name, value in tensors.items():
        part = parts.get(name)
        found.append((name, None if value is None or part is None else _lent(part, value.shape)))
    return found


@lru_cache(maxsize=1 << 14)
def _lent(part: Part, shape: torch.Size) -> _Lent | None:
    """How to slice tensors of this shape; None if the slice is the whole tensor.

    Cached, since most layers have equal slices.
    """
    if all(index == range(size) for index, size in zip(part, shape, strict=True)):
        return None
    return _Lent(part, shape)


class _Lent:
    """How to slice tensors of one shape: `part` are the indices along each axis."""

    def __init__(self, part: Part, shape: torch.Size):
        self.part = part
        self.apart = [axis for axis, index in enumerate(part) if not isinstance(index, range)]
        """The axes along which the indices of the slice are not contiguous."""
        self._ranges = [
            (axis, index.start, len(index))
            for axis, index in enumerate(part)
            if isinstance(index, range) and len(index) != shape[axis]
        ]
        ends = {axis: (start, shape[axis] - start - length) for axis, start, length in self._ranges}
        self._crop = [-end for axis in reversed(range(len(shape))) for end in ends.get(axis, (0, 0))]
        self._large = shape.numel() >= LARGE and not self.apart
        self._places: dict[torch.device, list[torch.Tensor]] = {}

    def of(self, value: torch.Tensor) -> torch.Tensor:
        """The slice of a tensor: a view if all its indices are contiguous."""
        value = self._narrowed(value)
        if self.apart:
            for axis, place in zip(self.apart, self._at(value.device), strict=True):
                value = value.index_select(axis, place)
        return value

    def _narrowed(self, value: torch.Tensor) -> torch.Tensor:
        for axis, start, length in self._ranges:
            value = value.narrow(axis, start, length)
        return value

    def lent(self, value: torch.Tensor) -> torch.Tensor:
        """The slice of a tensor, through which gradients flow: autograd pads the gradient with zeros to the
        tensor's size.
        """
        crops = len(self._ranges) > 1 and not self.apart and value.requires_grad and torch.is_grad_enabled()
        # One step of the backward pass instead of one for each axis.
        return torch.constant_pad_nd(value, self._crop) if crops else self.of(value)

    def is_written(self, value: torch.Tensor) -> bool:
        """Whether the slice is a leaf tensor whose gradient is added to that of the stored tensor in
        place.
        """
        return self._large and value.is_leaf and value.requires_grad and torch.is_grad_enabled()

    def written(self, value: torch.Tensor) -> torch.Tensor:
        """The slice as a leaf tensor, whose gradient is added to that of the stored tensor in place.

        This avoids a gradient of the size of the stored tensor for each slice; hooks of the stored tensor and
        `torch.autograd.grad` do not see it.
        """

        def add(leaf: torch.Tensor) -> None:
            gradient, leaf.grad = leaf.grad, None
            assert gradient is not None
            if value.grad is None:
                value.grad = torch.zeros_like(value)
            self._narrowed(value.grad).add_(gradient)

        leaf = self.of(value.detach()).requires_grad_()
        leaf.register_post_accumulate_grad_hook(add)  # type: ignore[no-untyped-call]
        return leaf

    def give_back(self, whole: torch.Tensor | None, part: torch.Tensor) -> None:
        """Copies updated statistics to the stored tensor, from a slice that is a copy since its indices are
        not contiguous.
        """
        assert whole is not None
        # Through `data`, as torch's kernels do: the backward pass of an earlier forward in training mode has
        # saved the statistics, and does not read them.
        whole.data.index_copy_(0, self._at(whole.device)[0], part)

    def _at(self, device: torch.device) -> list[torch.Tensor]:
        found = self._places.get(device)
        if found is None:
            with torch.inference_mode(False):  # kept for training, also if first read for evaluation
                found = [torch.tensor(self.part[axis], device=device) for axis in self.apart]
            self._places[device] = found
        return found


def state_of(stored: nn.Module, parts: Parts, transforms: Transforms) -> dict[str, torch.Tensor]:
    """The state dict of a separate layer that computes the same as a slice of a stored layer."""
    parts, steps = _untransformed(stored, parts, transforms) if transforms else (parts, ())
    state = {name: _narrowed(value, parts.get(name)) for name, value in stored.state_dict().items()}
    matrices = {name: state.pop(name) for name in steps_of(transforms)}
    return {**state, WEIGHT: transformed(state[WEIGHT], steps, matrices)} if steps else state


def new_stored(layer: Layer, transforms: Transforms) -> nn.Module:
    """A new stored layer, with the matrices of kernel transforms as further parameters, initially
    identities.
    """
    module = make(layer)
    for name, step in steps_of(transforms).items():
        module.register_parameter(name, nn.Parameter(torch.eye(step.positions)))
    return module


def _untransformed(
    stored: nn.Module, parts: Parts, transforms: Transforms
) -> tuple[Parts, tuple[Transform, ...]]:
    """The slices with all kernel positions, and the transforms to be applied to them."""
    steps = steps_to(parts[WEIGHT], transforms)
    if not steps:
        return parts, ()
    weight = stored._parameters[WEIGHT]
    assert weight is not None
    every = (range(size) for size in weight.shape[-2:])
    return {**parts, WEIGHT: (*parts[WEIGHT][:-2], *every)}, steps


def transformed(
    weight: torch.Tensor, steps: tuple[Transform, ...], matrices: Mapping[str, torch.Tensor | None]
) -> torch.Tensor:
    """A smaller kernel (… × k × k) derived from a larger one (… × K × K), for all channels of a slice."""
    for step in steps:
        matrix = matrices[step.name]
        assert matrix is not None
        part = weight[..., step.rows.start : step.rows.stop, step.columns.start : step.columns.stop]
        weight = F.linear(part.reshape(-1, step.positions), matrix).reshape(part.shape)
    return weight


def _narrowed(value: torch.Tensor, part: Part | None) -> torch.Tensor:
    """A slice of a tensor: a view if all its indices are contiguous."""
    return value if part is None else _Lent(part, value.shape).of(value)
