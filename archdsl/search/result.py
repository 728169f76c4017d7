"""Discretization: derives a network from outcome probabilities, subject to the requirements of the space."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.devices.objective import Costs
from archdsl.diagnostics import SpecError
from archdsl.ir import Measure, Value
from archdsl.ir.resolve import evaluate, rebuilt
from archdsl.passes.costs.cost import Total
from archdsl.program import Network, Space
from archdsl.search.screening import affordable, may_meet
from archdsl.search.trials.history import Trial
from archdsl.spec.search_values import Term

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLED = 4096
"""Networks sampled from the probabilities if the most probable one violates the requirements."""
PORTION = 16
"""The number of sampled networks that are priced first; each further batch is larger."""


@dataclass(frozen=True)
class Result:
    """A network found by a search, its outcome indices by path, and a text on how it was chosen (`how`).

    `unmet` are the texts of violated requirements; `how` also names requirements that were not checked, such
    as a latency without a table of the device. In a search by trials, `trials` are all trials, and `front` is
    the non-dominated networks, the best in the first objective first (with one objective, the best network).
    In a co-search, `members` are the results of all architectures by name; this is the result of the last
    one.
    """

    network: Network
    outcomes: Mapping[str, int]
    how: str
    unmet: tuple[str, ...] = ()
    decoded: Network | None = None
    """The decoded network, if the search has a `decode` clause."""
    ends: Mapping[tuple[int, ...], tuple[float, float | None]] = field(default_factory=dict)
    """mIoU and latency in ms of each combination of end rows of branches, if they were compared to decode."""
    front: tuple[Result, ...] = ()
    trials: tuple[Trial, ...] = ()
    members: Mapping[str, Result] = field(default_factory=dict)

    @property
    def costs(self) -> dict[str, int]:
        """The number of parameters, and MACs per image."""
        cost = Total()(self.network.graph)
        return {"params": cost.params, "macs": cost.macs}


def discretize(
    space: Space, probabilities: Mapping[str, Any], seed: int = 0, by: Costs | None = None
) -> Result:
    """Derives a network from outcome probabilities: the most probable outcome of each decision.

    If that network violates requirements of the space, networks are sampled from the probabilities, and the
    most probable one that satisfies the requirements is returned; if none does, the first network, with its
    violated requirements. `by` has the latency tables for checking latency and frame rate.
    """
    by = Costs(space) if by is None else by
    chances = {path: np.asarray(p, dtype=float) for path, p in probabilities.items()}
    first = {path: int(p.argmax()) for path, p in chances.items()}
    found = bound(space, first, "the most probable outcome of each decision", by)
    if not found.unmet:
        return found
    for outcomes in _candidates(space, chances, seed, by):
        other = bound(
            space, outcomes, "the most probable sampled network that satisfies the requirements", by
        )
        if not other.unmet:
            return other
    return found


def _candidates(space: Space, chances: Mapping[str, Any], seed: int, by: Costs) -> Iterator[dict[str, int]]:
    """Yields sampled networks that may satisfy the requirements, as outcome indices, most probable first.

    Networks are priced in growing batches, and fewer of them in spaces whose costs have no closed form, where
    pricing a network requires binding it.
    """
    sampled = _sampled(chances, seed)[: affordable(space, by)]
    columns = dict(zip(chances, sampled.T, strict=True))
    none = np.zeros(len(sampled), dtype=sampled.dtype)
    rows = np.stack([columns.get(path, none) for path in space.decisions], 1)
    start, end = 0, PORTION
    while start < len(sampled):
        possible = may_meet(space, rows[start:end], by)
        for outcomes in sampled[start:end][possible]:
            yield dict(zip(chances, map(int, outcomes), strict=True))
        start, end = end, 3 * end


def _sampled(chances: Mapping[str, Any], seed: int) -> NDArray[Any]:
    """Distinct sampled networks as outcome indices, N × decisions, most probable first."""
    rng = np.random.default_rng(seed)
    columns = [rng.choice(len(p), size=SAMPLED, p=p / p.sum()) for p in chances.values()]
    table = np.unique(np.stack(columns, 1), axis=0)
    chance = sum(np.log(p[table[:, n]] + 1e-12) for n, p in enumerate(chances.values()))
    return table[np.argsort(-chance, kind="stable")]


def bound(space: Space, outcomes: Mapping[str, int], how: str, by: Costs) -> Result:
    """The network of these outcome indices as a result, with the requirements that it violates."""
    network = space.bind(named(space, outcomes))
    rows = [[outcomes.get(path, 0) for path in space.decisions]]
    missed = []
    for requirement in network.bound.requirements:
        try:
            if not _holds(requirement.condition, network, lambda term: float(by.exact(term, rows)[0])):
                missed.append(requirement.text)
        except SpecError as error:
            how += f"; `{requirement.text}` was not checked: {error.diagnostics[0].headline}"
    return Result(network, outcomes, how, tuple(missed))


def named(space: Space, outcomes: Mapping[str, int]) -> dict[str, str]:
    """Converts outcome indices to labels, by decision path; the first outcome for decisions not searched."""
    return {path: d.outcomes[outcomes.get(path, 0)] for path, d in space.decisions.items()}


def not_searched(space: Space) -> list[str]:
    """The paths of the decisions that are not searched, because only train-only outputs depend on them."""
    return sorted(space.decisions.keys() - space.searched.decisions.keys())


def _holds(condition: Value, network: Network, timed: Callable[[Term], float]) -> bool:
    """Whether a network satisfies a condition; `timed` returns its latency or frame rate.

    Raises SpecError: ARCH827 without a latency table of the device, ARCH824 for missing rows of the table.
    """
    cost = Total()(network.graph)
    counts = {"params": cost.params, "macs": cost.macs, "flops": 2 * cost.macs}

    def leaf(value: Value) -> Value:
        if not isinstance(value, Measure):
            return value
        return counts[value.name] if value.name in counts else timed(Term(value.name, dict(value.options)))

    return bool(evaluate(rebuilt(condition, leaf), {}, lambda node, axis: 0))
