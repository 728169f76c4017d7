"""Engines: the same search wherever it runs; failures are data; killed workers and drivers lose nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl import SpecError
from archdsl.cli import run
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.reporter import Reporter
from archdsl.search.engines.base import Done, Engine, Task
from archdsl.search.engines.choice import read_engine
from archdsl.search.engines.queue import Queue
from archdsl.search.engines.shared_folder import SharedFolder
from archdsl.search.engines.worker_setup import WorkerSetup
from archdsl.search.engines.workers import Workers, visible
from archdsl.search.engines.working import Worker
from small_search import SPEC as SMALL
from trial_search import command, journal, plugin, seen, spec, tried

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes")


@pytest.fixture
def trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed evaluator; files in this folder make trials fail."""
    monkeypatch.chdir(tmp_path)
    with plugin(tmp_path) as found:
        yield found


def ended(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=60)
    return said


# ------------------------------------------------------------ the same search anywhere


@pytest.mark.slow
def test_the_journal_does_not_depend_on_the_engine_or_the_number_of_workers(trouble: Path) -> None:
    archdsl.search(spec(), folder="process")
    archdsl.search(spec(), folder="one", workers=1)
    archdsl.search(spec(), folder="three", workers=3)
    worker = command("work", "folder")
    archdsl.search(spec(), folder="folder", engine="folder")
    said = ended(worker)
    assert worker.returncode == 0, said
    assert "the search has ended after 12 trials" in said
    whole = journal(Path("process"))
    assert len(whole) == 14
    for other in ("one", "three", "folder"):
        assert journal(Path(other)) == whole
        assert Path(other, "best.arch").read_text() == Path("process", "best.arch").read_text()
    assert sorted(seen(trouble)) == sorted(4 * list(range(1, 13)))


# ------------------------------------------------------------ failures


def test_failures_of_networks_are_recorded_and_not_tried_again(trouble: Path) -> None:
    for kind, number in (("raise", 2), ("memory", 5), ("nan", 7)):
        (trouble / f"{kind}-{number}").touch()
    heard: list[int] = []
    found = archdsl.search(spec(), folder="a", workers=2, report=lambda now: heard.append(now.failed))
    assert sorted(seen(trouble)) == list(range(1, 13))
    failed = {one["number"]: one for one in tried(Path("a")) if one["state"] == "failed"}
    assert {n: (one["failure"]["kind"], one["failure"]["reason"]) for n, one in failed.items()} == {
        2: ("exception", "RuntimeError: no such kernel"),
        5: ("memory", "out of memory"),
        7: ("nan", "not a finite number: worth"),
    }
    assert all(one["objective"] is None and one["values"] is None for one in failed.values())
    assert heard[-1] == 3
    assert "3 more failed" in found.how
    archdsl.search(spec(), folder="b")
    assert journal(Path("b")) == journal(Path("a"))


@pytest.mark.slow
def test_a_lost_worker_costs_the_network_nothing_and_three_are_its_own_fault(trouble: Path) -> None:
    archdsl.search(spec(), folder="whole")
    (trouble / "kill-3").write_bytes(b"1")
    (trouble / "exit-4").write_bytes(b"22")
    archdsl.search(spec(), folder="lost", workers=2)
    assert journal(Path("lost")) == journal(Path("whole"))
    assert [seen(trouble).count(n) - 1 for n in (2, 3, 4)] == [1, 2, 3]

    (trouble / "exit-2").write_bytes(b"333")
    archdsl.search(spec(trials=3), folder="fault", workers=1)
    one = tried(Path("fault"))[1]
    assert (one["state"], one["failure"]["kind"]) == ("failed", "lost")
    assert "exit code 7" in one["failure"]["detail"]
    assert "about to end" in one["failure"]["detail"]


def test_what_a_signal_interrupts_is_tried_again(trouble: Path) -> None:
    archdsl.search(spec(), folder="whole")
    heard: list[int] = []
    with pytest.raises(Interrupted):
        archdsl.search(
            spec(pause=0.05), folder="part", workers=2,
            report=lambda now: heard.append(now.tried), stop=lambda: len(heard) >= 5,
        )  # fmt: skip
    assert len(tried(Path("part"))) == 5
    archdsl.search(spec(pause=0.05), folder="part", resume=True)
    assert [one["scores"] for one in tried(Path("part"))] == [one["scores"] for one in tried(Path("whole"))]


