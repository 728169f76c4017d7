"""The journal records of a search by trials: one for each trial, in the order of proposals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archdsl.bounded import demand_regular
from archdsl.program import Space
from archdsl.runs.lines import record as read_record
from archdsl.search.engines.base import Done, Failure
from archdsl.search.strategies.base import Outcomes
from archdsl.search.trials.config import TrialConfig
from archdsl.search.trials.loop import Trial
from archdsl.spec.search_values import Objective

Record = dict[str, Any]


def opening(space: Space, config: TrialConfig) -> Record:
    """The first record: decisions with their outcomes, strategy, evaluator, objectives and scores."""
    goals = [{"direction": g.direction, "text": text_of(g)} for g in config.goals.objectives]
    return {
        "kind": "start", "decisions": {p: list(d.outcomes) for p, d in space.searched.decisions.items()},
        "strategy": config.strategy.name, "evaluate": config.evaluator.name, "trials": config.trials,
        "goals": goals, "scores": list(config.scores),
    }  # fmt: skip


def of_trial(trial: Trial, signs: Iterable[int], costs: Mapping[str, float]) -> Record:
    """The record of a trial: its outcomes, costs, and scores or failure.

    In the record, `values` are the values of the objectives, and `objective` is the first of them, negated if
    it is maximized, so that lower is better. Only `seconds` and `worker` differ between runs with equal
    inputs.
    """
    done = trial.done
    scored = trial.state == "scored"
    record: Record = {
        "kind": "tried", "number": trial.number, "proposal": trial.proposal, "outcomes": list(trial.outcomes),
        "state": trial.state, "objective": trial.value if scored else None,
        "values": [s * v for s, v in zip(signs, trial.values, strict=True)] if scored else None,
        "scores": dict(done.scores), "costs": dict(costs),
    }  # fmt: skip
    if trial.epochs is not None:
        record["epochs"] = trial.epochs
    if trial.key != trial.outcomes:
        record["identity"] = trial.key
    if trial.state == "failed":
        failure = done.failure or Failure("nan", "an objective is not a finite number")
        record["failure"] = failure.plain()
    return {**record, "seconds": round(done.seconds, 6), "worker": done.worker}


def of_end(chosen: Mapping[str, str], network: Mapping[str, Any], how: str, front: Iterable[int]) -> Record:
    """The last record: the network found, and the numbers of the non-dominated trials."""
    return {"kind": "end", "chosen": dict(chosen), "network": dict(network), "how": how, "front": list(front)}


@dataclass(frozen=True)
class Recorded:
    """A recorded trial; `identity` is the hash of its graph if networks with equal graphs are one trial."""

    outcomes: Outcomes
    done: Done
    epochs: int | None = None
    identity: str | None = None


def read_trial(record: Mapping[str, Any]) -> Recorded | None:
    """The trial in a record; None for records of other kinds and for damaged records."""
    if record.get("kind") != "tried":
        return None
    try:
        outcomes, scores, epochs = record["outcomes"], record["scores"], record.get("epochs")
        if not all(type(one) is int for one in (*outcomes, record["number"], epochs or 0)):
            return None
        known = {str(name): float(score) for name, score in scores.items()}
        if not all(map(math.isfinite, known.values())):
            return None
        failure = Failure.of(record["failure"]) if "failure" in record else None
        seconds, worker = float(record.get("seconds", 0)), str(record.get("worker", ""))
        done = Done(record["number"], known, failure, seconds, worker)
        identity = record.get("identity")
        return Recorded(tuple(outcomes), done, epochs, None if identity is None else str(identity))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def has_ended(journal: Path) -> bool:
    """Whether a journal ends with the last record of a finished search."""
    if not journal.exists():
        return False
    demand_regular(journal)
    last = read_record(journal.read_bytes().rstrip(b"\n").rpartition(b"\n")[2])
    return last is not None and last.get("kind") == "end"


def text_of(goal: Objective) -> str:
    """The source text of an objective."""
    at = goal.at
    return " ".join(at.source.text[at.start : at.end].split()) if at is not None else ""
