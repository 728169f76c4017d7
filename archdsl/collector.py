"""Python's cycle collector, put off while a large structure without cycles is being built."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """No cycle is looked for meanwhile: trees and graphs have none, and looking again and again at all of
    them takes half of the time at 30,000 statements.  What is built is bounded by the budgets.

    What was built then counts as old, as if it had been looked at, unless objects of the process are frozen.
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
