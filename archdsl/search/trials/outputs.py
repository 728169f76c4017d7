"""Writes the output files of a search by trials: networks of the front, table, chart, and report."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from archdsl import atomic
from archdsl.lang.loader import Unit
from archdsl.report.run import Run, manifest_of, read_run
from archdsl.report.sections import SECTIONS
from archdsl.search.engines.base import Done
from archdsl.search.folder import SearchFolder
from archdsl.search.found_text import text_of
from archdsl.search.result import Result
from archdsl.search.trials.criteria import Criteria
from archdsl.search.trials.front import Values
from archdsl.search.trials.history import History, Trial, demand_history
from archdsl.search.trials.importance import importance
from archdsl.search.trials.page import Found, trials_page
from archdsl.search.trials.pictures import pareto, tip
from archdsl.search.trials.table import trials_csv

EVERY_S = 30.0
"""The minimum number of seconds between updates of the report of a running search."""
_SHARE = 20
"""The minimum time between updates of the report of a running search, in multiples of the duration of the
last update.
"""
MOST_FILES = 500
"""The maximum number of networks of the front that are written as files; trials.csv marks all."""
MOST_RANDOM = 10_000
"""The maximum number of random networks for comparison."""
_OURS = re.compile(r"trial-\d+\.arch")


class Outputs:
    """Writes the results of a search, which are read from its journal, to its folder."""

    def __init__(self, folder: SearchFolder, criteria: Criteria, seed: int, unit: Unit):
        self.folder, self.criteria, self.seed, self.unit = folder, criteria, seed, unit
        self._next = time.monotonic() + EVERY_S

    def is_due(self) -> bool:
        """Whether the report of a running search should be updated."""
        return time.monotonic() >= self._next

    def history(self) -> History:
        """The trials in the journal. Raises SpecError (ARCH911) if its first record is damaged."""
        return demand_history(self.folder.journal)

    def write_page(self) -> None:
        """Writes the report of a running search."""
        begin, history = time.monotonic(), self.history()
        self._page(history, self._bound(history.best) if history.best else None)
        now = time.monotonic()
        self._next = now + max(EVERY_S, _SHARE * (now - begin))

    def are_written(self, history: History) -> bool:
        """Whether all output files exist."""
        files = [self.folder.found, self.folder.trials, self.folder.report]
        if len(history.goals) > 1:
            files += [self.folder.pareto, *(self._file(history, trial) for trial in self._kept(history))]
        return all(path.exists() for path in files)

    def front(self, history: History) -> tuple[Result, ...]:
        """The networks of the front, the best first."""
        return tuple(map(self._bound, self._kept(history)))

    def _kept(self, history: History) -> list[Trial]:
        return history.front[: MOST_FILES if len(history.goals) > 1 else 1]

    def _file(self, history: History, trial: Trial) -> Path:
        digits = max(4, len(str(history.trials[-1].number)))
        return self.folder.front / f"trial-{trial.number:0{digits}d}.arch"

    def write(self, history: History) -> tuple[Result, ...]:
        """Writes table, front, chart and report; returns the networks of the front, the best first."""
        atomic.write_text(self.folder.trials, trials_csv(history, self.criteria.domain.active))
        random: list[Values] = []
        front = self.front(history)
        if len(history.goals) > 1:
            random = self._random(len(history.trials))
            self._front(history, front)
            atomic.write_text(self.folder.pareto, pareto(history, random))
        self._page(history, front[0] if front else None, random)
        return front

    def _bound(self, trial: Trial) -> Result:
        return self.criteria.bound(trial.outcomes, f"trial {trial.number}")

    def _random(self, count: int) -> list[Values]:
        """The objectives of `count` random networks; empty unless all objectives are functions of costs."""
        if not self.criteria.config.by_costs:
            return []
        rng, found = Random(self.seed), []
        for _ in range(min(count, MOST_RANDOM)):
            outcomes = self.criteria.domain.sample(rng)
            if outcomes is None:
                break
            values, state = self.criteria.score(outcomes, Done(0))
            if state == "scored":
                found.append(values)
        return found

    def _front(self, history: History, front: Sequence[Result]) -> None:
        """Writes the networks of the front and the specs they import; removes files of earlier fronts."""
        self.folder.front.mkdir(exist_ok=True)
        SearchFolder(self.folder.front).copy_specs(self.unit)
        names = set()
        for found, trial in zip(front, history.front, strict=False):
            path = self._file(history, trial)
            text = text_of(self.criteria.space, found)
            atomic.write_text(path, f"# {tip(history, trial)}\n{text}")
            names.add(path.name)
        for path in list(self.folder.front.iterdir()):
            if _OURS.fullmatch(path.name) and path.name not in names:
                path.unlink()

    def _page(self, history: History, best: Result | None, random: Sequence[Values] = ()) -> None:
        from archdsl.backends.diagram import svg
        from archdsl.report.text_tables import layers_text

        active = self.criteria.domain.active
        shares = [importance(history, n, active) for n in range(len(history.goals))]
        found = Found(importance=shares, random=random)
        if best is not None:
            graph, text = best.network.graph, text_of(self.criteria.space, best)
            found = replace(
                found, how=best.how, best_text=text, diagram=svg(graph), layers=layers_text(graph)
            )
        # Only sections of plug-ins read records; those of trials take most of the memory.
        run = read_run(self.folder.path) if SECTIONS else Run(manifest_of(self.folder.path), ())
        page = trials_page(run, history, found)
        atomic.write_text(self.folder.report, page)
