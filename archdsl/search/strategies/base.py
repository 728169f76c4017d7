"""The interface of strategies: propose outcomes of decisions, and observe the objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, Union, runtime_checkable

Outcomes = tuple[int, ...]
"""An outcome of each decision, by number, in the order of the space's decisions."""

Standing = Literal["scored", "repeated", "unmet", "failed"]


class Proposal(NamedTuple):
    """A network to evaluate; `epochs` override those of the evaluator (rungs of successive halving)."""

    outcomes: Outcomes
    epochs: int | None = None


@dataclass(frozen=True)
class Observation:
    """The result of a proposal.

    `outcomes` are canonical: 0 where a decision is inactive.  `values` has one number per objective, the
    lower the better, infinite where it is not known.

    * "scored": a new trial.
    * "repeated": this network was a trial before; `values` are those of that trial.
    * "unmet": it violates a requirement on costs, and is not a trial, or one on scores, and is a trial.
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
    """Proposes networks sequentially.

    Proposals depend only on the settings, the decisions, the seed and the observations, so that a search is
    resumed by proposing again and observing the recorded results. Up to `parallel` proposals are made before
    the first of them is observed.
    """

    def propose(self) -> Union[Proposal, Outcomes, None]:
        """The network to evaluate next; None if the strategy first needs more observations.

        A search ends once everything was observed and nothing is proposed.
        """

    def observe(self, seen: Observation) -> None:
        """Receives the result of a proposal; called once for each proposal, in the order of proposals."""


@runtime_checkable
class Snapshot(Protocol):
    """A strategy whose state can be saved, so that a long search is resumed without replay."""

    def state(self) -> dict[str, Any]:
        """The state that later proposals depend on, as JSON values; "arrays" may contain numpy arrays by
        name.
        """

    def restore(self, state: dict[str, Any]) -> None:
        """Restores a state; proposals are then the same as without interruption."""
