"""What a search by trials leaves in its folder beside the journal: front, table, picture, page."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from archdsl import atomic
from archdsl.program import Space
from archdsl.report.records import read_run
from archdsl.search.folder import SearchFolder
from archdsl.search.keeping import text_of
from archdsl.search.result import Result
from archdsl.search.trials.front import Values
from archdsl.search.trials.history import History, Trial, read_history
from archdsl.search.trials.importance import importance
from archdsl.search.trials.page import Found, trials_page
from archdsl.search.trials.pictures import pareto, tip
from archdsl.search.trials.table import Arising, trials_csv

EVERY_S = 30.0
"""Seconds between pages while a search runs, and at least so many times what writing the last one took."""
_SHARE = 20
MOST_FILES = 500
"""Networks of the front that are written as files; trials.csv marks all."""
_OURS = re.compile(r"trial-\d+\.arch")

Bind = Callable[[tuple[int, ...], str], Result]
"""The network of outcomes, and how it was chosen."""


class Outputs:
    """Writes what the journal of a search comes to.

    `bind` makes networks of outcomes, `arising` says which decisions arise; `random` draws so many networks
    and returns their goals, lower is better, where these are costs.
    """

    def __init__(
        self, folder: SearchFolder, space: Space, bind: Bind, arising: Arising,
        random: Callable[[int], Sequence[Values]] = lambda count: (),
    ):  # fmt: skip
        self.folder, self.space, self.bind, self.arising, self.random = folder, space, bind, arising, random
        self._next = time.monotonic() + EVERY_S

    def write_now_and_then(self) -> None:
        """Writes the page, but not more often than every 30 s, nor for more than a twentieth of the time."""
        begin = time.monotonic()
        if begin < self._next:
            return
        history = self._history()
        if history is not None:
            self._page(history, self._best(history.best) if history.best else None)
        now = time.monotonic()
        self._next = now + max(EVERY_S, _SHARE * (now - begin))

    def write(self) -> tuple[Result, ...]:
        """Writes table, front, picture and page; returns the networks of the front, the best first."""
        history = self._history()
        if history is None:
            return ()
        atomic.write_text(self.folder.trials, trials_csv(history, self.arising))
        front = tuple(map(self._best, history.front[:MOST_FILES]))
        several = len(history.goals) > 1
        random = self.random(len(history.trials)) if several else ()
        if several:
            self._front(history, front)
            atomic.write_text(self.folder.pareto, pareto(history, random))
        self._page(history, front[0] if front else None, random)
        return front

    def _history(self) -> History | None:
        return read_history(self.folder.journal) if self.folder.journal.exists() else None

    def _best(self, trial: Trial) -> Result:
        return self.bind(trial.outcomes, f"trial {trial.number}")

    def _front(self, history: History, front: Sequence[Result]) -> None:
        """Writes the networks of the front, and drops those that were on it before."""
        digits = max(4, len(str(history.trials[-1].number))) if history.trials else 4
        names = [f"trial-{trial.number:0{digits}d}.arch" for trial in history.front]
        self.folder.front.mkdir(exist_ok=True)
        for found, trial, name in zip(front, history.front, names, strict=False):
            text = text_of(self.space, _from_below(found))
            atomic.write_text(self.folder.front / name, f"# {tip(history, trial)}\n{text}")
        for path in self.folder.front.iterdir():
            if _OURS.fullmatch(path.name) and path.name not in names:
                path.unlink()

    def _page(self, history: History, best: Result | None, random: Sequence[Values] = ()) -> None:
        from archdsl.backends.diagram import svg
        from archdsl.report.tables import layers_text

        shares = [importance(history, n, self.arising) for n in range(len(history.goals))]
        found = Found(importance=shares, random=random)
        if best is not None:
            graph, text = best.network.graph, text_of(self.space, best)
            found = replace(found, best_text=text, diagram=svg(graph), layers=layers_text(graph))
        page = trials_page(read_run(self.folder.path), history, found)
        atomic.write_text(self.folder.report, page)


def _from_below(found: Result) -> Result:
    """The same result, whose text is for a file in a folder of the run."""
    source = found.network.source
    if source is None or source.startswith("std/"):
        return found
    above = Path("..", source.removeprefix("./")).as_posix()
    return replace(found, network=replace(found.network, source=above))
