"""Detects lost workers of a shared folder: workers that stopped updating the modification time of their file.

Modification times come from the file server, and the clocks of machines differ. Therefore, the observer does
not compare them with a clock, but measures with its own monotonic clock for how long a time has not changed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path


class Leases:
    """Observes the heartbeat files of workers, which must be touched at least every `lease_s` seconds."""

    def __init__(self, lease_s: float, clock: Callable[[], float] = time.monotonic):
        self.lease_s, self.clock = lease_s, clock
        self._seen: dict[Path, tuple[int | None, float]] = {}

    def is_lost(self, heartbeat: Path) -> bool:
        """Whether a heartbeat file was not touched for longer than the lease; False at the first call."""
        now, touched = self.clock(), _touched(heartbeat)
        before = self._seen.get(heartbeat)
        if before is None or before[0] != touched:
            self._seen[heartbeat] = touched, now
            return False
        return now - before[1] > self.lease_s


class Heartbeat:
    """A context manager in which a thread touches a file every `every_s` seconds; the file is removed at the
    end.
    """

    def __init__(self, path: Path, every_s: float):
        self.path, self.every_s = path, every_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Heartbeat:
        self._touch()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join()
        self.path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._end.wait(self.every_s):
            self._touch()

    def _touch(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()  # by the server's clock
        except OSError:  # for now; a worker that cannot be seen for long is lost
            return


def _touched(path: Path) -> int | None:
    """The modification time of a file in ns; None if it cannot be read.

    The file is opened, so that NFS asks the server instead of its cache.
    """
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return None
