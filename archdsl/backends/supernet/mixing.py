"""How much each candidate of a mux counts, from how much each outcome of its decisions does.

A mux of one decision weighs its candidates as the decision weighs its outcomes.  Where two outcomes pick
the same tensor it counts with both, and where several decisions pick together with the product of theirs.
Where some outcomes pick nothing (`x[gate - 1]`, read only if the gate is not 1), the weights are those
under the condition that something is picked.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
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
"""Outcomes of all the decisions that one mux or one setting may hang on together."""
_TINY = 1e-12


class TooManyOutcomes(ValueError):
    """More than `MOST_OUTCOMES` together; the text names the decisions."""


@dataclass(frozen=True)
class Mixture:
    """Which of several candidates each joint outcome of some decisions picks; -1 where it picks none.

    Joint outcomes are numbered with the last decision running fastest.  Many muxes have an equal mixture:
    those of one decision with its candidates in order, to begin with.
    """

    decisions: tuple[str, ...]
    sizes: tuple[int, ...]
    picks: tuple[int, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the weights are those of the one decision as they are."""
        return len(self.decisions) == 1 and self.picks == tuple(range(self.sizes[0]))

    def pick(self, outcomes: Mapping[str, int]) -> int:
        """The candidate that these outcomes pick."""
        joint = 0
        for path, size in zip(self.decisions, self.sizes, strict=True):
            joint = joint * size + outcomes[path]
        return self.picks[joint]

    def matrix(self) -> torch.Tensor:
        """Candidates × joint outcomes: 1 where the outcome picks the candidate."""
        import torch

        rows = torch.arange(max(self.picks) + 1)
        return (rows[:, None] == torch.tensor(self.picks)).float()

    def weights(self, of: Mapping[str, torch.Tensor], matrix: torch.Tensor) -> torch.Tensor:
        """The weight of each candidate, from vectors over the outcomes of each decision."""
        import torch

        if self.is_plain:
            return of[self.decisions[0]]
        joint = reduce(lambda a, b: torch.outer(a, b).flatten(), (of[path] for path in self.decisions))
        weights = matrix.to(joint) @ joint
        return weights / weights.sum().clamp_min(_TINY) if -1 in self.picks else weights


def mixture(on: Value, decisions: Mapping[str, Decision], place: Mapping[Hashable, int]) -> Mixture:
    """The mixture of candidates by the value of `on`; `place` is the number of each value's candidate.

    Values that have no place pick none.  Raises TooManyOutcomes.
    """
    paths, rows = tabled((on,), decisions)
    sizes = tuple(decisions[p].size for p in paths)
    return Mixture(paths, sizes, tuple(place.get(value, -1) for (value,) in rows))


def outcome_of(decision: Decision) -> Value:
    """The number of a decision's outcome, as a value."""
    return Pick(decision.path, tuple(range(decision.size)))


def tabled(
    values: Sequence[Value], decisions: Mapping[str, Decision]
) -> tuple[tuple[str, ...], list[tuple[Hashable, ...]]]:
    """The decisions that some values hang on, and the values for each of their joint outcomes, in order.

    Raises TooManyOutcomes.
    """
    paths = tuple(sorted({path for value in values for path in decisions_in(value)}))
    sizes = [decisions[path].size for path in paths]
    if prod(sizes) > MOST_OUTCOMES:
        raise TooManyOutcomes(f"{', '.join(paths)} have {prod(sizes):,} outcomes together")
    joint = (dict(zip(paths, o, strict=True)) for o in product(*map(range, sizes)))
    return paths, [tuple(_evaluated(value, outcomes) for value in values) for outcomes in joint]


def _evaluated(value: Value, outcomes: Mapping[str, int]) -> Hashable:
    """The value in one network; None where it has none there."""
    try:
        return evaluate(value, outcomes, _no_size)  # type: ignore[no-any-return]
    except (ArithmeticError, TypeError):
        return None


def _no_size(node: str, axis: int) -> int:
    raise AssertionError(f"the size of {node} differs between networks")
