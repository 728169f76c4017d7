"""The interface of evaluators, which score networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from archdsl.search.result import named

if TYPE_CHECKING:
    from archdsl.data.dataset import Splits
    from archdsl.program import Network, Space
    from archdsl.runs.reporter import Reporter
    from archdsl.search.config import SearchConfig
    from archdsl.search.engines.base import Kind

Scores = Mapping[str, float]
"""Scores by name, such as `miou` or `accuracy`."""


@dataclass(frozen=True)
class Candidate:
    """A network to score: the outcome index of each decision, by path.

    `number` is the number of the trial, from 1; `epochs` override the epochs of the evaluator; `memory` is
    the state of the evaluator's memory when the network was proposed.
    """

    number: int
    outcomes: Mapping[str, int]
    space: Space
    epochs: int | None = None
    memory: Mapping[str, Any] | None = None

    @cached_property
    def network(self) -> Network:
        """The network, with the name `TrialN`. Raises SpecError if it is ill-typed."""
        return self.space.bind(named(self.space, self.outcomes), f"Trial{self.number}")

    @property
    def text(self) -> str:
        """The network as source text, in full."""
        from archdsl.spec.decompile import written_out

        return written_out(self.network.graph)


class Evaluator(Protocol):
    """The interface of evaluators, which score networks."""

    def score(self, candidate: Candidate) -> Scores:
        """The scores of a network by name.

        If an exception is raised, or a score is not finite, the trial fails, and the search continues.
        """


class Memory(Protocol):
    """The state of an evaluator that depends on earlier trials, such as thresholds of early stopping.

    The state is passed with each candidate, so that evaluations can run in any process.
    """

    def observe(self, scores: Scores) -> None:
        """Updates the memory with the scores of a trial, in the order of proposals."""

    def state(self) -> dict[str, Any]:
        """The state as JSON values, passed with candidates."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores a state returned by `state`."""


@dataclass(frozen=True)
class EvaluatorContext:
    """The inputs of an evaluator.

    `goals` has the objectives and requirements; `data` opens the data of the search. `folder` is the run
    folder. `command` is the program of the option `--command`, split into arguments. An evaluator that trains
    calls `stop` regularly, and raises `Stopped` if it returns True.
    """

    space: Space
    goals: SearchConfig
    seed: int
    data: Callable[[], Splits]
    batch: int = 8
    folder: Path | None = None
    command: tuple[str, ...] | None = None
    device: str | None = None
    stop: Callable[[], bool] = lambda: False
    base: Path = field(default_factory=Path)
    """The folder of the spec, to which paths in settings are relative."""
    proved: bool = True
    """Whether all networks of the space are proved to be well-typed."""


class Stopped(Exception):
    """An evaluation was aborted because the search is stopping; the trial is not recorded."""


@runtime_checkable
class Prepared(Protocol):
    """An evaluator that needs preparation before the first candidate, such as training a supernet."""

    def prepare(self, reporter: Reporter) -> None:
        """Runs or resumes the preparation; returns immediately if it is complete.

        Writes its results to the run folder, from which workers read them. Raises Stopped if the search is
        stopping.
        """


@runtime_checkable
class Demanding(Protocol):
    """An evaluator that can reject networks before evaluating them."""

    def demand(self, network: Network) -> None:
        """Raises SpecError for a network that cannot be evaluated."""


class Failed(Exception):
    """The evaluation of a network failed; `kind` classifies the reason, `detail` is a longer text."""

    def __init__(self, kind: Kind, reason: str, detail: str = ""):
        super().__init__(reason)
        self.kind, self.reason, self.detail = kind, reason, detail