def test_workers_that_have_nothing_to_do_are_warned_of(trouble: Path) -> None:
    class Heard(Reporter):
        def warn(self, line: str) -> None:
            warned.append(line)

    warned: list[str] = []
    with pytest.raises(Interrupted):
        archdsl.search(spec(parallel=2), folder="a", workers=3, reporter=Heard(), stop=lambda: True)
    assert warned == ["only 2 of 3 workers are used: `parallel` is 2; --set parallel=3"]


# ------------------------------------------------------------ kills


def forked(**options: Any) -> int:
    """The process of a search like this one, which needs no time to begin."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads of this process hold no lock
        child = os.fork()
    if child:
        return child
    try:
        archdsl.search("s.arch", **options)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def killed_until_done(folder: Path, kills: int, each: int, **options: Any) -> None:
    """Runs a search whose driver is killed (SIGKILL) after every few records, and resumed."""
    rng = random.Random(0)
    for n in range(kills + 1):
        kept = lines(folder)
        resume = (folder / "manifest.json").exists()
        driver = forked(folder=folder, resume=resume, **options)
        while n < kills and lines(folder) < kept + each:
            assert os.waitpid(driver, os.WNOHANG) == (0, 0)
            time.sleep(0.005)
        if n < kills:
            time.sleep(rng.random() * 0.05)
            os.kill(driver, signal.SIGKILL)
        _, status = os.waitpid(driver, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def lines(folder: Path) -> int:
    path = folder / "journal.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_a_killed_driver_is_resumed_and_its_workers_end_with_it(trouble: Path) -> None:
    Path("s.arch").write_text(spec(trials=50, pause=0.03))
    archdsl.search("s.arch", folder="whole")
    (trouble / "seen").unlink()
    killed_until_done(Path("part"), 3, 3, workers=2)
    assert journal(Path("part")) == journal(Path("whole"))
    assert Path("part/best.arch").read_text() == Path("whole/best.arch").read_text()
    pids = {int(one.rpartition(":")[2]) for one in workers(Path("part"))}
    for _ in range(200):
        if not any(map(alive, pids)):
            break
        time.sleep(0.02)
    assert not any(map(alive, pids))


@pytest.mark.parametrize(("workers", "killed"), [(1, "driver"), (1, "worker"), (None, "driver")])
def test_a_program_that_scores_ends_when_its_driver_or_its_worker_is_killed(
    trouble: Path, workers: int | None, killed: str
) -> None:
    text = spec().replace("troubled(pause = 0.0)", "command").replace("worth", "miou")
    Path("s.arch").write_text(text)
    Path("score.py").write_text(
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        f"with open({str(trouble / 'pids')!r}, 'a') as file:\n"
        "    file.write(f'{os.getppid()} {os.getpid()} {child.pid}\\n')\n"
        "time.sleep(60)\n"
    )
    driver = forked(folder="a", workers=workers, command=[sys.executable, "score.py"])
    while not (trouble / "pids").exists() or not (trouble / "pids").read_text().endswith("\n"):
        assert os.waitpid(driver, os.WNOHANG) == (0, 0)
        time.sleep(0.01)
    parent, *programs = map(int, (trouble / "pids").read_text().split()[:3])
    os.kill({"driver": driver, "worker": parent}[killed], signal.SIGKILL)
    for _ in range(1000):
        if not any(map(alive, programs)):
            break
        time.sleep(0.02)
    assert not any(map(alive, programs))
    if killed == "worker":
        os.kill(driver, signal.SIGKILL)
    os.waitpid(driver, 0)


def workers(folder: Path) -> set[str]:
    from archdsl.runs.lines import read_records

    return {record["worker"] for record in read_records(folder / "journal.jsonl") if "worker" in record}


def test_what_workers_of_a_folder_finish_while_the_driver_is_dead_is_used(trouble: Path) -> None:
    Path("s.arch").write_text(spec(trials=30, pause=0.03))
    archdsl.search("s.arch", folder="whole")
    (trouble / "seen").unlink()
    worker = command("work", "part")
    killed_until_done(Path("part"), 2, 2, engine="folder")
    said = ended(worker)
    assert worker.returncode == 0, said
    assert journal(Path("part")) == journal(Path("whole"))
    assert sorted(seen(trouble)) == list(range(1, 31))  # each once: nothing that was finished was lost


def test_trials_of_a_killed_worker_of_a_folder_come_back(trouble: Path, tmp_path: Path) -> None:
    """`archdsl work` itself is killed: its file is not touched any more."""
    text = spec(trials=5, parallel=2)
    archdsl.search(text, folder="whole")
    with pytest.raises(Interrupted):
        archdsl.search(text, folder="part", engine="folder:1s", stop=lambda: True)
    queue = SharedFolder(setup("part"), 1.0).queue
    queue.offer(Task(1, tuple(tried(Path("whole"))[0]["outcomes"])))
    assert queue.claim("gone") is not None
    worker = command("work", "part")
    archdsl.search(text, folder="part", engine="folder:1s", resume=True)
    ended(worker)
    assert journal(Path("part")) == journal(Path("whole"))


def test_what_a_worker_took_before_the_driver_came_is_offered_again_when_it_is_lost(tmp_path: Path) -> None:
    SharedFolder(setup(str(tmp_path / "a"))).queue.offer(Task(2, (2,)))
    queue = Queue(tmp_path / "a" / "work")
    assert queue.claim("gone") is not None
    engine = SharedFolder(setup(str(tmp_path / "a")), 0.05)
    engine.submit(Task(1, (1,)))
    while list(queue.claims()):
        assert engine.collect() == []
    engine.submit(Task(2, (2,)))
    assert [task.number for task in queue.waiting()] == [1, 2]


def test_a_worker_that_was_thought_lost_delivers_after_all(tmp_path: Path) -> None:
    engine = SharedFolder(setup(str(tmp_path / "a")), 0.05)
    task = Task(1, (1,))
    engine.submit(task)
    claim = engine.queue.claim("slow")
    assert claim is not None
    lost = drained(engine)
    assert [one.failure.kind for one in lost if one.failure] == ["lost"]
    engine.submit(task._replace(attempt=2))
    engine.queue.deliver(claim, Done(1, {"worth": 1.0}))
    assert drained(engine) == [Done(1, {"worth": 1.0})]
    assert engine.queue.waiting() == []
    engine.recorded([1])
    engine.queue.deliver(claim, Done(1, {"worth": 1.0}))  # as the second worker does
    engine.submit(Task(2, (2,)))
    assert engine.collect() == []
    assert list(engine.queue.finished()) == []


def drained(engine: Engine) -> list[Done]:
    while not (found := engine.collect()):
        pass
    return found


def setup(folder: str) -> WorkerSetup:
    return WorkerSetup(Path(folder).absolute(), plugins=("troubled",))


# ------------------------------------------------------------ archdsl work


def test_a_stopped_worker_gives_its_trials_back(trouble: Path) -> None:
    with pytest.raises(Interrupted):
        archdsl.search(spec(pause=60.0), folder="a", engine="folder", stop=lambda: True)
    queue = SharedFolder(setup("a")).queue
    task = Task(1, (0,) * 6)
    queue.offer(task)
    worker = Worker(setup("a"), stop=lambda: (trouble / "seen").exists())
    with pytest.raises(Interrupted):
        worker.run()
    assert queue.waiting() == [task]
    assert not list(queue.claims())
    assert not list((queue.folder / "workers").iterdir())


def test_a_worker_ends_when_there_is_nothing_to_do_or_a_stop_file(
    trouble: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Interrupted):
        archdsl.search(spec(), folder="a", engine="folder", stop=lambda: True)
    assert run(["work", "a", "--idle", "0.002"]) == 0
    assert "no trials were left after 0 trials" in capsys.readouterr().out
    Path("a/work/stop").touch()
    assert run(["work", "a"]) == 0
    assert "the search has ended after 0 trials" in capsys.readouterr().out


def test_a_worker_without_a_search_says_how_to_start_one(
    trouble: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["work", "nowhere", "--idle", "0.001"]) == 1
    said = capsys.readouterr().err
    assert "ARCH959" in said
    assert "--engine folder" in said


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda: Path("a/spec.arch").write_text(spec(trials=13)), "ARCH911"),
        (lambda: Path("a/manifest.json").write_text("{}"), "ARCH911"),
    ],
)
def test_a_worker_refuses_a_run_whose_spec_or_manifest_was_changed(
    trouble: Path, change, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Interrupted):
        archdsl.search(spec(), folder="a", engine="folder", stop=lambda: True)
    change()
    SharedFolder(setup("a")).queue.offer(Task(1, (0,) * 6))
    assert run(["work", "a"]) == 1
    assert code in capsys.readouterr().err
    assert [task.number for task in SharedFolder(setup("a")).queue.waiting()] == [1]


# ------------------------------------------------------------ what cannot run


def test_workers_that_cannot_open_the_run_end_the_search(trouble: Path) -> None:
    engine = Workers(setup("nowhere"), 2)
    engine.submit(Task(1, (0,)))
    with pytest.raises(SpecError, match="ARCH911"):
        drained(engine)
    engine.close()


def test_workers_that_end_at_once_end_the_search_with_what_they_printed(
    trouble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    engine = Workers(setup("nowhere"), 2)
    engine.submit(Task(1, (0,)))
    with pytest.raises(SpecError, match="ARCH956") as error:
        drained(engine)
    engine.close()
    assert error.value.diagnostics[0].help == "the worker ended with exit code 1"


@pytest.mark.parametrize(
    ("options", "headline"),
    [
        ({"engine": "raye"}, "unknown engine `raye`"),
        ({"engine": "ray:HOST"}, "invalid engine `ray:HOST`"),
        ({"engine": "folder:soon"}, "invalid lease `soon`"),
        ({"engine": "folder:0.1s"}, "invalid lease `0.1s`"),
        ({"engine": "folder", "workers": 2}, "the engine `folder` does not start workers"),
        ({"engine": "process", "workers": 2}, "the engine `process` has no workers"),
        ({"threads": 2}, "the engine `process` has no workers"),
        ({"workers": 0}, "`workers` must be an integer from 1 to 1,024, got 0"),
        ({"workers": 2, "gpus": 1.5}, "invalid number of GPUs per trial: 1.5"),
        ({"workers": 2, "gpus": float("nan")}, "invalid number of GPUs per trial: nan"),
    ],
)
def test_engines_that_there_are_not_and_settings_that_they_do_not_read_are_refused(
    options: dict, headline: str
) -> None:
    with pytest.raises(SpecError) as error:
        read_engine(**options)
    found = error.value.diagnostics[0]
    assert (found.code, found.headline) == ("ARCH958", headline)
    assert found.help


def test_a_differentiable_search_has_no_engine(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="ARCH606: `engine` is not an option of differentiable searches"):
        archdsl.search(SMALL, folder=tmp_path / "a", workers=2)


def test_engines_are_read_from_words() -> None:
    assert read_engine().name == "process"
    assert read_engine(workers=3)[:2] == ("workers", 3)
    assert read_engine("folder:1.5min").lease_s == 90
    assert read_engine("ray://head:6379", 4, 0.5) == ("ray", 4, 0.5, None, "head:6379", None)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"workers": 3, "gpus": 0.5, "threads": 2},
        {"engine": "folder:90s", "threads": 2},
        {"engine": "folder"},
        {"engine": "ray", "gpus": 2.0},
        {"engine": "ray://head:6379", "workers": 4},
    ],
)
def test_the_options_that_choose_an_engine_again_choose_the_same(options: dict) -> None:
    words = read_engine(**options).words()
    again = dict(zip(words[::2], words[1::2], strict=True))
    kinds = {"--engine": str, "--workers": int, "--gpus-per-trial": float, "--threads": int}
    names = {"--engine": "engine", "--workers": "workers", "--gpus-per-trial": "gpus", "--threads": "threads"}
    given = {names[word]: kinds[word](value) for word, value in again.items()}
    assert read_engine(**given) == read_engine(**options)


def test_gpus_are_shared_out_and_too_few_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert visible(4, None, None) == ["2", "3", "2", "3"]
    assert visible(4, 0.5, None) == ["2", "2", "3", "3"]
    assert visible(1, 2, None) == ["2,3"]
    assert visible(4, None, "cuda:0") is None
    for count, gpus in ((3, 1.0), (5, 0.5), (2, 2.0)):
        with pytest.raises(SpecError, match="ARCH956"):
            visible(count, gpus, None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible(2, None, None) is None
    with pytest.raises(SpecError, match="ARCH956"):
        visible(1, 0.5, None)


def test_ray_that_is_not_installed_is_named_with_its_extra(
    trouble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SpecError, match="ARCH957") as error:
        archdsl.search(spec(), folder="a", engine="ray")
    assert error.value.diagnostics[0].help == "pip install 'archdsl[ray]'"
    assert not (Path("a") / "journal.jsonl").exists()
