"""A search by trials for tests of engines: a strategy and an evaluator of another package, which may fail.

The evaluator scores outcomes by a formula and, in the folder of environment variable TROUBLE, notes the
trials that it was handed.  A file `kill-N`, `exit-N`, `raise-N`, `nan-N`, `memory-N` there makes trial N end
so: `kill` and `exit` take the process down, once for each byte in the file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import archdsl
from archdsl.runs.lines import read_records
from strangers import install, undone

MODULE = '''\
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

from archdsl.configs.evaluators import EvaluatorKind
from archdsl.configs.setting import setting
from archdsl.configs.strategies import StrategyKind


@dataclass(frozen=True)
class Reach:
    """Settings of the walk."""

    reach: int = setting("whole", "decisions changed at once", 2, low=1, high=9)


class Walk:
    """Proposes networks near the best one observed, so that the order of observations matters."""

    def __init__(self, config, domain, seed):
        self.config, self.sizes, self.rng = config, domain.sizes, random.Random(seed)
        self.best, self.value = tuple(0 for _ in self.sizes), float("inf")

    def propose(self):
        found = list(self.best)
        for n in self.rng.sample(range(len(self.sizes)), self.config.reach):
            found[n] = self.rng.randrange(self.sizes[n])
        return tuple(found)

    def observe(self, seen):
        if seen.value < self.value or self.rng.random() < 0.1:
            self.best, self.value = seen.outcomes, seen.value


@dataclass(frozen=True)
class Pause:
    """Settings of the evaluator."""

    pause: float = setting("number", "seconds that an evaluation takes", 0.0)


class Troubled:
    """Scores by a formula, and does what it is told to."""

    def __init__(self, config, context):
        self.config, self.trouble = config, Path(os.environ["TROUBLE"])

    def score(self, candidate):
        number = candidate.number
        with (self.trouble / "seen").open("a") as file:
            file.write(f"{number}\\n")
        time.sleep(self.config.pause * (1 + number % 3))
        for kind in ("kill", "exit"):
            path = self.trouble / f"{kind}-{number}"
            left = path.read_bytes() if path.exists() else b""
            if left:
                path.write_bytes(left[1:])
                print("about to end", flush=True)
                os.kill(os.getpid(), 9) if kind == "kill" else os._exit(7)
        if (self.trouble / f"raise-{number}").exists():
            raise RuntimeError("no such kernel")
        if (self.trouble / f"memory-{number}").exists():
            raise MemoryError
        if (self.trouble / f"nan-{number}").exists():
            return {"worth": float("nan")}
        weights = (n % 7 + 0.1 * (n % 3) for n in range(1, 99))
        return {"worth": sum(w * o for w, o in zip(weights, candidate.outcomes.values(), strict=False)) / 3}


WALK = StrategyKind("a random walk", Reach, make=Walk)
TROUBLED = EvaluatorKind("a formula", Pause, make=Troubled, scores=("worth",))
'''
POINTS = {
    "archdsl.strategies": {"walk": "troubled:WALK"},
    "archdsl.evaluators": {"troubled": "troubled:TROUBLED"},
}
SPACE = """arch 1

space S {
  input image: [3, 16, 32]
  x[0] = image -> conv(c = 4)
  stage body for i in 1..6 {
    k = one of {1, 3, 5, 7}
    x[i] = x[i - 1] -> conv(c = 4, k = k)
  }
  output logits = x[6] -> conv(c = 3, k = 1)
}
"""
TIMES = ("seconds", "elapsed", "worker")
"""What may differ between equal searches."""


def spec(trials: int = 12, parallel: int = 3, pause: float = 0.0) -> str:
    return f"""{SPACE}
search Q for S {{
  strategy = walk
  evaluate = troubled(pause = {pause})
  trials = {trials}
  parallel = {parallel}
  maximize worth
}}
"""


@contextmanager
def plugin(folder: Path) -> Iterator[Path]:
    """The package, installed below a folder and loaded; yields the folder of troubles."""
    site, trouble = folder / "site", folder / "trouble"
    site.mkdir()
    trouble.mkdir()
    (site / "troubled.py").write_text(MODULE)
    before = os.environ.get("TROUBLE")
    os.environ["TROUBLE"] = str(trouble)
    try:
        with undone():
            install(site.absolute(), "troubled", POINTS)
            archdsl.use("troubled")
            yield trouble
    finally:
        os.environ.pop("TROUBLE")
        if before is not None:
            os.environ["TROUBLE"] = before


def journal(folder: Path) -> list[dict]:
    """The records of a run, without times."""
    return [
        {key: value for key, value in record.items() if key not in TIMES}
        for record in read_records(folder / "journal.jsonl")
    ]


def tried(folder: Path) -> list[dict]:
    return [record for record in journal(folder) if record["kind"] == "tried"]


def seen(trouble: Path) -> list[int]:
    """The trials that were evaluated, as often as they were."""
    return [int(line) for line in (trouble / "seen").read_text().split()]


def command(*words: str) -> subprocess.Popen[str]:
    """An archdsl of its own, which finds what this process has installed."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        [sys.executable, "-m", "archdsl", "--plugin", "troubled", *words], env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def dump(folder: Path) -> str:
    return json.dumps(journal(folder), indent=1)
