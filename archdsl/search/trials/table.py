"""Writes the trials of a search as a CSV table, a row for each trial."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from archdsl.search.trials.history import History, Trial

Active = Callable[[tuple[int, ...]], Sequence[bool]]
"""A function from outcome indices to whether each decision is active."""
_RUNS = ("=", "+", "-", "@", "\t", "\r")
"""The characters with which a text starts that spreadsheets interpret as a formula."""


def trials_csv(history: History, active: Active | None = None) -> str:
    """The text of a CSV file of the trials (`rows`); texts that look like formulas are escaped."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(map(_cell, row) for row in rows(history, active))
    return text.getvalue()


def rows(history: History, active: Active | None = None) -> Iterator[list[Any]]:
    """Yields the header, and a row for each trial: state, objectives, scores, costs, failure, and outcomes.

    `front` is 1 for non-dominated trials. Cells are empty for unknown values and inactive decisions.
    """
    scores = _names(trial.scores for trial in history.trials)
    costs = [name for name in _names(trial.costs for trial in history.trials) if name not in scores]
    front = {trial.number for trial in history.front}
    head = [
        "number", "state", "front", *(f"goal: {goal}" for goal in history.goals), *scores, *costs,
        "failure", "reason", "epochs", "seconds", "worker", *history.decisions,
    ]  # fmt: skip
    yield head
    for trial in history.trials:
        failure = trial.failure or (None, None)
        yield [
            trial.number, trial.state, int(trial.number in front), *trial.values,
            *(trial.scores.get(name) for name in scores), *(trial.costs.get(name) for name in costs),
            *failure, trial.epochs, trial.seconds, trial.worker, *_outcomes(history, trial, active),
        ]  # fmt: skip


def _outcomes(history: History, trial: Trial, active: Active | None) -> Iterator[str]:
    there = [True] * len(trial.outcomes) if active is None else active(trial.outcomes)
    for is_active, n, texts in zip(there, trial.outcomes, history.decisions.values(), strict=True):
        yield texts[n] if is_active else ""


def _names(rows: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _cell(value: Any) -> Any:
    """The value of a cell; texts that a spreadsheet would interpret as a formula are escaped."""
    if isinstance(value, float):
        return repr(value)
    if not isinstance(value, str) or not value.startswith(_RUNS) or _is_number(value):
        return value
    return f"'{value}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
