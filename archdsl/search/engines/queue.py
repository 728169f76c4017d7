"""A queue of tasks, claims and results as files in a folder that several machines share.

Each change is a single rename or removal, which is atomic, also on NFS:

    tasks/00000012-1.json           an unclaimed task, named by trial and attempt
    claims/00000012-1@WORKER.json   the same file, renamed by the worker that claimed it
    results/00000012.json           its result
    workers/WORKER                  touched by a worker while it is alive
    driver.json                     lease duration, threads per trial, and the data
    end                             the search has ended
    stop                            created by the user to stop the workers
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from archdsl import atomic
from archdsl.bounded import json_of, read_bytes
from archdsl.data.source import DataSource
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.search.engines.base import Done, Task

FOLDER = "work"
"""The name of the folder of the queue in a run folder."""
_LARGEST = 2**24
_NAME = re.compile(r"(\d{8,18})-(\d{1,9})(?:@([A-Za-z0-9._-]{1,200}))?\.json")


class Claim(NamedTuple):
    """A task, the worker that claimed it, and the path of its file."""

    task: Task
    worker: str
    path: Path


class Announced(NamedTuple):
    """The settings that the driver publishes to workers: lease duration (s), threads per trial, and data."""

    lease_s: float
    threads: int
    data: DataSource | None


@dataclass(frozen=True)
class Queue:
    """The queue of a run, as files in `folder`; damaged and unrelated files are ignored.

    The process of the search is the driver, which offers tasks; workers claim tasks and deliver results.
    """

    folder: Path

    def prepare(self) -> None:
        for name in ("tasks", "claims", "results", "workers"):
            with atomic.room_for(self.folder):
                (self.folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def end(self) -> Path:
        return self.folder / "end"

    @property
    def driver(self) -> Path:
        return self.folder / "driver.json"

    def announce(self, lease_s: float, threads: int, data: DataSource | None) -> None:
        """Publishes the settings common to all workers."""
        plain = None if data is None else {"kind": data.kind, "settings": dict(data.settings)}
        _write(self.driver, {"lease_s": lease_s, "threads": threads, "data": plain})

    def announced(self) -> Announced | None:
        """The published settings; None before the driver has started.

        Raises SpecError (ARCH959) if the file is damaged.
        """
        if not self.driver.exists():
            return None
        found = _read(self.driver)
        lease_s, threads, data = (found.get(name) for name in Announced._fields)
        if not isinstance(lease_s, int | float) or not 0 < lease_s <= 86_400:
            raise _damaged(self.driver)
        if type(threads) is not int or not 1 <= threads <= 1024:
            raise _damaged(self.driver)
        if data is None:
            return Announced(float(lease_s), threads, None)
        if not isinstance(data, dict) or not isinstance(data.get("settings"), dict):
            raise _damaged(self.driver)
        settings = {key: tuple(v) if isinstance(v, list) else v for key, v in data["settings"].items()}
        kind = str(data.get("kind"))
        return Announced(float(lease_s), threads, DataSource(kind, settings, kind))

    def is_over(self) -> bool:
        """Whether workers should stop, because the search has ended or the user requested it."""
        return self.end.exists() or (self.folder / "stop").exists()

    def heartbeat(self, worker: str) -> Path:
        return self.folder / "workers" / worker

    # ------------------------------------------------------------ the driver

    def offer(self, task: Task) -> None:
        """Adds a task, which any worker can claim."""
        _write(self.folder / "tasks" / f"{_stem(task)}.json", task.plain())

    def waiting(self) -> list[Task]:
        """The tasks that are not claimed."""
        return [task for path in self._listed("tasks") if (task := _task(path)) is not None]

    def claims(self) -> Iterator[Claim]:
        """Yields the claimed tasks."""
        for path in self._listed("claims"):
            match, task = _NAME.fullmatch(path.name), _task(path)
            if match is not None and match[3] is not None and task is not None:
                yield Claim(task, match[3], path)

    def finished(self, but: Collection[int] = ()) -> Iterator[tuple[Task, Done]]:
        """Yields the tasks with results, except those of the trials `but`."""
        for path in self._listed("results"):
            if path.stem.isdecimal() and int(path.stem) in but:
                continue
            found = _read(path)
            try:
                yield Task.of(found["task"]), Done.of(found["done"])
            except (KeyError, TypeError, ValueError, AttributeError):
                continue

    def forget(self, number: int) -> None:
        """Removes the result file of a trial."""
        self._result(number).unlink(missing_ok=True)

    def withdraw(self, number: int | None = None) -> None:
        """Removes the unclaimed tasks of a trial, or all unclaimed tasks; claimed tasks remain."""
        for path in self._listed("tasks"):
            if number is None or path.name.startswith(f"{number:08d}-"):
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Removes all tasks, claims and results."""
        for name in ("tasks", "claims", "results"):
            for path in self._listed(name):
                path.unlink(missing_ok=True)

    # ------------------------------------------------------------ a worker

    def claim(self, worker: str, but: Collection[int] = ()) -> Claim | None:
        """Claims the first unclaimed task for a worker, except those of trials `but`; None without one."""
        for path in self._listed("tasks"):
            match = _NAME.fullmatch(path.name)
            if match is None or int(match[1]) in but:
                continue
            taken = self.folder / "claims" / f"{path.stem}@{worker}.json"
            try:
                path.rename(taken)
            except FileNotFoundError:
                # Another worker was first; or NFS repeated a rename that it had done, and found nothing.
                if not taken.exists():
                    continue
            task = _task(taken)
            if task is not None:
                return Claim(task, worker, taken)
            taken.unlink(missing_ok=True)
        return None

    def deliver(self, claim: Claim, done: Done) -> None:
        """Writes the result of a claimed task, and removes the claim."""
        _write(self._result(claim.task.number), {"task": claim.task.plain(), "done": done.plain()})
        claim.path.unlink(missing_ok=True)

    def give_back(self, claim: Claim) -> None:
        """Makes a claimed task available to other workers again."""
        try:
            claim.path.rename(self.folder / "tasks" / f"{_stem(claim.task)}.json")
        except FileNotFoundError:  # the driver took it back before
            return

    def _result(self, number: int) -> Path:
        return self.folder / "results" / f"{number:08d}.json"

    def _listed(self, name: str) -> list[Path]:
        """The files of a folder, sorted by name, without files that are being written."""
        try:
            found = [entry.name for entry in os.scandir(self.folder / name)]
        except FileNotFoundError:
            return []
        return [self.folder / name / one for one in sorted(found) if not one.startswith(".")]


def _damaged(path: Path) -> SpecError:
    return SpecError(
        [Diagnostic("ARCH959", f"{path} is damaged", help="resume the search, which rewrites it")]
    )


def _stem(task: Task) -> str:
    return f"{task.number:08d}-{task.attempt}"


def _write(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a JSON file; flushes it, also to the server of a network file system, before it is renamed."""
    with atomic.replacing(path) as temporary, temporary.open("wb") as file:
        file.write(json.dumps(value).encode())
        file.flush()
        os.fsync(file.fileno())


def _task(path: Path) -> Task | None:
    try:
        return Task.of(_read(path))
    except (KeyError, TypeError, ValueError):
        return None


def _read(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if the file is gone or invalid."""
    try:
        found = json_of(read_bytes(path, _LARGEST).decode("utf-8"))
    except (OSError, SpecError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
