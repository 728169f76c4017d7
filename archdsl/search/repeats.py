"""A search repeated with several seeds: its folder, and mean and standard deviation of the results."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from archdsl import atomic
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.report.charts import short
from archdsl.report.clouds import Places, Series, clouds
from archdsl.report.run import Run, read_run
from archdsl.report.scores import score_name
from archdsl.report.text_tables import table
from archdsl.search.overview import overview
from archdsl.search.trials.comparing import compare, picture, seeds_in
from archdsl.search.trials.history import History, best_so_far, read_history
from archdsl.search.trials.pictures import label_of

MOST = 1_000
"""The maximum number of seeds of a repeated search."""
_PLACES = 400
"""The maximum number of points of the curve of a mean."""


@dataclass(frozen=True)
class RepeatedFolder:
    """The folder of a search with several seeds: a run folder for each, the list of seeds, and a summary."""

    path: Path

    @property
    def seeds_file(self) -> Path:
        return self.path / "seeds.json"

    @property
    def table(self) -> Path:
        return self.path / "seeds.csv"

    @property
    def picture(self) -> Path:
        return self.path / "seeds.svg"

    def of(self, seed: int) -> Path:
        """The folder of the run with a seed."""
        return self.path / f"seed-{seed}"

    def begin(self, seeds: Sequence[int]) -> None:
        """Records the seeds. Raises SpecError (ARCH919) if the folder contains a run."""
        there = seeds_in(self.path) or [p for p in [self.path] if (p / "manifest.json").exists()]
        if there or self.seeds_file.exists():
            headline = f"{there[0] if there else self.path} already contains a run"
            help = (
                f"resume it with --resume {shlex.quote(str(self.path))}, or choose another folder: --out DIR"
            )
            raise SpecError([Diagnostic("ARCH919", headline, help=help)])
        self.path.mkdir(parents=True, exist_ok=True)
        self.write(seeds)

    def write(self, seeds: Sequence[int]) -> None:
        atomic.write_text(self.seeds_file, json.dumps({"seeds": list(seeds)}) + "\n")

    @contextmanager
    def released(self) -> Iterator[None]:
        """A context manager that removes the list of seeds if its block raises SpecError before any run has
        started.
        """
        try:
            yield
        except SpecError:
            if not self.started():
                self.seeds_file.unlink(missing_ok=True)
                with suppress(OSError):  # it has other files
                    self.path.rmdir()
            raise

    def seeds(self) -> list[int] | None:
        """The recorded seeds; None if this is not the folder of a repeated search.

        Raises SpecError (ARCH911) if the list of seeds cannot be read.
        """
        if (self.path / "manifest.json").exists() or not self.seeds_file.exists():
            return None
        try:
            found = json.loads(self.seeds_file.read_bytes())["seeds"]
        except (ValueError, KeyError, TypeError, RecursionError):
            found = None
        if not (isinstance(found, list) and 0 < len(found) <= MOST and all(type(n) is int for n in found)):
            headline = f"cannot resume {self.path}: seeds.json cannot be read"
            raise SpecError([Diagnostic("ARCH911", headline)])
        return found

    def started(self) -> list[Path]:
        """The folders of the runs that were started."""
        return seeds_in(self.path)


Figures = dict[str, float]


def figures(folders: Mapping[int, Path]) -> dict[int, Figures]:
    """The results of runs by seed, as numbers by name; `folders` are the run folders by seed.

    For differentiable searches, final scores and costs; for searches by trials, the best value of each
    objective, size and hypervolume of the front, and numbers of trials and failures.
    """
    histories = {seed: history for seed, path in folders.items() if (history := _history(path))}
    compared = {one.name: one for one in compare({str(seed): one for seed, one in histories.items()})}
    found: dict[int, Figures] = {}
    for seed, path in folders.items():
        if seed not in histories:
            found[seed] = dict(overview(path).best)
            continue
        history = histories[seed]
        best = zip(history.goals, history.best_values(), strict=True)
        found[seed] = {f"best {goal.text}": value for goal, value in best if value is not None}
        if len(history.goals) > 1:
            volume = compared[str(seed)].volume
            found[seed] |= {"front": len(history.front)}
            found[seed] |= {} if volume is None else {"hypervolume": volume}
        lost = sum(map(len, history.failures().values()))
        found[seed] |= {"trials": len(history.trials), "failed": lost}
    return found


def _history(folder: Path) -> History | None:
    journal = folder / "journal.jsonl"
    return read_history(journal) if journal.exists() else None


def spread(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean and the sample standard deviation of values; the deviation of a single value is None."""
    return fmean(values), stdev(values) if len(values) > 1 else None


