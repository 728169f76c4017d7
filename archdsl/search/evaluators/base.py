"""What an evaluator is: it scores networks."""

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

    `number` is that of the trial, from 1; `epochs` replace those of the evaluator where they are given;
    `memory` is the state of what the search remembers for the evaluator, when the network was proposed.
    """

    number: int
    outcomes: Mapping[str, int]
    space: Space
    epochs: int | None = None
    memory: Mapping[str, Any] | None = None

    @cached_property
    def network(self) -> Network:
        """The network itself."""
        return self.space.bind(named(self.space, self.outcomes), f"Trial{self.number}")

    @property
    def text(self) -> str:
        """The network as the text of a file, written out in full."""
        from archdsl.spec.decompile import written_out

        return written_out(self.network.graph)


class Evaluator(Protocol):
    """Scores a network."""

    def score(self, candidate: Candidate) -> Scores:
        """The scores of a network.

        An exception, or a score that is not finite, makes the trial a failed one; the search continues.
        """


class Memory(Protocol):
    """What a search remembers of scores for later evaluations, which run wherever."""

    def observe(self, scores: Scores) -> None:
        """Takes in the scores of a trial, in the order of proposals."""

    def state(self) -> dict[str, Any]:
        """What was remembered, as JSON can hold it."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""


@dataclass(frozen=True)
class Surroundings:
    """What an evaluator is made for.

    `goals` has the objectives and requirements, `data` opens the data of the search.  `command` is the
    program of the command line, as words.  An evaluator that trains asks `stop` now and then, and raises
    `Stopped` where it is True.
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


class Stopped(Exception):
    """An evaluation was left before its end, as the search is to stop; it is not recorded."""


@runtime_checkable
class Prepared(Protocol):
    """An evaluator with work to do before the first network is scored: a supernet to train."""

    def prepare(self, reporter: Reporter) -> None:
        """Does the work, or continues it; returns at once where it is done.  Raises Stopped.

        What it makes is in the folder of the run, for workers as well.
        """


class Failed(Exception):
    """A network has no scores, for a reason of a kind; `detail` is longer text that is kept with it."""

    def __init__(self, kind: Kind, reason: str, detail: str = ""):
        super().__init__(reason)
        self.kind, self.reason, self.detail = kind, reason, detail
