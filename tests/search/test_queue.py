"""The files of a shared folder: every task is taken once, and workers that fall silent are lost."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archdsl import SpecError
from archdsl.search.engines.base import Done, Task
from archdsl.search.engines.leases import Heartbeat, Leases
from archdsl.search.engines.queue import Queue


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    made = Queue(tmp_path / "work")
    made.prepare()
    return made


def test_a_task_is_taken_by_one_of_many_workers(queue: Queue) -> None:
    for number in range(1, 61):
        queue.offer(Task(number, (number, 0), None))

    def taken(worker: int) -> list[int]:
        found = []
        while (claim := queue.claim(f"w{worker}")) is not None:
            found.append(claim.task.number)
        return found

    with ThreadPoolExecutor(8) as pool:
        each = list(pool.map(taken, range(8)))
    assert sorted(number for found in each for number in found) == list(range(1, 61))
    assert not queue.waiting()
    assert len(list(queue.claims())) == 60


def test_the_first_trial_is_taken_first_and_its_task_reads_back_equal(queue: Queue) -> None:
    task = Task(3, (0, 2, 1), 9, 2)
    queue.offer(Task(100_000_000, (1,), None))
    queue.offer(task)
    claim = queue.claim("w")
    assert claim is not None
    assert claim.task == task
    queue.deliver(claim, Done(3, {"x": 0.1}, None, 1.5, "w"))
    assert list(queue.finished()) == [(task, Done(3, {"x": 0.1}, None, 1.5, "w"))]
    assert not list(queue.claims())


def test_what_is_given_back_is_taken_again(queue: Queue) -> None:
    queue.offer(Task(1, (0,), None))
    first = queue.claim("a")
    assert first is not None
    assert queue.claim("b") is None
    queue.give_back(first)
    second = queue.claim("b")
    assert second is not None
    assert (second.task, second.worker) == (first.task, "b")
    queue.give_back(first)  # which it has not any more
    assert queue.claim("a") is None


def test_a_rename_that_a_server_repeats_has_taken_the_task(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS asks again where the answer is lost, and finds that the file is gone."""
    queue.offer(Task(1, (0,), None))
    rename = Path.rename

    def repeated(self: Path, target: Path) -> Path:
        rename(self, target)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", repeated)
    claim = queue.claim("w")
    assert claim is not None
    assert claim.task.number == 1


NO_NUMBER = '{"number": "1", "outcomes": [], "epochs": null, "attempt": 1}'


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"number": 1}', NO_NUMBER])
def test_files_that_are_no_tasks_are_passed_over(queue: Queue, text: str) -> None:
    (queue.folder / "tasks" / "00000001-1.json").write_text(text)
    (queue.folder / "tasks" / "notes.txt").write_text(text)
    (queue.folder / "results" / "00000001.json").write_text(text)
    queue.offer(Task(2, (0,), None))
    claim = queue.claim("w")
    assert claim is not None
    assert claim.task.number == 2
    assert queue.claim("w") is None
    assert list(queue.finished()) == []


def test_a_task_is_not_taken_by_a_worker_that_runs_the_trial_already(queue: Queue) -> None:
    queue.offer(Task(1, (0,), None, 2))
    assert queue.claim("w", {1}) is None
    assert queue.claim("w", {2}) is not None


@pytest.mark.parametrize(
    "found", [{}, {"lease_s": 0, "threads": 1, "data": None}, {"lease_s": 9, "threads": 10**9, "data": None},
              {"lease_s": 9, "threads": 1, "data": [1]}],
)  # fmt: skip
def test_a_damaged_announcement_is_refused(queue: Queue, found: dict[str, object]) -> None:
    queue.driver.write_text(json.dumps(found))
    with pytest.raises(SpecError, match="ARCH959"):
        queue.announced()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, 2**40), st.floats(0.1, 9.9)), min_size=2, max_size=20),
    st.floats(0.1, 1e9),
)
def test_a_worker_that_touches_its_file_lives_whatever_its_clock_says(
    tmp_path_factory: pytest.TempPathFactory, beats: list[tuple[int, float]], start: float
) -> None:
    """Times of files may stand still for less than the lease, jump back, or be of the future."""
    now = [start]
    leases = Leases(10.0, clock=lambda: now[0])
    path = tmp_path_factory.getbasetemp() / "heartbeat"
    path.touch()
    touched = -1
    for when, pause in beats:
        now[0] += pause if when != touched else 0.0
        touched = when
        os.utime(path, ns=(when, when))
        assert not leases.is_lost(path)


def test_a_worker_is_lost_when_its_file_has_not_changed_for_the_lease(tmp_path: Path) -> None:
    now = [0.0]
    leases = Leases(10.0, clock=lambda: now[0])
    path = tmp_path / "w"
    with Heartbeat(path, 1000.0):
        assert not leases.is_lost(path)
        now[0] = 10.0
        assert not leases.is_lost(path)
        now[0] = 10.1
        assert leases.is_lost(path)
        os.utime(path, ns=(5, 5))
        assert not leases.is_lost(path)
    assert not path.exists()
    assert not leases.is_lost(path)  # it is seen to be gone for the first time
    now[0] = 21.0
    assert leases.is_lost(path)