def _rows(found: Mapping[int, Figures]) -> tuple[list[str], list[tuple[str, list[float | None]]]]:
    """The names of the columns, and labelled rows of numbers: one for each seed, the mean and the standard
    deviation.

    None stands for a number that a run does not have.
    """
    names = list(dict.fromkeys(name for one in found.values() for name in one))
    rows = [(str(seed), [one.get(name) for name in names]) for seed, one in found.items()]
    columns = [[one[name] for one in found.values() if name in one] for name in names]
    spreads = [spread(column) for column in columns]
    rows.append(("mean", [mean for mean, _ in spreads]))
    rows.append(("standard deviation", [deviation for _, deviation in spreads]))
    return names, rows


def table_text(found: Mapping[int, Figures]) -> str:
    """A plain-text table of the results of all seeds, with their mean and standard deviation."""
    names, rows = _rows(found)
    cells = [[label, *("" if value is None else short(value) for value in row)] for label, row in rows]
    return table(["seed", *names], cells, numeric=range(1, len(names) + 1))


def table_csv(found: Mapping[int, Figures]) -> str:
    """The results of all seeds, with their mean and standard deviation, as the text of a CSV file."""
    names, rows = _rows(found)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["seed", *names])
    writer.writerows([label, *("" if value is None else repr(value) for value in row)] for label, row in rows)
    return text.getvalue()


def seeds_picture(folders: Mapping[int, Path]) -> str:
    """A chart of the results of all seeds as SVG.

    For searches by trials with several objectives, the fronts of all seeds; with one objective, the mean of
    the best values so far by trial; for differentiable searches, the mean of the first output's score by
    epoch. Means are drawn with a band from minimum to maximum.
    """
    histories = [one for path in folders.values() if (one := _history(path))]
    if histories and len(histories[0].goals) > 1:
        named = {f"seed {seed}": one for (seed, _), one in zip(folders.items(), histories, strict=True)}
        return picture(named, histories[0].goals)
    if histories:
        lines = [_filled(list(best_so_far(one)), len(one.trials)) for one in histories]
        goal = histories[0].goals[0]
        return _mean(lines, f"Best so far: {goal}", "trial", label_of(goal))
    runs = list(map(read_run, folders.values()))
    name = score_name(runs[0].scored.leading[0])
    return _mean(list(map(_scores, runs)), name, "epoch", name)


def _scores(run: Run) -> Places:
    return [(e.epoch + 1, score) for e in run.epochs() if (score := e.leading[1]) is not None]


def _filled(steps: Places, last: int) -> Places:
    """The values of a step function at 1, 2, …, `last`, from its first step on."""
    found, ahead = [], list(reversed(steps))
    value: float | None = None
    for n in range(1, last + 1):
        while ahead and ahead[-1][0] <= n:
            value = ahead.pop()[1]
        if value is not None:
            found.append((float(n), value))
    return found


def _mean(lines: Iterable[Places], title: str, x_label: str, y_label: str) -> str:
    """A chart of the mean of curves, at positions where all have a value, and their range."""
    values = [dict(line) for line in lines]
    common = sorted(set.intersection(*(set(one) for one in values))) if values else []
    common = common[:: -(-len(common) // _PLACES) or 1]
    columns = [(x, [one[x] for one in values]) for x in common]
    band = [(x, min(column), max(column)) for x, column in columns]
    line = [(x, fmean(column)) for x, column in columns]
    rows = [Series(f"mean of {len(values)} seeds, minimum to maximum", line=line, band=band)]
    return clouds(rows, title=title, x_label=x_label, y_label=y_label, counted_x=True)


def summarize(folder: RepeatedFolder, seeds: Iterable[int]) -> str:
    """Writes the table and the chart of the runs that were started; returns the table as text."""
    folders = {n: folder.of(n) for n in seeds if (folder.of(n) / "manifest.json").exists()}
    found = figures(folders)
    atomic.write_text(folder.table, table_csv(found))
    atomic.write_text(folder.picture, seeds_picture(folders))
    return table_text(found)
