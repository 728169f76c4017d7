"""Reads the trials in the journal of a run, without its space, and also during the search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from pathlib import Path
from sys import intern
from typing import Any, Literal, NamedTuple, cast, get_args

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.runs.lines import each_record
from archdsl.search.trials.front import Values, nondominated

State = Literal["scored", "unmet", "failed"]
_STATES = get_args(State)
_MOST = 1e150
"""The maximum absolute value of numbers that are read, so that their squares are finite."""
_MOST_TEXT = 2000
"""The maximum length of texts that are kept, since a journal is untrusted."""


class Goal(NamedTuple):
    """An objective: whether it is minimized or maximized, and its text."""

    direction: Literal["minimize", "maximize"]
    text: str

    @property
    def sign(self) -> int:
        """-1 if the objective is maximized, else 1; a value times the sign is lower if it is better."""
        return -1 if self.direction == "maximize" else 1

    def __str__(self) -> str:
        return f"{self.direction} {self.text}"


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial (the evaluation of a proposed network) as recorded in the journal.

    `outcomes` are outcome indices in the order of the decisions, 0 for inactive ones. `values` are the values
    of the objectives, not negated if maximized, None if unknown. `failure` is a kind and a reason. `epochs`
    is the number of training epochs, if the strategy chose it, as successive halving does.
    """

    number: int
    outcomes: tuple[int, ...]
    values: tuple[float | None, ...]
    state: State
    scores: Mapping[str, float | None] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    failure: tuple[str, str] | None = None
    epochs: int | None = None
    seconds: float | None = None
    worker: str = ""


@dataclass(frozen=True)
class History:
    """The trials of a search, with objectives and decisions; `unread` counts invalid lines of the journal.

    `seconds` is the total duration of the search, including resumed parts; None if it was not recorded.
    """

    goals: tuple[Goal, ...]
    decisions: Mapping[str, tuple[str, ...]]
    trials: Sequence[Trial]
    ended: bool = False
    unread: int = 0
    seconds: float | None = None

    def lower(self, trial: Trial) -> Values:
        """The values of a trial, negated if maximized, so that lower is better; infinite if unknown."""
        if trial.state != "scored":
            return (inf,) * len(self.goals)
        pairs = zip(self.goals, trial.values, strict=True)
        return tuple(inf if value is None else goal.sign * value for goal, value in pairs)

    @cached_property
    def scored(self) -> list[Trial]:
        """The trials whose values are all known, in order."""
        return [trial for trial in self.trials if trial.state == "scored" and None not in trial.values]

    @cached_property
    def front(self) -> list[Trial]:
        """The non-dominated trials, the best in the first objective first.

        If a network was trained for different numbers of epochs, only its trial with the most epochs counts.
        """
        return self.front_of(self.scored)

    def front_of(self, trials: Iterable[Trial]) -> list[Trial]:
        """The non-dominated trials among some of the scored ones, as `front`."""
        longest: dict[tuple[int, ...], Trial] = {}
        for trial in trials:
            before = longest.get(trial.outcomes)
            if before is None or (trial.epochs or 0) >= (before.epochs or 0):
                longest[trial.outcomes] = trial
        found = list(longest.values())
        kept = [found[n] for n in nondominated(map(self.lower, found))]
        return sorted(kept, key=lambda trial: (self.lower(trial), trial.number))

    @property
    def best(self) -> Trial | None:
        """The trial of the front with the best first objective, and of several the best next one; None
        without a front.
        """
        return self.front[0] if self.front else None

    def best_values(self) -> list[float | None]:
        """The best value of each objective alone, not negated if maximized; None without scored trials."""
        columns = zip(*map(self.lower, self.scored), strict=True)
        lowest: list[float | None] = [min(column) for column in columns] or [None] * len(self.goals)
        return [None if v is None else g.sign * v for g, v in zip(self.goals, lowest, strict=True)]

    def failures(self) -> dict[str, list[Trial]]:
        """The trials without values by kind of failure; "unmet" for violated requirements on scores."""
        found: dict[str, list[Trial]] = {}
        for trial in self.trials:
            if trial.state != "scored":
                kind = trial.failure[0] if trial.failure else trial.state
                found.setdefault(kind, []).append(trial)
        return found


def read_history(path: Path) -> History | None:
    """Reads the trials in a journal, whose last line may be incomplete.

    None if the first record of a search by trials is missing or damaged.
    """
    return history_of(each_record(path))


