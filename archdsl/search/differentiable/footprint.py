"""Predicts the memory of a search by running its steps on meta tensors, which have shapes but no data.

Nothing is allocated, so that a search which needs more memory than available can be rejected before it
starts. Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

import copy
import time
import weakref
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from archdsl.data.targets import LABELS
from archdsl.search.differentiable.step import forward_pass_of
from archdsl.train.losses import cross_entropy

if TYPE_CHECKING:
    from archdsl.search.differentiable.architecture import ArchitectureSample
    from archdsl.search.differentiable.driver import Search

Known = dict[Hashable, list[tuple[Any, ...]]]
"""The shape, strides and dtype of each result of an operation, by the operation and its arguments."""
META = torch.device("meta")
"""The device of tensors that have a shape but no data."""
MOST_STEPS = 4
MOST_SECONDS = 2.0
"""The time limit, in seconds, for the steps of a phase after the first."""


@dataclass(frozen=True)
class Footprint:
    """Sizes of tensors in bytes: weights and statistics, state of optimizers, others at the peak of a step.

    `step` includes activations and gradients.
    """

    weights: int
    optimizers: int
    step: int


def footprint(search: Search, crop: tuple[int, int] | None = None) -> Footprint:
    """The memory of a search: the maximum over a few steps of each phase, with their actual samples.

    `crop` overrides the crop size (height, width). The loss `ohem`, whose selection of pixels needs data, is
    replaced by cross-entropy, which needs as much memory except for one byte per pixel.
    """
    memo: dict[int, Any] = {}
    net = _without_numbers(search.net, memo)
    networks = {member.name: copy.deepcopy(member.network, memo) for member in search.members}
    known: Known = {}
    most = 0
    for epoch, left in search.phases().items():
        end = None
        for number in range(max(1, min(MOST_STEPS, left))):
            samples = search.trainer.samples(search.step + number, epoch)
            with (tally := Tally(net, known)):
                _run_step(search, networks, samples, crop or search.crop)
            most = max(most, tally.most)
            net.zero_grad(set_to_none=True)
            end = end or time.monotonic() + MOST_SECONDS
            if time.monotonic() > end:
                break
    trained = [(search.trainer.by_weights, search.net)]
    trained += [(member.learner.optimiser, member.learner.architecture) for member in search.members]
    optimizers = sum(_states(by) * _bytes(module.parameters()) for by, module in trained)
    return Footprint(_bytes((*search.net.parameters(), *search.net.buffers())), optimizers, most)


def available(device: torch.device) -> int | None:
    """The number of bytes that can still be allocated on a device; None if unknown."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return of_host() if device.type == "cpu" else None


def of_host(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """The available memory and swap of a Linux host in bytes, at most what a container's limit leaves.

    None if unknown. The arguments are the files of the kernel.
    """
    try:
        lines = meminfo.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    free = 1024 * (kib["MemAvailable"] + kib["SwapFree"])
    try:
        limit, taken = ((cgroup / f"memory.{name}").read_text("ascii").strip() for name in ("max", "current"))
    except OSError:
        return free
    return free if limit == "max" else min(free, int(limit) - int(taken))


class Tally(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A context manager that counts the bytes of the tensors that exist while operations run, except those of
    a module.

    `now` is the current number of bytes, `most` its maximum. Operations on meta tensors with equal shapes are
    not repeated, since torch infers shapes in Python, which takes longer than many operations themselves.
    """

    def __init__(self, module: nn.Module, known: Known):
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._known = known
        kept = (*module.parameters(), *module.buffers())
        self._there = {tensor.untyped_storage()._cdata for tensor in kept}

    def __torch_dispatch__(
        self, call: Any, types: Any, arguments: Any = (), named: Mapping[str, Any] | None = None
    ) -> Any:
        """Runs an operation; counts the tensors of its result until they are freed."""
        found = self._run(call, arguments, named or {})
        for tensor in tree_leaves(found):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return found

    def _run(self, call: Any, arguments: Any, named: Mapping[str, Any]) -> Any:
        if not _makes_new_tensors(call):
            return call(*arguments, **named)
        given = tree_leaves((arguments, named))
        if {one.device for one in given if isinstance(one, torch.Tensor)} != {META}:
            return call(*arguments, **named)
        key = call, *map(_look, given)
        known = self._known.get(key)
        if known is not None:
            made = [torch.empty_strided(*size, dtype=dtype, device=META) for *size, dtype in known]
            return made[0] if len(made) == 1 else tuple(made)
        found = call(*arguments, **named)
        tensors = (found,) if isinstance(found, torch.Tensor) else found
        if all(isinstance(tensor, torch.Tensor) for tensor in tensors):
            self._known[key] = [(tensor.shape, tensor.stride(), tensor.dtype) for tensor in tensors]
        return found

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._there:
            return
        self._there.add(key)
        self.now += storage.nbytes()
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._gone, key, storage.nbytes())

    def _gone(self, key: int, size: int) -> None:
        self.now -= size
        self._there.discard(key)


@lru_cache(maxsize=1024)
def _makes_new_tensors(call: Any) -> bool:
    """Whether an operation modifies no argument, and returns only new tensors, not views."""
    schema = call._schema
    plain = all(str(one.type) == "Tensor" and one.alias_info is None for one in schema.returns)
    return bool(plain and schema.returns and not schema.is_mutable)


def _look(value: Any) -> Hashable:
    """The properties of an argument that determine the shapes of results, as a key."""
    if not isinstance(value, torch.Tensor):
        return type(value), value
    return value.shape, value.stride(), value.dtype, value.requires_grad


def _without_numbers(net: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """A copy of a module on the meta device; `memo` is that of `copy.deepcopy`, for further copies."""
    for parameter in net.parameters():
        memo[id(parameter)] = nn.Parameter(torch.empty_like(parameter, device=META), parameter.requires_grad)
    for buffer in net.buffers():
        memo[id(buffer)] = torch.empty_like(buffer, device=META)
    return copy.deepcopy(net, memo)


def _run_step(
    search: Search,
    networks: Mapping[str, Any],
    samples: list[list[ArchitectureSample]],
    crop: tuple[int, int],
) -> None:
    """Runs all forward passes of a step and its backward pass, on meta tensors."""
    batch, (height, width) = search.config.batch, crop
    inputs = [
        torch.empty(batch, channels, height, width, device=META)
        for channels, *_ in search.space.graph.inputs.values()
    ]
    targets = {
        name: torch.empty(
            batch, height, width, dtype=torch.long if name == LABELS else torch.float32, device=META
        )
        for member in search.members for name in member.objective.targets
    }  # fmt: skip
    losses = []
    for member, own in zip(search.members, samples, strict=True):
        for sample in own:
            asked = forward_pass_of(member.network, sample)
            weights = asked.weights and {path: _leaf(w) for path, w in asked.weights.items()}
            with search.trainer.precision():
                run = replace(asked, weights=weights)
                outputs = member.objective.outputs
                found = member.objective.named_outputs(run(networks[member.name], inputs, outputs))
                for loss in member.objective.losses:
                    stand = cross_entropy if loss.kind.task == "classes" else None
                    losses += [loss.of(found[name], targets[loss.target], stand) for name in loss.outputs]
                del found
    if losses:
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]


def _leaf(weights: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(weights, device=META).requires_grad_(weights.requires_grad)


def _states(by: torch.optim.Optimizer) -> int:
    """The number of state tensors, each as large as the parameter, that an optimizer keeps for each
    parameter.
    """
    if isinstance(by, torch.optim.Adam):
        return 2
    return int(any(group["momentum"] for group in by.param_groups))


def _bytes(tensors: Iterable[torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
