"""Costs of the networks of a space: of single networks, of many, expected, minimum and maximum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.ir import Graph, Mux, Node
from archdsl.ir.resolve import applications
from archdsl.passes.analyses.closed_form import UNCUT, ClosedForm, Entangled, closed_form
from archdsl.passes.costs.binding_pricer import BindingPricer
from archdsl.passes.costs.expected import Expected, expected
from archdsl.passes.costs.extremes import Extreme, Sense, best_found, extreme
from archdsl.passes.costs.price_tables import Tables
from archdsl.passes.costs.pricer import Pricer
from archdsl.passes.costs.pricing import Price, price_tables

if TYPE_CHECKING:
    from numpy.typing import NDArray


_WORK_BOUND, _LEAST_BOUND, _MOST_BOUND = 800_000, 12, 300
"""Limits for estimating one figure of a space without closed form, such as an extreme, by binding networks:
the maximum work, and the minimum and maximum number of networks.

The unit of work is an edge, or an operation in a condition of a mux.
"""
_NODE = 8
"""The work of binding and pricing a node, in the unit of `_WORK_BOUND`; most of it is inferring the shape."""


MANY = 100_000
"""The number of networks that lookups in tables price in a few seconds."""
_OUTCOMES_TOGETHER = 1 << 25
"""The maximum number of outcomes of decisions that are sampled at a time."""


@dataclass(frozen=True)
class Distribution:
    """The prices of networks sampled uniformly over outcomes, in increasing order."""

    prices: NDArray[np.float64]

    @property
    def mean(self) -> float:
        return float(self.prices.mean())

    def quantile(self, share: float) -> float:
        """The price that a fraction `share` of the networks does not exceed."""
        return float(np.quantile(self.prices, share))


class SpaceCost:
    """Computes prices of the networks of one space; analyses that prices have in common are cached."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self._tables: dict[Price, Tables] = {}
        self._pricers: dict[Price, Pricer | BindingPricer] = {}
        self._expected: dict[Price, Expected] = {}
        self._refused: dict[Price, Entangled] = {}
        self._cut = False  # a space that must be cut for one price is cut for all

    @cached_property
    def _closed(self) -> ClosedForm:
        return closed_form(self.graph)

    @cached_property
    def _entangled(self) -> Entangled | None:
        try:
            _ = self._closed
        except Entangled as error:
            return error
        return None

    def samples(self, prices: Iterable[Price]) -> int:
        """The number of networks for which all these prices can be computed in a few seconds."""
        quick = all(isinstance(self.pricer(price), Pricer) for price in prices)
        return MANY if quick else self._bound

    def why_no_tables(self, price: Price) -> str | None:
        """The reason why the price cannot be expressed by tables; None if it can."""
        try:
            self.tables(price)
        except Entangled as error:
            return str(error)
        return None

    @property
    def entangled(self) -> str | None:
        """The reason why the space has no closed form; None if it has one."""
        return None if self._entangled is None else str(self._entangled)

    def _demand_closed(self) -> None:
        if self._entangled is not None:
            raise self._entangled

    @cached_property
    def _uncut(self) -> ClosedForm:
        return closed_form(self.graph, UNCUT)

    def tables(self, price: Price) -> Tables:
        """The price as a sum of tables. Raises Entangled if these exceed the limits."""
        found = self._tables.get(price)
        if price in self._refused:
            raise self._refused[price]
        if found is None:
            self._demand_closed()
            try:
                found = self._tables[price] = price_tables(self._closed, price)
            except Entangled as error:
                self._refused[price] = error
                del self._closed  # it is full; other prices need less of it
                raise
        return found

    def pricer(self, price: Price) -> Pricer | BindingPricer:
        """A function that prices single and many networks; fast if the space has a closed form."""
        found = self._pricers.get(price)
        if found is None:
            found = self._pricers[price] = self._pricer(price)
        return found

    def _pricer(self, price: Price) -> Pricer | BindingPricer:
        try:
            return Pricer(self.tables(price))
        except Entangled:
            return BindingPricer(self.graph, price)

    def expected(self, price: Price) -> Expected:
        """The expected price as a function of the probabilities of outcomes, with a flag `exact`.

        Raises Entangled if the space has no closed form.
        """
        found = self._expected.get(price)
        if found is None:
            self._demand_closed()
            found = self._expected[price] = expected(self.graph, price, self._cut)
            self._cut |= found.cut
        return found

    def life(self, node: str, probabilities: Mapping[str, Any] | None = None) -> float:
        """The probability that a node or mux is live in a random network; uniform over outcomes by default.

        Raises Entangled if the space has no closed form, and KeyError for an unknown node.
        """
        self._demand_closed()
        lives = self._uncut.diagrams.map(int, self._uncut.live[node])
        return Expected(self._uncut, [lives]).of(probabilities)

    def extreme(self, price: Price, sense: Sense, start: Callable[[], Sequence[int]] = tuple) -> Extreme:
        """The minimum ("least") or maximum ("most") price, the network that attains it, and a flag `exact`.

        If the space has no closed form, the result is at least as good as the network that `start` returns.
        """
        pricer = self.pricer(price)
        if isinstance(pricer, Pricer):
            return extreme(pricer, sense)
        sizes = [d.size for d in self.graph.decisions.values()]
        tries = min(64, self._bound // 2)
        return best_found(pricer, sizes, sense, start(), tries, most=self._bound)

    @cached_property
    def _bound(self) -> int:
        """The number of networks that are bound for one estimate, limited by the work of binding them."""
        items = self.graph.nodes.values()
        work = sum(len(item.cases) if isinstance(item, Mux) else len(item.inputs) for item in items)
        work += _NODE * sum(isinstance(item, Node) for item in items)
        work += applications(item.on for item in items if isinstance(item, Mux))
        return min(_MOST_BOUND, max(_LEAST_BOUND, _WORK_BOUND // max(1, work)))

    def distribution(self, price: Price, networks: int, seed: int = 0) -> Distribution:
        """The distribution of the price over random networks."""
        return Distribution(np.sort(self.sampled([price], networks, seed)[0]))

    def sampled(self, prices: Sequence[Price], networks: int, seed: int = 0) -> list[NDArray[np.float64]]:
        """For each of these prices, its values for the same random networks, in the order of sampling.

        The networks are sampled in chunks that fit into memory.
        """
        found: list[list[NDArray[np.float64]]] = [[] for _ in prices]
        for outcomes in self._sampled(networks, seed):
            for price, known in zip(prices, found, strict=True):
                known.append(self.pricer(price).many(outcomes))
        return [np.concatenate(known) for known in found]

    def sample(self, number: int, networks: int, seed: int = 0) -> list[int]:
        """The outcome indices of the network with index `number` among those that `sampled` prices."""
        for outcomes in self._sampled(networks, seed):
            if number < len(outcomes):
                return [int(o) for o in outcomes[number]]
            number -= len(outcomes)
        raise IndexError(f"network {number} of {networks}")

    def _sampled(self, networks: int, seed: int) -> Iterator[NDArray[np.int32]]:
        portion = max(1, _OUTCOMES_TOGETHER // max(1, len(self.graph.decisions)))
        for n, start in enumerate(range(0, networks, portion)):
            yield random_outcomes(self.graph, min(portion, networks - start), (seed, n) if n else seed)

    def numbers(self, decisions: Mapping[str, str]) -> list[int]:
        """Converts decisions (path -> outcome) to outcome indices; missing decisions get index 0."""
        return [
            d.index[decisions[path]] if path in decisions else 0 for path, d in self.graph.decisions.items()
        ]

    def decisions(self, outcomes: Any) -> dict[str, str]:
        """Converts outcome indices to decisions (path -> outcome)."""
        named = zip(self.graph.decisions.items(), outcomes, strict=True)
        return {path: d.outcomes[int(o)] for (path, d), o in named}


def random_outcomes(graph: Graph, networks: int, seed: int | tuple[int, int] = 0) -> NDArray[np.int32]:
    """Outcome indices of random networks, uniform over outcomes; an array networks × decisions."""
    rng = np.random.default_rng(seed)
    columns = [rng.integers(0, d.size, networks, dtype=np.int32) for d in graph.decisions.values()]
    return np.stack(columns, axis=1) if columns else np.empty((networks, 0), np.int32)
