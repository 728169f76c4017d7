"""An overview of the runs in a folder: progress and results of each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from archdsl.diagnostics import SpecError
from archdsl.report.charts import short
from archdsl.report.records import Evaluation, Manifest
from archdsl.report.run import Run, manifest_of, read_run, strategy_of
from archdsl.search.trials.history import History, demand_history

State = Literal["running", "finished", "interrupted"]
_DEEP = 3
"""The number of levels of folders that are searched for runs."""


@dataclass(frozen=True)
class Overview:
    """The progress of a run: `done` of `planned` trials or epochs (`unit`), and its best network.

    `best` are scores and costs of the best network by name; `failed` is the number of trials without a value.
    `strategy` is "" for trainings. `planned` and `seconds` are None if they were not recorded.
    """

    folder: Path
    kind: str
    name: str
    strategy: str
    unit: Literal["trials", "epochs"]
    done: int
    planned: int | None
    state: State
    best: Mapping[str, float] = field(default_factory=dict)
    failed: int = 0
    seconds: float | None = None

    @property
    def best_text(self) -> str:
        return ", ".join(f"{name} {short(value)}" for name, value in self.best.items())


def runs_in(folder: Path) -> tuple[list[Overview], list[SpecError]]:
    """The runs in a folder and up to three levels below, by path, and the errors for unreadable runs."""
    found, unread = [], []
    for path in sorted(_folders(folder, _DEEP)):
        try:
            found.append(overview(path))
        except SpecError as error:
            unread.append(error)
    return found, unread


def _folders(folder: Path, deep: int) -> Iterator[Path]:
    if (folder / "manifest.json").is_file():
        yield folder
    if deep:
        with suppress(PermissionError):
            names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
            for name in names:
                yield from _folders(folder / name, deep - 1)


def overview(folder: Path) -> Overview:
    """The progress of the run in a folder.

    Raises SpecError (ARCH911) without a readable manifest, or if the first record of a search by trials is
    damaged.
    """
    manifest, journal = manifest_of(folder), folder / "journal.jsonl"
    kind = manifest.format.removeprefix("archdsl/").removesuffix("-run")
    if kind == "search" and strategy_of(manifest) != "differentiable":
        begun = journal.exists() and journal.stat().st_size > 0
        return _of_trials(folder, manifest, demand_history(journal) if begun else History((), {}, ()))
    run = read_run(folder)
    return _of_training(folder, run) if kind == "train" else _of_epochs(folder, run)


def _of_trials(folder: Path, manifest: Manifest, history: History) -> Overview:
    best = history.best
    values = zip(history.goals, best.values, strict=True) if best else ()
    return Overview(
        folder, "search", manifest.name, strategy_of(manifest), "trials", len(history.trials),
        _whole(manifest.settings.get("trials")), _state(folder, history.ended),
        {goal.text: value for goal, value in values if value is not None},
        sum(map(len, history.failures().values())), history.seconds,
    )  # fmt: skip


def _planned(settings: Mapping[str, Any]) -> int | None:
    """The planned number of epochs of a search, including those of `pretrain`; None if not recorded."""
    epochs = _whole(settings.get("epochs"))
    return None if epochs is None else epochs + (_whole(settings.get("pretrain")) or 0)


def _of_epochs(folder: Path, run: Run) -> Overview:
    epochs, figures = run.epochs(), run.network
    name, score = run.scored.leading
    best = {} if score is None else {name: score}
    best |= {name: figures[name] for name in ("params", "macs", "latency_ms") if name in figures}
    return Overview(
        folder, "search", run.manifest.name, strategy_of(run.manifest), "epochs", len(epochs),
        _planned(run.manifest.settings), _state(folder, run.end is not None), best,
        seconds=run.seconds or None,
    )  # fmt: skip


def _of_training(folder: Path, run: Run) -> Overview:
    scored, planned = run.evaluations(), _whole(run.manifest.settings.get("epochs"))
    last = run.last(Evaluation)
    steps = run.steps()
    done = steps[-1].epoch - 1 if steps else 0
    if last is not None and steps and last.step >= steps[-1].step:
        done = last.epoch
    name, score = max(scored, key=lambda e: e.value).leading if scored else ("", None)
    best = {} if score is None else {name: score}
    ended = planned is not None and last is not None and last.epoch >= planned
    return Overview(
        folder, "train", run.manifest.name, "", "epochs", done, planned, _state(folder, ended), best
    )


def _state(folder: Path, ended: bool) -> State:
    if _is_held(folder):
        return "running"
    return "finished" if ended else "interrupted"


def _is_held(folder: Path) -> bool:
    """Whether a running process has locked the folder."""
    path = folder / ".lock"
    if not path.exists():
        return False
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        return True
    except OSError:  # a file system without locks, or not ours to write
        return False
    lock.release()
    return False


def _whole(value: Any) -> int | None:
    return value if type(value) is int else None
