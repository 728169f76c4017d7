"""The engine of a shared folder: tasks and results are files; workers (`archdsl work`) can join and leave."""

from __future__ import annotations

import time
from collections.abc import Iterable

from archdsl import atomic
from archdsl.runs.reporter import Reporter
from archdsl.search.engines.base import Done, Failure, Task
from archdsl.search.engines.leases import Leases
from archdsl.search.engines.queue import FOLDER, Queue
from archdsl.search.engines.worker_setup import WorkerSetup
from archdsl.search.engines.workers import LOST, WAIT_S

LEASE_S = 60.0
"""The default number of seconds without a heartbeat after which a worker is considered lost.

Network file systems cache modification times for less (NFS: at most a minute, and less for files that are
opened).
"""
_SHORTEST_S, _LONGEST_S = 0.003, 0.2


class SharedFolder:
    """Evaluates networks on all workers of a run folder.

    Results outlive the process of the search: a resumed search reads results that were finished in the
    meantime. The file of a result is kept until the caller has recorded the result.
    """

    def __init__(self, setup: WorkerSetup, lease_s: float = LEASE_S, reporter: Reporter | None = None):
        self.run, self.queue = setup.run, Queue(setup.run / FOLDER)
        self.reporter = reporter or Reporter()
        self.queue.prepare()
        self.queue.end.unlink(missing_ok=True)
        self.queue.announce(lease_s, setup.threads, setup.data)
        self._leases = Leases(lease_s)
        self._open: dict[int, Task] = {}
        self._newest = 0
        self._returned: set[int] = set()
        self._there = {_network(task) for task in self.queue.waiting()}
        self._there |= {_network(claim.task) for claim in self.queue.claims()}
        self._there |= {_network(task) for task, _ in self.queue.finished()}
        self._look_s = lease_s / 10
        self._looked = time.monotonic()
        self._asked = False

    def submit(self, task: Task) -> None:
        if task.number in self._returned:  # its worker was lost
            self.recorded([task.number])
        self._open[task.number] = task
        self._newest = max(self._newest, task.number)
        if _network(task) in self._there:  # a driver before this one had it evaluated
            self._there.discard(_network(task))
            return
        self.queue.offer(task)

    def collect(self) -> list[Done]:
        pause, end = _SHORTEST_S, time.monotonic() + WAIT_S
        while self._open:
            if found := self._arrived() or self._lost():
                return found
            if time.monotonic() > end:
                self._ask()
                return []
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_S)
        return []

    def recorded(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if number in self._returned:
                self._returned.discard(number)
                self.queue.forget(number)

    def close(self) -> None:
        """Ends the workers if no task is open; otherwise, they complete the tasks that they claimed."""
        if self._open:
            self.queue.withdraw()
            return
        self.queue.clear()
        atomic.write_text(self.queue.end, "the search has ended\n")

    def _arrived(self) -> list[Done]:
        found = []
        for task, done in self.queue.finished(self._returned):
            wanted = self._open.get(task.number)
            if wanted is None:
                if task.number <= self._newest:  # it was recorded before, by another worker's result
                    self.queue.forget(task.number)
                continue
            if _network(wanted) != _network(task):  # of a run that was here before
                self.queue.forget(task.number)
                continue
            del self._open[task.number]
            self._returned.add(task.number)
            if wanted.attempt > 1:  # a worker that was thought lost has delivered
                self.queue.withdraw(task.number)
            found.append(done)
        return found

    def _lost(self) -> list[Done]:
        """Results (failures of the kind "lost") for the tasks of workers that were lost."""
        now = time.monotonic()
        if now - self._looked < self._look_s:
            return []
        self._looked = now
        found = []
        for claim in self.queue.claims():
            task = self._open.get(claim.task.number)
            if self._leases.is_lost(self.queue.heartbeat(claim.worker)):
                claim.path.unlink(missing_ok=True)
                self._there.discard(_network(claim.task))
                self.queue.heartbeat(claim.worker).unlink(missing_ok=True)
                if task is not None and not self._is_ahead(task):
                    del self._open[task.number]
                    self.reporter.warn(f"worker {claim.worker} was lost")
                    detail = f"the worker {claim.worker} has not been seen for {self._leases.lease_s:g} s"
                    found.append(Done(task.number, {}, Failure("lost", LOST, detail), 0.0, claim.worker))
        return found

    def _is_ahead(self, task: Task) -> bool:
        """Whether another worker can claim, or has claimed, a task of a lost worker."""
        others = [*self.queue.waiting(), *(claim.task for claim in self.queue.claims())]
        return any(other.number == task.number for other in others)

    def _ask(self) -> None:
        """Reports once how to start workers, if there are none."""
        if self._asked:
            return
        self._asked = True
        if not any((self.queue.folder / "workers").iterdir()):
            self.reporter.info(f"waiting for workers: start them with `archdsl work {self.run}`")


def _network(task: Task) -> tuple[object, ...]:
    return task.number, task.outcomes, task.epochs
