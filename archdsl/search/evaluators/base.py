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
"""Numbers by name: `miou`, `accuracy`, `loss`."""


@dataclass(frozen=True)
class Candidate:
    """A network to score: the outcome of each decision, by path.

    `number` is that of the trial, from 1; `epochs` override those of the evaluator; `memory` is the state of
    the evaluator's memory when the network was proposed.
    """

    number: int
    outcomes: Mapping[str, int]
    space: Space
    epochs: int | None = None
    memory: Mapping[str, Any] | None = None

    @cached_property
    def network(self) -> Network:
        """The network."""
        return self.space.bind(named(self.space, self.outcomes), f"Trial{self.number}")

    @property
    def text(self) -> str:
        """The network as source text in full."""
        from archdsl.spec.decompile import written_out

        return written_out(self.network.graph)


class Evaluator(Protocol):
    """Scores a network."""

    def score(self, candidate: Candidate) -> Scores:
        """The scores of a network.

        An exception, or a non-finite score, makes the trial fail; the search continues.
        """


class Memory(Protocol):
    """State of an evaluator that earlier scores change and later evaluations depend on, such as stopping
    levels.

    It is passed with each candidate, so that evaluations may run in any process.
    """

    def observe(self, scores: Scores) -> None:
        """Updates the memory with the scores of a trial, in the order of proposals."""

    def state(self) -> dict[str, Any]:
        """The state as JSON values."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores a state."""


@dataclass(frozen=True)
class EvaluatorContext:
    """The inputs of an evaluator.

    `goals` holds the objectives and requirements, `data` opens the data of the search. `command` is the
    external program of `--command`, split into arguments. An evaluator that trains calls `stop` regularly,
    and raises `Stopped` if it returns True.
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
    """The folder of the spec, which relative paths of settings are against."""
    proved: bool = True
    """Whether all networks of the space are known to be well-typed."""


class Stopped(Exception):
    """An evaluation was aborted because the search is stopping; it is not recorded."""


@runtime_checkable
class Prepared(Protocol):
    """An evaluator with preparation before the first candidate, such as training a supernet."""

    def prepare(self, reporter: Reporter) -> None:
        """Runs or resumes the preparation; returns immediately if it is complete. Raises Stopped.

        Results are written to the run folder, where workers read them.
        """


@runtime_checkable
class Demanding(Protocol):
    """An evaluator that can reject a network before evaluating it."""

    def demand(self, network: Network) -> None:
        """Raises SpecError for a network that cannot be evaluated."""


class Failed(Exception):
    """A network has no scores; `kind` classifies the reason, `detail` is a longer text that is recorded."""

    def __init__(self, kind: Kind, reason: str, detail: str = ""):
        super().__init__(reason)
        self.kind, self.reason, self.detail = kind, reason, detail
