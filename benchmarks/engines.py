"""Engines of searches by trials: overhead, candidates an hour, kills, and a long journal.

python benchmarks/engines.py [overhead] [speedup] [kills] [long], all by default; Ray's figures where it is
installed.  What a part measures is written into results/engines.json; figures of other parts stay.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from measure import RESULTS, machine, one_thread

one_thread()
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import archdsl  # noqa: E402
from archdsl.search.engines.base import Engine, Task  # noqa: E402
from archdsl.search.engines.shared_folder import SharedFolder  # noqa: E402
from archdsl.search.engines.worker_setup import WorkerSetup  # noqa: E402
from archdsl.search.engines.workers import Workers  # noqa: E402
from trial_search import command, journal, plugin, seen, spec, tried  # noqa: E402  (tests are no package)

ENGINES = ("workers", "folder", *(("ray",) if find_spec("ray") else ()))
WORKERS, TASKS, AHEAD = 4, 2_000, 8
KILLS = 20
STARTED = 6
"""Trials until all workers are at work."""

COSTS = """arch 1

space S {
  input image: [3, 16, 32]
  x[0] = image -> conv(c = 4)
  stage body for i in 1..6 {
    k = one of {1, 3, 5, 7, 9, 11, 13}
    x[i] = x[i - 1] -> conv(c = 4, k = k)
  }
  output logits = x[6] -> conv(c = 3, k = 1)
}

search Q for S {
  strategy = random
  trials = 2
  minimize macs
}
"""
TRAINED = """arch 1

space S(; classes = 11) {
  input image: [3, 96, 192]
  x[0] = image -> conv(c = 16, s = 2) -> bn -> relu
  stage body for i in 1..6 {
    k = one of {3, 5}
    x[i] = x[i - 1] -> conv(c = 16, k = k) -> bn -> relu
  }
  output logits = x[6] -> conv(c = classes, k = 1) -> upsample(like = image)
}

search Q for S {
  strategy = random
  evaluate = training(epochs = 1)
  data = synthetic(images = 32)
  batch = 8
  trials = 30
  parallel = 4
  maximize miou
}
"""


# ------------------------------------------------------------ overhead


@contextmanager
def engine(name: str, setup: WorkerSetup) -> Iterator[Engine]:
    work = None
    if name == "workers":
        made: Engine = Workers(setup, WORKERS)
    elif name == "folder":
        made = SharedFolder(setup)
        words = [sys.executable, "-m", "archdsl", "work", str(setup.run), "--workers", str(WORKERS)]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        work = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL)
    else:
        from archdsl.search.engines.ray_cluster import RayCluster

        made = RayCluster(setup, WORKERS)
    try:
        yield made
    finally:
        made.close()
        if work is not None:
            work.wait()


def drained(made: Engine, tasks: list[Task]) -> float:
    """Seconds that tasks take, of which a few are open at a time."""
    begin, ahead, open_ = time.perf_counter(), list(reversed(tasks)), 0
    while ahead or open_:
        while ahead and open_ < AHEAD:
            made.submit(ahead.pop())
            open_ += 1
        done = made.collect()
        assert all(one.failure is None for one in done)
        made.recorded([one.number for one in done])
        open_ -= len(done)
    return time.perf_counter() - begin


def overhead() -> dict[str, Any]:
    """Milliseconds of a trial without anything to evaluate."""
    found = {}
    for name in ENGINES:
        with tempfile.TemporaryDirectory() as folder:
            archdsl.search(COSTS, folder=Path(folder) / "run")
            with engine(name, WorkerSetup(Path(folder) / "run")) as made:
                drained(made, [Task(n, (n % 7,) * 6) for n in range(1, 101)])
                rounds = [
                    drained(made, [Task(r * TASKS + n, (n % 7,) * 6) for n in range(TASKS)]) / TASKS * 1e3
                    for r in range(1, 6)
                ]
        found[name] = {"ms_per_trial": rounds, "median": round(statistics.median(rounds), 3)}
        print(f"{name}: {found[name]['median']} ms a trial, {WORKERS} workers")
    return found


# ------------------------------------------------------------ candidates an hour


def rate(folder: Path) -> float:
    """Candidates an hour, without the time until all workers are at work."""
    from archdsl.runs.lines import read_records

    times = [one["elapsed"] for one in read_records(folder / "journal.jsonl") if one["kind"] == "tried"]
    return 3600 * (len(times) - STARTED) / (times[-1] - times[STARTED - 1])


def speedup() -> dict[str, Any]:
    """Two workers of one thread each against the process of the search with one thread."""
    rates: dict[str, list[float]] = {
        "process": [],
        "workers": [],
        **({"ray": []} if "ray" in ENGINES else {}),
    }
    journals = []
    for _ in range(3):
        for name in rates:
            with tempfile.TemporaryDirectory() as folder:
                run = Path(folder) / "run"
                archdsl.search(
                    TRAINED, folder=run, engine=name, workers=None if name == "process" else 2
                )  # fmt: skip
                rates[name].append(rate(run))
                journals.append(journal(run))
    ratios = {
        name: statistics.median(a / b for a, b in zip(rates[name], rates["process"], strict=True))
        for name in rates
    }
    print({name: f"{ratio:.2f}" for name, ratio in ratios.items()})
    return {
        "candidates_per_hour": rates,
        "ratio": ratios,
        "same_journal": all(j == journals[0] for j in journals),
    }


# ------------------------------------------------------------ kills


def children(pid: int) -> list[int]:
    """All processes below one."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            below = [int(one) for one in (task / "children").read_text().split()]
        except OSError:
            continue
        found += [one for child in below for one in (child, *children(child))]
    return found


