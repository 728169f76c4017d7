"""Computes the weight of each candidate of a mux from the weights of outcomes.

If a mux depends on one decision, the weights of its candidates are those of the outcomes. If two outcomes
select the same tensor, their weights are added; if several decisions select together, their weights are
multiplied. If some outcomes select no tensor (`x[gate - 1]`, read only if the gate is not 1), the weights are
conditional on selecting a tensor.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from archdsl.ir import Decision, Value
from archdsl.ir.expr import Pick, decisions_in
from archdsl.ir.resolve import evaluate

if TYPE_CHECKING:
    import torch

MOST_OUTCOMES = 4096
"""The maximum number of joint outcomes of the decisions on which one mux or one setting depends."""
_TINY = 1e-12


class TooManyOutcomes(ValueError):
    """Raised for more than `MOST_OUTCOMES` joint outcomes; the message names the decisions."""


@dataclass(frozen=True)
class Mixture:
    """The index of the candidate that each joint outcome of some decisions selects; -1 for no candidate.

    Joint outcomes are numbered with the last decision varying fastest. Many muxes have equal mixtures, such
    as those that select by one decision whose candidates are in order.
    """

    decisions: tuple[str, ...]
    sizes: tuple[int, ...]
    picks: tuple[int, ...]
    _hash: int = field(init=False, repr=False, compare=False)
    """The hash, computed once, since `picks` may be long."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.decisions, self.sizes, self.picks)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def is_plain(self) -> bool:
        """Whether the weights of the candidates are the weights of one decision's outcomes, in order."""
        return len(self.decisions) == 1 and self.picks == tuple(range(self.sizes[0]))

    def pick(self, outcomes: Mapping[str, int]) -> int:
        """The index of the candidate that these outcomes select."""
        joint = 0
        for path, size in zip(self.decisions, self.sizes, strict=True):
            joint = joint * size + outcomes[path]
        return self.picks[joint]

    def matrix(self) -> torch.Tensor:
        """A matrix of shape candidates × joint outcomes: 1 where the outcome selects the candidate, else
        0.
        """
        import torch

        rows = torch.arange(max(self.picks) + 1)
        return (rows[:, None] == torch.tensor(self.picks)).float()

    def weights(self, of: Mapping[str, torch.Tensor], matrix: torch.Tensor) -> torch.Tensor:
        """The weight of each candidate, computed from a vector over outcomes for each decision."""
        import torch

        if self.is_plain:
            return of[self.decisions[0]]
        joint = reduce(lambda a, b: torch.outer(a, b).flatten(), (of[path] for path in self.decisions))
        weights = matrix.to(joint) @ joint
        return weights / weights.sum().clamp_min(_TINY) if -1 in self.picks else weights


def mixture(on: Value, decisions: Mapping[str, Decision], place: Mapping[Hashable, int]) -> Mixture:
    """The mixture of candidates selected by the value `on`; `place` maps values to candidate indices.

    Values that are not in `place` select no candidate. Raises TooManyOutcomes.
    """
    paths, rows = tabled((on,), decisions)
    sizes = tuple(decisions[p].size for p in paths)
    return Mixture(paths, sizes, tuple(place.get(value, -1) for (value,) in rows))


def outcome_of(decision: Decision) -> Value:
    """The outcome index of a decision, as a value over decisions."""
    return Pick(decision.path, tuple(range(decision.size)))


def tabled(
    values: Sequence[Value], decisions: Mapping[str, Decision]
) -> tuple[tuple[str, ...], list[tuple[Hashable, ...]]]:
    """The decisions on which these values depend, and the values under each of their joint outcomes.

    Joint outcomes are ordered with the last decision varying fastest. Raises TooManyOutcomes.
    """
    paths = tuple(sorted({path for value in values for path in decisions_in(value)}))
    sizes = [decisions[path].size for path in paths]
    if prod(sizes) > MOST_OUTCOMES:
        raise TooManyOutcomes(f"{', '.join(paths)} have {prod(sizes):,} joint outcomes")
    joint = (dict(zip(paths, o, strict=True)) for o in product(*map(range, sizes)))
    return paths, [tuple(_evaluated(value, outcomes) for value in values) for outcomes in joint]


def _evaluated(value: Value, outcomes: Mapping[str, int]) -> Hashable:
    """The value in one network; None if it is undefined."""
    try:
        return evaluate(value, outcomes, _no_size)  # type: ignore[no-any-return]
    except (ArithmeticError, TypeError):
        return None


def _no_size(node: str, axis: int) -> int:
    raise AssertionError(f"the size of {node} differs between networks")
