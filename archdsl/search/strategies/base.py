"""The interface of strategies, which propose networks, and observe the values of their objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, Union, runtime_checkable

Outcomes = tuple[int, ...]
"""A network: the index of the outcome of each decision, in the order of the space's decisions."""

Standing = Literal["scored", "repeated", "unmet", "failed"]


class Proposal(NamedTuple):
    """A network to evaluate; `epochs` override the epochs of the evaluator, as in successive halving."""

    outcomes: Outcomes
    epochs: int | None = None


@dataclass(frozen=True)
class Observation:
    """The result of a proposal.

    `outcomes` are canonical: 0 for inactive decisions. `values` has a number for each objective, lower is
    better, infinite if unknown. `state` is one of:

    * "scored": a new trial.
    * "repeated": the network was evaluated before; `values` are those of that trial.
    * "unmet": the network violates a requirement on costs, and is not a trial, or one on scores, and is one.
    * "failed": the evaluation failed.
    """

    outcomes: Outcomes
    values: tuple[float, ...]
    state: Standing = "scored"
    epochs: int | None = None

    @property
    def value(self) -> float:
        """The value of the first objective."""
        return self.values[0]


class Strategy(Protocol):
    """Proposes networks sequentially.

    Proposals must depend only on the settings, the decisions, the seed and the observations, since a search
    is resumed by proposing again and observing the recorded results. Up to `parallel` proposals are made
    before the first of them is observed.
    """

    def propose(self) -> Union[Proposal, Outcomes, None]:
        """The network to evaluate next; None if the strategy needs more observations first.

        A search ends if all proposals were observed and None is returned.
        """

    def observe(self, seen: Observation) -> None:
        """Receives the result of a proposal; called once for each proposal, in the order of proposals."""


@runtime_checkable
class Snapshot(Protocol):
    """A strategy whose state can be saved, so that a long search is resumed without replay."""

    def state(self) -> dict[str, Any]:
        """The state that later proposals depend on, as JSON values, with one exception.

        A dict in it may have an entry "arrays", a dict of numpy arrays by name.
        """

    def restore(self, state: dict[str, Any]) -> None:
        """Restores a state; later proposals are then the same as without interruption."""
