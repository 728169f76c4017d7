"""What a search found: the likeliest network that meets the requirements, and its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from archdsl.ir import Apply, Measure, Value
from archdsl.ir.resolve import evaluate, rebuilt
from archdsl.passes.cost import costs, total
from archdsl.program import Network, Space

DRAWN = 4096
"""Networks drawn from the probabilities where the likeliest one does not meet the requirements."""


@dataclass(frozen=True)
class Found:
    """A network, its outcomes by number, and how it was come by.

    `unmet` are requirements that it does not meet; those on latency are not looked at, for a device decides
    them.
    """

    network: Network
    outcomes: Mapping[str, int]
    how: str
    unmet: tuple[str, ...] = ()

    @property
    def costs(self) -> dict[str, int]:
        """Parameters and MACs per image."""
        cost = total(costs(self.network.graph).values())
        return {"params": cost.params, "macs": cost.macs}


def derive(space: Space, probabilities: Mapping[str, Any], seed: int = 0) -> Found:
    """The network of the likeliest outcome of each decision, if it meets the requirements of the space.

    If not, the likeliest that does of those drawn from the probabilities; if none does, the first one all
    the same, with what it does not meet.
    """
    chances = {path: np.asarray(p, dtype=float) for path, p in probabilities.items()}
    first = {path: int(p.argmax()) for path, p in chances.items()}
    found = _bound(space, first, "the likeliest outcome of each decision")
    if not found.unmet:
        return found
    for outcomes in _drawn(chances, seed):
        other = _bound(space, outcomes, "the likeliest drawn that meets the requirements")
        if not other.unmet:
            return other
    return found


def _drawn(chances: Mapping[str, Any], seed: int) -> list[dict[str, int]]:
    """Different networks drawn from the probabilities, the likeliest first."""
    rng = np.random.default_rng(seed)
    columns = [rng.choice(len(p), size=DRAWN, p=p / p.sum()) for p in chances.values()]
    table = np.unique(np.stack(columns, 1), axis=0)
    chance = sum(np.log(p[table[:, n]] + 1e-12) for n, p in enumerate(chances.values()))
    return [dict(zip(chances, map(int, table[n]), strict=True)) for n in np.argsort(-chance, kind="stable")]


def _bound(space: Space, outcomes: Mapping[str, int], how: str) -> Found:
    named = {path: space.decisions[path].outcomes[o] for path, o in outcomes.items()}
    network = space.bind(named)
    return Found(network, outcomes, how, tuple(unmet(network)))


def unmet(network: Network) -> list[str]:
    """The requirements that a network does not meet, as the spec says them; not those on latency."""
    texts = []
    measured: dict[str, float] = {}
    for requirement in network.bound.requirements:
        condition = requirement.condition
        if not isinstance(condition, Apply):
            if condition is False:
                texts.append(requirement.text)
            continue
        if not measured:
            cost = total(costs(network.graph).values())
            measured = {"params": cost.params, "macs": cost.macs, "flops": 2 * cost.macs}
        known = rebuilt(condition, _measuring(measured))
        if not isinstance(known, Measure | Apply) and not evaluate(known, {}, lambda node, axis: 0):
            texts.append(requirement.text)
    return texts


def _measuring(measured: Mapping[str, float]) -> Callable[[Value], Value]:
    def leaf(value: Value) -> Value:
        return measured.get(value.name, value) if isinstance(value, Measure) else value

    return leaf
