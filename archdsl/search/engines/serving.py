"""The main program of a worker process: reads tasks and writes results as JSON lines; ends with its driver.

The first line is the setup of the worker. Output of evaluators goes to standard error, so that it cannot mix
with results.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, BinaryIO

from archdsl.diagnostics import SpecError
from archdsl.search.engines.base import Task
from archdsl.search.engines.worker_setup import GRACE_S, WorkerSetup, is_spent
from archdsl.search.evaluators.base import Stopped
from archdsl.search.trials.worker_evaluator import worker_evaluator

UNOPENED = 3
"""The exit code of a worker that could not open its run."""


def main() -> None:
    lines, results = _taken_pipes()
    ahead: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    left = threading.Event()
    setup = WorkerSetup.of(json.loads(lines.readline()))
    threading.Thread(target=_listen, args=(lines, ahead, left), daemon=True).start()
    try:
        evaluate = worker_evaluator(setup, left.is_set)
    except SpecError as error:
        first = error.diagnostics[0]
        _write(results, {"refused": {"code": first.code, "headline": first.headline, "help": first.help}})
        sys.exit(UNOPENED)
    _write(results, {"ready": True})
    while (line := ahead.get()) is not None:
        try:
            done = evaluate(Task.of(json.loads(line)))
        except Stopped:
            return
        spent = is_spent(done)
        _write(results, {"done": done.plain(), "spent": spent})
        if spent:
            return


def _taken_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Duplicates standard input and output to descriptors that child processes do not inherit."""
    lines, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return lines, results


def _write(results: BinaryIO, message: Mapping[str, Any]) -> None:
    ahead = memoryview(json.dumps(message).encode() + b"\n")
    while ahead:
        ahead = ahead[results.write(ahead) :]


def _listen(lines: BinaryIO, ahead: queue.SimpleQueue[bytes | None], left: threading.Event) -> None:
    """Reads lines until the driver closes the pipe, or ends in any way; then ends this process.

    `left` makes the evaluator stop; if that takes longer than a timeout, the process is killed with its
    children.
    """
    for line in lines:
        ahead.put(line)
    left.set()
    ahead.put(None)
    time.sleep(GRACE_S)
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main()
