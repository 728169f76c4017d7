"""The interface of strategies: propose outcomes of decisions, and observe the objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, Union, runtime_checkable

Outcomes = tuple[int, ...]
"""An outcome of each decision, by number, in the order of the space's decisions."""

Standing = Literal["scored", "repeated", "unmet", "failed"]


class Proposal(NamedTuple):
    """A network to evaluate; `epochs` replace those of the evaluator (rungs of successive halving)."""

    outcomes: Outcomes
    epochs: int | None = None


@dataclass(frozen=True)
class Observation:
    """The result of a proposal.

    `outcomes` are canonical: 0 where a decision does not arise.  `values` has one number per objective, the
    lower the better, infinite where it is not known.

    * "scored": a new trial.
    * "repeated": this network was a trial before; `values` are those of that trial.
    * "unmet": it misses a requirement on costs, and is not a trial, or one on scores, and is one.
    * "failed": its evaluation failed.
    """

    outcomes: Outcomes
    values: tuple[float, ...]
    state: Standing = "scored"
    epochs: int | None = None

    @property
    def value(self) -> float:
        """The first objective."""
        return self.values[0]


class Strategy(Protocol):
    """Proposes networks one after the other.

    Proposals depend on the settings, the decisions, the seed and the observations alone, so that a search is
    resumed by proposing again and observing what was recorded.  Up to `parallel` proposals are made before
    the first of them is observed.
    """

    def propose(self) -> Union[Proposal, Outcomes, None]:
        """The network to evaluate next; None where there is none before more is observed.

        A search ends where there is none and everything was observed.
        """

    def observe(self, seen: Observation) -> None:
        """Takes the result of a proposal; called once for each of them, in their order."""


@runtime_checkable
class Snapshot(Protocol):
    """A strategy whose state can be saved, so that a long search is resumed without replaying it."""

    def state(self) -> dict[str, Any]:
        """All that later proposals depend on, as JSON can hold it; "arrays" may hold numpy arrays by name."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from a state, with the same proposals as the strategy that had it."""
