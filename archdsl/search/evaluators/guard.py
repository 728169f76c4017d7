"""Kills a user's scoring program when the process that started it is killed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

_WATCH = """
import os, signal, sys
group = 0
for line in sys.stdin:
    group = int(line)
if group:
    os.killpg(group, signal.SIGKILL)
"""


class Guard:
    """A process that kills a process group when this process ends before `close`, even by SIGKILL.

    It waits for the end of a pipe that only this process has, so that it needs neither polling nor signals.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCH], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def watch(self, group: int) -> None:
        """Watches a process group; 0: none."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(b"%d\n" % group)
            self._process.stdin.flush()

    def close(self) -> None:
        """Ends the guard without killing what it watched."""
        self.watch(0)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
