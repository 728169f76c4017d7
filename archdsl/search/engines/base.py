"""The interface of engines, which evaluate several networks at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, get_args

from archdsl.search.strategies.base import Outcomes

Kind = Literal["exception", "memory", "nan", "output", "lost"]
"""Why an evaluation failed: by an exception, out of memory, a non-finite score, or invalid output.

"lost": the worker was lost; the network is evaluated again before its trial fails.
"""

DETAIL = 4_000
"""The maximum number of characters of a failure's detail that are recorded."""


class Task(NamedTuple):
    """A network to evaluate: its outcome indices, the number of its trial and of the attempt, both from 1.

    `epochs` override the epochs of the evaluator; `memory` is the state of the evaluator's memory for this
    network.
    """

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
        """The task that `plain`, JSON values, describes. Raises KeyError, TypeError or ValueError if they are
        invalid.
        """
        number, outcomes, epochs, attempt = (plain[name] for name in cls._fields[:4])
        if not all(type(one) is int for one in (number, attempt, *outcomes)):
            raise ValueError("number, attempt and outcomes of a task must be integers")
        if epochs is not None and type(epochs) is not int:
            raise ValueError("epochs must be an integer")
        memory = plain.get("memory")
        if memory is not None and not isinstance(memory, dict):
            raise ValueError("memory must be an object")
        return cls(number, tuple(outcomes), epochs, attempt, memory)


@dataclass(frozen=True)
class Failure:
    """Why a network has no scores: a reason in a line, and details such as the end of a program's output."""

    kind: Kind
    reason: str
    detail: str = ""

    def plain(self) -> dict[str, str]:
        """The failure as JSON values."""
        found = {"kind": self.kind, "reason": self.reason}
        return {**found, "detail": self.detail[-DETAIL:]} if self.detail else found

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Failure:
        """The failure that `plain`, JSON values, describes. Raises KeyError or ValueError if they are
        invalid.
        """
        kind, reason = plain["kind"], plain["reason"]
        if kind not in get_args(Kind):
            raise ValueError(f"unknown kind of failure: {kind!r}")
        return cls(kind, str(reason), str(plain.get("detail", "")))


@dataclass(frozen=True)
class Done:
    """A finished evaluation of a trial: scores or a failure, its duration, and the name of the worker."""

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
        """The result that `plain`, JSON values, describes. Raises KeyError, TypeError or ValueError if they
        are invalid.
        """
        number, scores = plain["number"], {str(k): float(v) for k, v in plain["scores"].items()}
        if type(number) is not int:
            raise ValueError("the number of a trial must be an integer")
        failure = Failure.of(plain["failure"]) if "failure" in plain else None
        return cls(number, scores, failure, float(plain["seconds"]), str(plain["worker"]))


class Engine(Protocol):
    """Evaluates networks; its methods are called from one thread."""

    def submit(self, task: Task) -> None:
        """Accepts a task; an engine may evaluate it before returning."""

    def collect(self) -> list[Done]:
        """Returns the results since the last call, in any order; waits for a result if there is none yet.

        Returns an empty list after a timeout, so that the caller can handle signals.
        """

    def recorded(self, numbers: Iterable[int]) -> None:
        """Confirms that the caller recorded the results of these trials, so that the engine may drop them."""

    def close(self) -> None:
        """Stops running evaluations, and releases resources."""
