"""Estimates the memory of a search on a CPU from steps at small crops, before any step at the full crop size.

A process needs more memory than its tensors: for buffers of kernels, and for freed blocks of the allocator
that fit no later tensor. Measurements show that this excess grows linearly with the number of pixels
(docs/supernet.md), so that it can be extrapolated from two small crops.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from archdsl.backends.supernet.fitting import demand_trainable
from archdsl.data.batches import Batch
from archdsl.diagnostics import SpecError
from archdsl.search.differentiable.footprint import Footprint, footprint
from archdsl.search.differentiable.sharing import is_elastic

if TYPE_CHECKING:
    from archdsl.search.differentiable.driver import Search

SHARES = (4, 2)
"""The divisors of height and width of the full crop, for crops of 1/16 and 1/4 of its pixels."""
STEPS = 3
LEAST = 1 << 28
"""The minimum size of the tensors of a step, in bytes, for measuring the excess; smaller steps fit anyway."""


def estimated(search: Search, need: Footprint, *, optimizers: bool = True) -> int | None:
    """The expected peak memory of this process in bytes, for steps of each phase at the full crop.

    `need` is the footprint of the search; `optimizers` is True if the optimizers have no state yet. Trains
    the search for some steps; the caller must restore its state. None if the device is not a CPU, if steps
    are small, or if a space does not support the small crops.
    """
    if search.processes.device.type != "cpu" or need.step < LEAST:
        return None
    height, width = search.crop
    # What the process has when optimizers have their state, which the first step makes.
    before = resident() + (need.optimizers if optimizers else 0)
    known: list[tuple[int, int]] = []
    for share in SHARES:
        crop = height // share, width // share
        if not _supported(search, crop):
            return None
        tensors = footprint(search, crop)
        _run_steps(search, crop)
        excess = _peak() - before - tensors.step
        known.append((crop[0] * crop[1], max(0, excess)))
    return before + need.step + extrapolated(known, height * width)


def extrapolated(known: Sequence[tuple[int, int]], pixels: int) -> int:
    """The excess memory at a number of pixels, extrapolated from two (pixels, excess); not decreasing."""
    (few, less), (more, last) = known
    return last + max(0, last - less) * (pixels - more) // (more - few)


def resident() -> int:
    """The resident memory of this process in bytes; 0 if unknown."""
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    except (OSError, UnicodeDecodeError):
        return 0
    return int(pages) * resource.getpagesize()


def _peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _supported(search: Search, crop: tuple[int, int]) -> bool:
    """Whether all spaces of a search can be trained on crops of a size (height, width)."""
    for member in search.members:
        elastic = is_elastic(member.config.share, member.space.searched)
        try:
            demand_trainable(member.space.searched, crop, search.config.batch, elastic)
        except SpecError:
            return False
    return True


def _run_steps(search: Search, crop: tuple[int, int]) -> None:
    def part(x: torch.Tensor) -> torch.Tensor:
        return x[..., : crop[0], : crop[1]].contiguous()

    def cropped(batch: Batch) -> Batch:
        maps = {name: part(target) for name, target in batch.maps.items()}
        return Batch(part(batch.images_B3HW), part(batch.masks_BHW), maps)

    batch = cropped(search.batches.batch(search.step))
    for epoch in search.phases():
        for number in range(STEPS):
            at = search.step + number
            search.trainer.rehearse(at, epoch, batch, lambda step: cropped(search.held.batch(step)))