def demand_history(path: Path) -> History:
    """Reads the trials in the journal of a search by trials.

    Raises SpecError (ARCH911) if the first record, which has the objectives, is damaged.
    """
    found = read_history(path)
    if found is None:  # damaged, as a search writes its goals first
        headline = f"{path} lacks the objectives of the search: its first line is damaged"
        help = "restore the file, or begin again in another folder: --out DIR"
        raise SpecError([Diagnostic("ARCH911", headline, help=help)])
    return found


def history_of(records: Iterable[Mapping[str, Any] | None]) -> History | None:
    """The trials in journal records (None: a damaged record); None without the first record of a search."""
    start: tuple[tuple[Goal, ...], dict[str, tuple[str, ...]]] | None = None
    trials: dict[int, Trial] = {}
    ended, unread, seconds = False, 0, None
    for one in records:
        kind = one.get("kind") if one is not None else None
        if one is not None and kind == "start" and start is None:
            start = _start(one)
        elif one is not None and kind == "tried" and start is not None:
            trial = _trial(one, len(start[0]), [len(texts) for texts in start[1].values()])
            if trial is None:
                unread += 1
            else:
                trials[trial.number] = trial
                elapsed = one.get("elapsed")
                seconds = elapsed if _is_number(elapsed) else seconds
        elif one is None or not isinstance(kind, str):
            unread += 1
        ended = ended or kind == "end"
    if start is None:
        return None
    return History(*start, [trials[number] for number in sorted(trials)], ended, unread, seconds)


def _start(found: Mapping[str, Any]) -> tuple[tuple[Goal, ...], dict[str, tuple[str, ...]]] | None:
    goals, decisions = found.get("goals"), found.get("decisions")
    if not (isinstance(goals, list) and goals and isinstance(decisions, dict)):
        return None
    if not all(
        isinstance(texts, list) and all(isinstance(t, str) for t in texts) for texts in decisions.values()
    ):
        return None
    read = [_goal(goal) for goal in goals]
    if None in read:
        return None
    return tuple(goal for goal in read if goal), {path: tuple(texts) for path, texts in decisions.items()}


def _goal(found: Any) -> Goal | None:
    if not isinstance(found, dict) or found.get("direction") not in ("minimize", "maximize"):
        return None
    text = found.get("text")
    return Goal(found["direction"], " ".join(text.split())) if isinstance(text, str) else None


def _trial(found: Mapping[str, Any], goals: int, sizes: Sequence[int]) -> Trial | None:
    """The trial in a record of a search with a number of objectives, and decisions with numbers of outcomes.

    None if a part of the record is invalid.
    """
    number, outcomes, values, state = (found.get(n) for n in ("number", "outcomes", "values", "state"))
    if type(number) is not int or not 0 < number < 2**53 or state not in _STATES:
        return None
    if not (isinstance(outcomes, list) and len(outcomes) == len(sizes)):
        return None
    if not all(type(n) is int and 0 <= n < size for n, size in zip(outcomes, sizes, strict=True)):
        return None
    values = values if isinstance(values, list) else [None] * goals
    if len(values) != goals or not all(value is None or _is_number(value) for value in values):
        return None
    failure, epochs, seconds = found.get("failure"), found.get("epochs"), found.get("seconds")
    return Trial(
        number, tuple(outcomes), tuple(values), cast(State, intern(str(state))),
        _numbers(found.get("scores"), lambda v: v is None or _is_number(v)),
        _numbers(found.get("costs"), _is_number),
        (_text(failure.get("kind")), _text(failure.get("reason"))) if isinstance(failure, dict) else None,
        epochs if type(epochs) is int else None,
        seconds if _is_number(seconds) else None,
        _text(found.get("worker")),
    )  # fmt: skip


def _numbers(found: Any, allowed: Callable[[Any], bool]) -> dict[str, Any]:
    return {intern(name): v for name, v in found.items() if allowed(v)} if isinstance(found, dict) else {}


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -_MOST <= value <= _MOST


def _text(found: Any) -> str:
    return intern(found[:_MOST_TEXT]) if isinstance(found, str) else ""


def best_so_far(history: History, goal: int = 0) -> Iterator[tuple[int, float]]:
    """Yields (number, value) of each trial that improved an objective; values are not negated."""
    lowest = inf
    for trial in history.scored:
        value = history.lower(trial)[goal]
        if value < lowest:
            lowest = value
            yield trial.number, history.goals[goal].sign * value
