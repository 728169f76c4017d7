"""One step ahead of a search: how long a step takes, and how much memory."""

from __future__ import annotations

import copy
import resource
import sys
import time
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from archdsl.search.driver import Search


def trial(search: Search) -> tuple[float, int]:
    """Seconds of a step and bytes of the process after it; the search is as it was before.

    Of two steps the second counts, since the first makes what is made once.
    """
    state = copy.deepcopy(search.net.state_dict())
    batch = search.batches.batch(search.step)
    seconds = 0.0
    for _ in range(2):
        began = time.perf_counter()
        _, _, loss = search.stepper.losses(batch, search.stepper.draw(search.step, 0))
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        seconds = time.perf_counter() - began
    search.net.load_state_dict(state)
    for module in (search.net, search.architecture):
        module.zero_grad(set_to_none=True)
    return seconds, _memory(search.processes.device)


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
