"""The interface of engines: they evaluate several networks at a time, and return their scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, get_args

from archdsl.search.strategies.base import Outcomes

Kind = Literal["exception", "memory", "nan", "output", "lost"]
"""Why an evaluation failed: an exception, no memory left, a score that is not finite, wrong output of a
command; or the worker was lost, which is the machine's fault at first."""

DETAIL = 4_000
"""Characters of the detail of a failure that are kept."""


class Task(NamedTuple):
    """A network to evaluate: the number of the trial, from 1, and of the attempt, from 1."""

    number: int
    outcomes: Outcomes
    epochs: int | None = None
    attempt: int = 1
    memory: Mapping[str, Any] | None = None

    def plain(self) -> dict[str, Any]:
        """The task as JSON values."""
        return self._asdict() | {"outcomes": list(self.outcomes)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Task:
        """A task from JSON.  Raises KeyError, TypeError and ValueError for anything else."""
        number, outcomes, epochs, attempt = (plain[name] for name in cls._fields[:4])
        if not all(type(one) is int for one in (number, attempt, *outcomes)):
            raise ValueError("a task must have integers")
        if epochs is not None and type(epochs) is not int:
            raise ValueError("epochs must be an integer")
        memory = plain.get("memory")
        if memory is not None and not isinstance(memory, dict):
            raise ValueError("memory must be an object")
        return cls(number, tuple(outcomes), epochs, attempt, memory)


@dataclass(frozen=True)
class Failure:
    """The reason why a network has no scores, as one line, and details such as the end of a command's
    output.
    """

    kind: Kind
    reason: str
    detail: str = ""

    def plain(self) -> dict[str, str]:
        """The failure as JSON values."""
        found = {"kind": self.kind, "reason": self.reason}
        return {**found, "detail": self.detail[-DETAIL:]} if self.detail else found

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Failure:
        """A failure from JSON.  Raises KeyError and ValueError for anything else."""
        kind, reason = plain["kind"], plain["reason"]
        if kind not in get_args(Kind):
            raise ValueError(f"unknown kind of failure: {kind!r}")
        return cls(kind, str(reason), str(plain.get("detail", "")))


@dataclass(frozen=True)
class Done:
    """A finished evaluation: scores or a failure, its duration, and the worker that ran it."""

    number: int
    scores: Mapping[str, float] = field(default_factory=dict)
    failure: Failure | None = None
    seconds: float = 0.0
    worker: str = ""

    def plain(self) -> dict[str, Any]:
        """The result as JSON values."""
        found: dict[str, Any] = {"number": self.number, "scores": dict(self.scores)}
        if self.failure is not None:
            found["failure"] = self.failure.plain()
        return {**found, "seconds": round(self.seconds, 6), "worker": self.worker}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Done:
        """A result from JSON.  Raises KeyError, TypeError and ValueError for anything else."""
        number, scores = plain["number"], {str(k): float(v) for k, v in plain["scores"].items()}
        if type(number) is not int:
            raise ValueError("the number of a trial must be an integer")
        failure = Failure.of(plain["failure"]) if "failure" in plain else None
        return cls(number, scores, failure, float(plain["seconds"]), str(plain["worker"]))


class Engine(Protocol):
    """Evaluates networks; used from one thread."""

    def submit(self, task: Task) -> None:
        """Accepts a task; an engine may evaluate it before returning."""

    def collect(self) -> list[Done]:
        """Results since the last call, in any order; waits for a while if there are none.

        Returns an empty list after a timeout, so that the caller can handle signals.
        """

    def recorded(self, numbers: Iterable[int]) -> None:
        """Confirms that the caller recorded the results of these trials, so that the engine may drop them."""

    def close(self) -> None:
        """Stops running evaluations, and releases resources."""
