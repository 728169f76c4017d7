"""Scores networks by a program of the user, which reads a network from a file and prints scores as JSON.

The program is an option of the command line, or an argument in Python; it is never read from a spec, a
manifest or a journal, so that specs cannot run code.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from archdsl.bounded import json_of
from archdsl.configs.evaluators import Command
from archdsl.devices.formula import MEASURES
from archdsl.search.evaluators.base import Candidate, EvaluatorContext, Failed, Scores, Stopped
from archdsl.search.evaluators.guard import Guard
from archdsl.search.scores import terms_of

KEPT = 2**16
"""The number of bytes kept from the end of standard output, and of standard error."""

PLACE = "{}"
"""The placeholder for the path of the file in a command."""

_GRACE_S, _POLL_S = 2.0, 0.05


class CommandEvaluator:
    """Runs the program once for each network, and parses the last line of its output."""

    def __init__(self, config: Command, context: EvaluatorContext):
        assert context.command  # a search without one is rejected
        self.command, self.timeout_s, self.stop = context.command, config.timeout / 1000, context.stop
        named = (t.name for t in terms_of(context.goals) if t.name not in MEASURES and t.name != "log")
        self.scores = tuple(dict.fromkeys(config.scores or named))

    def score(self, candidate: Candidate) -> Scores:
        """Runs the program for a network; returns the scores that it prints.

        Raises Failed, with the output, if the exit status is not 0, if the program takes too long, or if it
        does not print JSON with all scores; Stopped if the search is stopping.
        """
        with tempfile.TemporaryDirectory(prefix="archdsl-") as folder:
            file = Path(folder) / f"trial{candidate.number}.arch"
            file.write_text(candidate.text, encoding="utf-8")
            run = _Run(words(self.command, file), self.timeout_s, self.stop)
        if run.timed_out:
            raise Failed("output", f"the command took longer than {self.timeout_s:g} s", run.printed)
        if run.status != 0:
            raise Failed("output", f"the command ended with {_ended(run.status)}", run.printed)
        try:
            return read_scores(run.out, self.scores)
        except ValueError as error:
            raise Failed("output", f"the command printed {error}", run.printed) from error


def words(command: Sequence[str], file: Path) -> list[str]:
    """The words of a command with `{}` replaced by the path of the file, or with the path appended."""
    found = [word.replace(PLACE, str(file)) for word in command]
    return found if any(PLACE in word for word in command) else [*found, str(file)]


def read_scores(out: str, wanted: Sequence[str]) -> dict[str, float]:
    """Parses the scores `wanted` from the last line of an output.

    Raises ValueError with a phrase on what was found instead.
    """
    lines = out.strip().splitlines()
    if not lines:
        raise ValueError("nothing")
    try:
        found = json_of(lines[-1])
    except ValueError as error:
        raise ValueError(f"no JSON as its last line: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("JSON that is not an object of scores")
    if lacking := [name for name in wanted if name not in found]:
        raise ValueError(f"no score {', '.join(lacking)}")
    scores = {}
    for name in wanted:
        value = found[name]
        if type(value) not in (int, float):
            raise ValueError(f"a score {name} that is not a number")
        scores[name] = float(value)
    return scores


class _Run:
    """The result of running a program: `status` is the exit status, `timed_out` whether the program was ended
    after `timeout_s` seconds, `out` the end of standard output, and `printed` the ends of both outputs.

    The program runs in a separate session, so that its child processes can be killed with it. The session is
    also killed if this process is.
    """

    def __init__(self, command: Sequence[str], timeout_s: float, stop: Callable[[], bool]):
        guard = Guard()
        try:
            self._run(command, timeout_s, stop, guard)
        finally:
            guard.close()

    def _run(self, command: Sequence[str], timeout_s: float, stop: Callable[[], bool], guard: Guard) -> None:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise Failed("output", f"the command cannot be run: {error.strerror}") from error
        guard.watch(process.pid)
        assert process.stdout is not None
        assert process.stderr is not None
        outputs = _Last(process.stdout), _Last(process.stderr)
        try:
            self.timed_out = not _wait(process, time.monotonic() + timeout_s, stop)
        finally:
            _end(process)
            for one in outputs:
                one.close()
        self.status = process.returncode
        self.out, err = (one.text for one in outputs)
        self.printed = "\n".join(filter(None, (self.out.strip(), err.strip())))


class _Last:
    """Reads a stream to its end in a thread, and keeps the last bytes."""

    def __init__(self, stream: IO[bytes]):
        self.stream, self.kept = stream, b""
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with self.stream:
            while data := self.stream.read1(KEPT):  # type: ignore[attr-defined]
                self.kept = (self.kept + data)[-KEPT:]

    def close(self) -> None:
        """Waits for the end of the stream, at most two seconds, as a detached process may keep it open."""
        self.thread.join(_GRACE_S)

    @property
    def text(self) -> str:
        return self.kept.decode("utf-8", "replace")


def _wait(process: subprocess.Popen[bytes], until: float, stop: Callable[[], bool]) -> bool:
    """Waits for a process; returns whether it ended in time. Raises Stopped if the search is stopping."""
    while True:
        left = until - time.monotonic()
        try:
            process.wait(max(0.0, min(left, _POLL_S)))
            return True
        except subprocess.TimeoutExpired:
            if stop():
                raise Stopped from None
            if left <= 0:
                return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and the other processes of its session: by SIGTERM, then by SIGKILL."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _ended(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    try:
        return f"the signal {signal.Signals(-status).name}"
    except ValueError:
        return f"the signal {-status}"
