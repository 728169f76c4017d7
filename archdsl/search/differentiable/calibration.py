"""Estimates the memory of a search on a CPU from steps at small crops, before a step at the full size.

A process needs more than its tensors: buffers inside kernels, and freed blocks of the allocator that fit no
later tensor. Measured, this excess grows linearly with the pixels (docs/supernet.md), so that two small crops
determine it.
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
"""Height and width of the full crop are divided by these: steps of 1/16 and 1/4 of its pixels."""
STEPS = 3
LEAST = 1 << 28
"""Bytes of the tensors of a step from which on the excess is measured; less fits anyway."""


def estimated(search: Search, need: Footprint, *, optimizers: bool = True) -> int | None:
    """The peak memory of this process in bytes over steps of each phase at the full crop; None if unknown.

    `need` is the footprint of the search; `optimizers`: they have no state yet. Trains the search for some
    steps; the caller restores its state. Unknown on other devices, for small steps, and for a space that does
    not support the small crops.
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
    """The excess at a number of pixels by linear extrapolation from two smaller numbers; not decreasing."""
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
    """Whether all spaces of a search can be trained on crops of a size."""
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
