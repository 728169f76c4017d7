"""The engine of local worker processes: each evaluates one network at a time, and ends with the search."""

from __future__ import annotations

import json
import os
import platform
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.search.engines.base import Done, Failure, Task
from archdsl.search.engines.worker_setup import GRACE_S, WorkerSetup

WAIT_S = 0.5
"""The seconds that `collect` waits for a result, so that the caller can handle signals."""
STARTS = 3
"""The number of consecutive workers that end before opening the run, at which the search fails."""
_TAIL = 4_000
"""The number of bytes of a worker's output that are kept."""
LOST = "its worker was lost"
"""The reason of failures of the kind "lost"."""


class Workers:
    """Evaluates networks in at most `count` processes on this machine, which are started on demand.

    `visible` are the GPUs of each process, in the format of CUDA_VISIBLE_DEVICES; None: the GPUs of this
    process. A worker that ends without a result is replaced, and its task is reported as lost.
    """

    def __init__(self, setup: WorkerSetup, count: int, visible: list[str] | None = None):
        self.setup, self.count, self.visible = setup, count, visible
        self._events: queue.SimpleQueue[tuple[_Worker, bytes | None]] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._ahead: deque[Task] = deque()
        self._done: list[Done] = []
        self._unopened = 0

    def submit(self, task: Task) -> None:
        self._ahead.append(task)
        self._hear(wait=False)
        self._hand_out()

    def collect(self) -> list[Done]:
        """Returns results, as `Engine.collect`. Raises SpecError if workers cannot open the run."""
        self._hear(wait=not self._done)
        self._hand_out()
        done, self._done = self._done, []
        return done

    def recorded(self, numbers: Iterable[int]) -> None:
        pass

    def close(self) -> None:
        for worker in self._workers:
            worker.release()  # it ends by itself, with the program that it may run
            if worker.task is None:
                worker.kill()
        until = time.monotonic() + GRACE_S
        for worker in self._workers:
            worker.listening.join(max(0.0, until - time.monotonic()))
            worker.kill()
            worker.listening.join()
        self._workers.clear()
        self._ahead.clear()

    def _hand_out(self) -> None:
        """Assigns tasks to idle workers, and starts workers for the remaining ones."""
        for worker in list(self._workers):
            if worker.ready and worker.task is None and self._ahead:
                worker.take(self._ahead.popleft())
        starting = sum(not worker.ready for worker in self._workers)
        for _ in range(min(len(self._ahead) - starting, self.count - len(self._workers))):
            self._workers.append(self._started())

    def _hear(self, wait: bool) -> None:
        """Processes messages of workers; with `wait`, waits for a message if there is none."""
        try:
            event = self._events.get(timeout=WAIT_S) if wait else self._events.get_nowait()
            while True:
                self._handle(*event)
                event = self._events.get_nowait()
        except queue.Empty:
            return

    def _handle(self, worker: _Worker, line: bytes | None) -> None:
        if line is None:
            worker.release()
        if worker not in self._workers:
            return
        if line is None:
            self._ended(worker)
            return
        message = json.loads(line)
        if "refused" in message:
            found = message["refused"]
            raise SpecError([Diagnostic(found["code"], found["headline"], help=found["help"])])
        if "ready" in message:
            worker.ready, self._unopened = True, 0
            return
        worker.task = None
        self._done.append(Done.of(message["done"]))
        if message["spent"]:
            self._workers.remove(worker)
            worker.release()

    def _ended(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        if worker.task is not None:
            failure = Failure("lost", LOST, worker.ending())
            self._done.append(Done(worker.task.number, failure=failure, worker=worker.name))
        if not worker.ready:
            self._unopened += 1
            if self._unopened == STARTS:
                raise _unopened(worker)

    def _started(self) -> _Worker:
        taken = {worker.slot for worker in self._workers}
        slot = next(n for n in range(self.count) if n not in taken)
        env = environment(self.setup.threads)
        if self.visible is not None:
            env["CUDA_VISIBLE_DEVICES"] = self.visible[slot]
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "archdsl.search.engines.serving"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
            start_new_session=True,  # Ctrl-C is the driver's; what a worker starts ends with it
        )  # fmt: skip
        worker = _Worker(slot, process, self._events)
        worker.send(self.setup.plain())
        return worker


