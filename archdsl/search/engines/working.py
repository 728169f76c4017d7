"""The worker of a shared folder (`archdsl work`): claims tasks, and runs them in child processes.

If a network crashes its process, the failure is reported immediately, and the worker continues.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.reporter import Reporter
from archdsl.search.engines.base import Done
from archdsl.search.engines.leases import Heartbeat
from archdsl.search.engines.queue import FOLDER, Claim, Queue
from archdsl.search.engines.worker_setup import WorkerSetup, name_here
from archdsl.search.engines.workers import Workers, visible
from archdsl.search.overview import overview

_SHORTEST_S, _LONGEST_S = 0.02, 1.0
_BEATS = 10
"""The number of heartbeats during a lease."""


@dataclass
class Worker:
    """Runs trials of a search, `count` at the same time.

    The worker ends with the search, or after `idle_s` seconds without a task. `gpus` is the number of GPUs
    per trial. `report` is called with each finished trial.
    """

    setup: WorkerSetup
    count: int = 1
    idle_s: float = 1800.0
    gpus: float | None = None
    reporter: Reporter = field(default_factory=Reporter)
    report: Callable[[Claim, Done], None] = lambda claim, done: None
    stop: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self.queue = Queue(self.setup.run / FOLDER)
        self.name = re.sub(r"[^A-Za-z0-9_-]", "-", name_here())[:150] + f"-{secrets.token_hex(2)}"
        self.done = self.failed = 0
        self._claims: dict[int, Claim] = {}

    def run(self) -> None:
        """Runs until the end of the search, or until the worker was idle for `idle_s` seconds.

        If `stop` returns True, makes claimed tasks available again and raises Interrupted. Raises SpecError:
        ARCH959 without a search, and for errors in opening the run.
        """
        lease_s, setup = self._awaited()
        engine = Workers(setup, self.count, visible(self.count, self.gpus, setup.device))
        with ExitStack() as ending:
            ending.enter_context(Heartbeat(self.queue.heartbeat(self.name), lease_s / _BEATS))
            ending.callback(self._give_back)
            ending.callback(engine.close)
            self._work(engine)

    def _awaited(self) -> tuple[float, WorkerSetup]:
        """Waits for the search to start; returns the lease duration in seconds and the setup of workers."""
        self._demand_unfinished()
        until, told = time.monotonic() + self.idle_s, False
        while (found := self.queue.announced()) is None or not _has_begun(self.setup.run):
            if time.monotonic() > until:
                help = "start it with --engine folder, and give its folder (--out) here"
                headline = f"no search found in {self.setup.run}"
                raise SpecError([Diagnostic("ARCH959", headline, help=help)])
            if not told:
                self.reporter.info(f"waiting for a search with --engine folder in {self.setup.run}")
                told = True
            self._pause(_LONGEST_S)
        setup = self.setup._replace(threads=found.threads, data=self.setup.data or found.data)
        return found.lease_s, setup

    def _demand_unfinished(self) -> None:
        """Raises SpecError (ARCH959) if the search is finished."""
        if not _has_begun(self.setup.run) or self.queue.driver.exists():
            return
        if overview(self.setup.run).state == "finished":
            help = "start another search with --engine folder; `archdsl runs` lists the searches of a folder"
            raise SpecError([Diagnostic("ARCH959", f"{self.setup.run} is finished", help=help)])

    def _work(self, engine: Workers) -> None:
        pause, busy = _SHORTEST_S, time.monotonic()
        while not self.queue.end.exists():
            if self._take(engine):
                pause = _SHORTEST_S
            for done in engine.collect() if self._claims else ():
                self._deliver(done)
            if self.stop():
                raise Interrupted(self.done, self.queue.folder)
            if self._claims:
                busy = time.monotonic()
                continue
            if self.queue.is_over() or time.monotonic() - busy > self.idle_s:
                return
            self._pause(pause)
            pause = min(2 * pause, _LONGEST_S)

    def _take(self, engine: Workers) -> bool:
        """Claims as many tasks as can run at the same time; returns whether any was claimed."""
        before = len(self._claims)
        while len(self._claims) < self.count and not self.queue.is_over():
            claim = self.queue.claim(self.name, self._claims)
            if claim is None:
                break
            self._claims[claim.task.number] = claim
            engine.submit(claim.task)
        return len(self._claims) > before

    def _deliver(self, done: Done) -> None:
        claim = self._claims[done.number]
        self.queue.deliver(claim, done)
        del self._claims[done.number]
        self.done += done.failure is None
        self.failed += done.failure is not None
        self.report(claim, done)

    def _give_back(self) -> None:
        if not self.queue.end.exists():
            for claim in self._claims.values():
                self.queue.give_back(claim)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.stop():
                raise Interrupted(self.done, self.queue.folder)
            time.sleep(min(left, 0.1))


def _has_begun(run: Path) -> bool:
    return (run / "manifest.json").exists()