def says(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def lines(folder: Path) -> int:
    path = folder / "journal.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kills_of(name: str, here: Path, trouble: Path, options: list[str]) -> dict[str, Any]:
    """A search whose driver, or one of its workers, is killed at random moments."""
    rng, run, came = random.Random(name), here / name, []
    (trouble / "seen").write_text("")
    helpers: list[subprocess.Popen[str]] = []

    def helped() -> None:
        if name == "folder":
            helpers[:] = [one for one in helpers if one.poll() is None]
            helpers.extend(command("work", str(run)) for _ in range(2 - len(helpers)))

    def driver() -> subprocess.Popen[str]:
        where = ("--resume", str(run)) if (run / "manifest.json").exists() else ("--out", str(run))
        return command("search", str(here / "s.arch"), *where, *options)

    process = driver()
    while len(came) < KILLS:
        helped()
        until = lines(run) + rng.randint(2, 7)
        while lines(run) < until and process.poll() is None:
            helped()
            time.sleep(0.01)
        if process.poll() is not None:
            break
        time.sleep(rng.random() * 0.2)
        if rng.random() < 0.5:
            process.kill()
            process.communicate()
            came.append(["driver", lines(run)])
            process = driver()
            continue
        below = [one.pid for one in helpers] if name == "folder" else children(process.pid)
        mine = {"folder": "archdsl", "workers": "engines.serving", "ray": "ray::Actor"}[name]
        victims = [pid for pid in below if mine in says(pid)]
        if victims:
            os.kill(rng.choice(victims), signal.SIGKILL)
            came.append(["worker", lines(run)])
    said, _ = process.communicate()
    assert process.returncode == 0, said
    for one in helpers:
        one.communicate()
    whole = here / "whole"
    numbers = [one["number"] for one in tried(run)]
    found = {
        "killed_after_records": came,
        "kills": len(came),
        "trials": len(numbers),
        "each_once": numbers == list(range(1, len(numbers) + 1)),
        "evaluations": len(seen(trouble)),
        "same_journal": journal(run) == journal(whole),
        "same_network": (run / "best.arch").read_text() == (whole / "best.arch").read_text(),
    }
    print(name, {key: value for key, value in found.items() if key != "killed_after_records"})
    return found


def kills() -> dict[str, Any]:
    found = {}
    with tempfile.TemporaryDirectory() as folder, plugin(Path(folder)) as trouble:
        here = Path(folder)
        (here / "s.arch").write_text(spec(trials=160, parallel=4, pause=0.1))
        archdsl.search(here / "s.arch", folder=here / "whole", workers=4)
        for name in ENGINES:
            options = ["--engine", "folder:3s"] if name == "folder" else ["--engine", name, "--workers", "4"]
            found[name] = kills_of(name, here, trouble, options)
    return found


# ------------------------------------------------------------ a long journal


def long() -> dict[str, Any]:
    """A hundred thousand trials in one journal, and what it takes to resume them."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "s.arch").write_text(COSTS.replace("trials = 2", "trials = 100000"))
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        words = [sys.executable, "-m", "archdsl", "search", str(here / "s.arch")]
        begin = time.monotonic()
        first = subprocess.Popen([*words, "--out", str(here / "run")], env=env, stdout=subprocess.DEVNULL)
        while lines(here / "run") < 99_000 and first.poll() is None:
            time.sleep(0.02)
        first.kill()
        first.wait()
        kept, taken = lines(here / "run"), time.monotonic() - begin

        cpu, begin = _cpu(), time.monotonic()
        again = subprocess.Popen([*words, "--resume", str(here / "run")], env=env, stdout=subprocess.DEVNULL)
        until = kept + 1
        while lines(here / "run") < until:
            assert again.poll() in (None, 0)
            time.sleep(0.01)
        to_first, cpu_to_first = time.monotonic() - begin, _cpu_of(again.pid)
        assert again.wait() == 0
        whole, cpu = time.monotonic() - begin, _cpu() - cpu
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        report = here / "run" / "report.html"
        found = {
            "trials_when_killed": kept,
            "seconds_until_killed": taken,
            "seconds_to_the_first_new_trial": to_first,
            "cpu_seconds_to_the_first_new_trial": cpu_to_first,
            "seconds_of_the_resumed_process": whole,
            "cpu_seconds_of_the_resumed_process": cpu,
            "most_memory_mb": usage.ru_maxrss / 1024,
            "report_mb": report.stat().st_size / 2**20 if report.exists() else None,
            "journal_mb": (here / "run" / "journal.jsonl").stat().st_size / 2**20,
            "load_of_the_machine": os.getloadavg()[0],
        }
    print(found)
    return found


def _cpu_of(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "overhead": overhead, "speedup": speedup, "kills": kills, "long": long,
}  # fmt: skip


def main() -> None:
    path = RESULTS / "engines.json"
    figures = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name in sys.argv[1:] or PARTS:
        figures = {**figures, "machine": machine(), name: PARTS[name]()}
        path.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