def environment(threads: int) -> dict[str, str]:
    """The environment variables of a local worker, with the module path of this process."""
    return {**os.environ, **threads_of(threads), "PYTHONPATH": module_path()}


def module_path() -> str:
    """The module path of this process, in the format of PYTHONPATH."""
    return os.pathsep.join(os.getcwd() if place == "" else place for place in sys.path)


def threads_of(count: int) -> dict[str, str]:
    """The environment variables that set the number of threads of numeric libraries."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return dict.fromkeys(names, str(count))


def visible(count: int, gpus: float | None, device: str | None) -> list[str] | None:
    """The GPUs of each of `count` workers, in the format of CUDA_VISIBLE_DEVICES.

    None stands for the GPUs of this process. `gpus` is the number of GPUs per trial, which may be a fraction;
    by default, workers are distributed over all GPUs, one for each. Raises SpecError (ARCH956) for too few
    GPUs.
    """
    if device is not None and gpus is None:
        return None
    there = _gpus()
    if gpus is None:
        return [there[slot % len(there)] for slot in range(count)] if there else None
    each, sharing = max(1, int(gpus)), max(1, int(1 / gpus + 1e-9))
    if count * each > len(there) * sharing:
        share = f"{gpus:g} GPU{'' if gpus == 1 else 's'}"
        headline = f"{count} workers with {share} each need more than the {len(there)} available GPUs"
        raise SpecError([Diagnostic("ARCH956", headline, help="lower --workers or --gpus-per-trial")])
    first = [slot // sharing * each for slot in range(count)]
    return [",".join(there[n : n + each]) for n in first]


def _gpus() -> list[str]:
    if (named := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [one for one in named.split(",") if one.strip() not in ("", "-1")]
    if not os.path.exists("/dev/nvidiactl"):  # before torch, which takes a second to import
        return []
    import torch

    return [str(n) for n in range(torch.cuda.device_count())]


@dataclass(eq=False)
class _Worker:
    """A worker process, with two threads that read its messages and its output."""

    slot: int
    process: subprocess.Popen[bytes]
    events: queue.SimpleQueue[tuple[_Worker, bytes | None]]
    task: Task | None = None
    ready: bool = False
    tail: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.name = f"{platform.node()}:{self.process.pid}"
        self.printing = threading.Thread(target=self._keep, daemon=True)
        self.printing.start()
        self.listening = threading.Thread(target=self._listen, daemon=True)
        self.listening.start()

    def take(self, task: Task) -> None:
        self.task = task
        self.send(task.plain())

    def send(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, and `_listen` says so
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def kill(self) -> None:
        """Kills the process and its children, unless it has been reaped, since its id may be reused."""
        if self.process.returncode is not None:
            return
        if os.name == "posix":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()

    def release(self) -> None:
        """Closes the pipe to the process, which makes it end if it has not ended yet."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()

    def ending(self) -> str:
        """A text on how the process ended, with the end of its output."""
        code = self.process.returncode
        how = f"ended with exit code {code}" if code >= 0 else f"was killed by signal {-code}"
        return "\n".join(filter(None, (f"the worker {how}", self.tail.decode("utf-8", "replace").strip())))

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith(b"\n"):
                self.events.put((self, line))
        self._settle()
        self.kill()
        self.process.wait()
        self.process.stdout.close()
        self.printing.join(timeout=1)  # what it started may still print, in a session of its own
        self.events.put((self, None))

    def _settle(self) -> None:
        """Waits up to a second for the process to end by itself, so that the exit code is its own, and not
        that of a kill.
        """
        if os.name != "posix":
            return
        for _ in range(20):
            if os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None:
                return
            time.sleep(0.05)

    def _keep(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as printed:
            while data := os.read(printed.fileno(), 65_536):
                self.tail += data
                del self.tail[:-_TAIL]


def _unopened(worker: _Worker) -> SpecError:
    headline = f"{STARTS} workers in a row exited during start-up, before loading the run"
    return SpecError([Diagnostic("ARCH956", headline, help=worker.ending())])
