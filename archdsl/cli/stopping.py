"""Handles Ctrl-C and SIGTERM as requests to stop after the current step."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """A context manager that yields a function: whether SIGINT or SIGTERM was received.

    The second signal ends the process at once.
    """
    received = []

    def note(number: int, _frame: Any) -> None:
        received.append(number)
        for one, handler in before.items():
            signal.signal(one, handler)

    before = {one: signal.signal(one, note) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
