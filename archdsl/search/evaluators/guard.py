"""Kills the program of the user that scores networks if the process that started it is killed."""

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
    """A helper process that kills a process group if this process ends before `close`, even by SIGKILL.

    The helper waits for the end of a pipe that only this process has open, without polling or signals.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCH], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def watch(self, group: int) -> None:
        """Sets the process group to kill; 0: none."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(b"%d\n" % group)
            self._process.stdin.flush()

    def close(self) -> None:
        """Ends the helper process without killing the process group."""
        self.watch(0)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
