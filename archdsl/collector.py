"""Defers Python's garbage collector while a large structure without cycles is built."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Context without garbage collection, for building structures without cycles.

    Collections take half of the time at 30,000 statements. The result is bounded by the budgets. Its objects
    belong to the oldest generation afterwards, as if they had been collected, unless objects of the process
    are frozen.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()  # into the oldest generation
            gc.enable()
