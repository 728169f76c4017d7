"""Every strategy: one journal whichever network is finished first, and wherever the search is killed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from strategy_runs import SPACE, hashed

import archdsl
from archdsl.configs.words import STRATEGIES
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.lines import read_records
from archdsl.search.engines.base import Done, Task
from archdsl.search.evaluators.base import Candidate
from archdsl.search.trials import run as running

TIMES = ("seconds", "elapsed", "worker")
SMALL = "controller = lstm(hidden = 5, layers = 1)"
TEXTS = {
    "random": ["random", "random(over = networks)"],
    "evolution": ["evolution(population = 4)"],
    "nsga2": ["nsga2(population = 4)"],
    "hill_climb": ["hill_climb"],
    "reinforce": [f"reinforce({SMALL}, lr = 0.05)"],
    "ppo": [f"ppo({SMALL}, buffer = 4)", f'ppo({SMALL}, update = "batched", lr = 0.05)'],
    "optuna": ["optuna", "optuna(sampler = nsga2(population = 4))", "optuna(sampler = gp)"],
    "successive_halving": [
        "successive_halving(of = evolution(population = 4), rungs = [1, 2, 4], keep = 2)",
        f"successive_halving(of = reinforce({SMALL}, lr = 0.05), keep = 2)",
    ],
}
EVERY = [text for texts in TEXTS.values() for text in texts]
SEVERAL = [text for text in EVERY if text.startswith(("random", "nsga2", "optuna"))]


class Killed(BaseException):
    """What the process ends by."""


class Shuffled:
    """Hands results back in a random order, and is killed with the whole search after so many."""

    def __init__(self, evaluate: Callable[[Task], Done], order: int, after: int | None):
        self.evaluate, self.rng, self.left = evaluate, random.Random(order), after
        self.open: list[Task] = []

    def submit(self, task: Task) -> None:
        self.open.append(task)

    def collect(self) -> list[Done]:
        self.rng.shuffle(self.open)
        count = self.rng.randint(0, len(self.open))
        taken, self.open = self.open[:count], self.open[count:]
        return [self._done(task) for task in taken]

    def _done(self, task: Task) -> Done:
        if self.left == 0:
            raise Killed
        self.left = None if self.left is None else self.left - 1
        return self.evaluate(task)

    def recorded(self, numbers: Iterable[int]) -> None:
        pass

    def close(self) -> None:
        self.open.clear()


def scores(candidate: Candidate) -> dict[str, float]:
    """Numbers that look random; some networks fail."""
    outcomes = tuple(candidate.outcomes.values())
    if hashed(outcomes) > 0.9:
        raise RuntimeError("no such kernel")
    return {"worth": hashed((*outcomes, 1), candidate.epochs), "other": hashed((*outcomes, 2))}


class Searches:
    """Runs one search in folders; what is asked of it is how it goes on and when it ends."""

    def __init__(self, text: str, seed: int, goals: tuple[str, ...], monkeypatch: pytest.MonkeyPatch):
        self.text, self.seed, self.goals, self.monkeypatch = text, seed, goals, monkeypatch

    def run(
        self, folder: Path, order: int = 0, *, killed: int | None = None, stopped: int | None = None
    ) -> None:
        def make(choice: Any, opening: Any, evaluate: Any, reporter: Any) -> Shuffled:
            return Shuffled(evaluate, order, killed)

        heard: list[int] = []
        self.monkeypatch.setattr(running, "make_engine", make)
        archdsl.search(
            archdsl.load("small.arch", text=SPACE), strategy=self.text, evaluate=scores, seed=self.seed,
            scores=("worth", "other"), maximize=self.goals, require="worth >= 0.1",
            settings={"trials": 14, "parallel": 3}, folder=folder,
            resume=(folder / "manifest.json").exists(), report=lambda now: heard.append(now.tried),
            stop=lambda: stopped is not None and len(heard) >= stopped,
        )  # fmt: skip


def journal(folder: Path) -> list[dict[str, Any]]:
    found = read_records(folder / "journal.jsonl")
    return [{key: value for key, value in one.items() if key not in TIMES} for one in found]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """New folders of searches that save snapshots after every trial."""
    monkeypatch.setattr(running, "SNAPSHOT_S", 0.0)
    return (tmp_path / str(n) for n in range(1_000_000))


def test_every_strategy_is_among_them() -> None:
    assert set(STRATEGIES) - set(TEXTS) == {"differentiable"}


@pytest.mark.parametrize(
    ("text", "goals"),
    [*((text, ("worth",)) for text in EVERY), *((text, ("worth", "other")) for text in SEVERAL)],
)
def test_a_journal_depends_neither_on_the_order_of_results_nor_on_where_a_search_was_killed(
    text: str, goals: tuple[str, ...], folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(text)
    searches = Searches(text, rng.randrange(100), goals, monkeypatch)
    whole, part = next(folders), next(folders)
    searches.run(whole)
    for end in ("killed", "stopped", "killed"):
        with suppress(Killed, Interrupted):
            searches.run(part, rng.randrange(100), **{end: rng.randrange(2, 7)})
    searches.run(part, rng.randrange(100))
    expected = journal(whole)
    assert len(expected) > 10
    assert journal(part) == expected
    assert (part / "best.arch").read_text() == (whole / "best.arch").read_text()
