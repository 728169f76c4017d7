"""Prices the networks of a space that has no closed form, by binding each network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archdsl import ops
from archdsl.ir import Graph, Node
from archdsl.passes.analyses.closed_form import Applied
from archdsl.passes.analyses.liveness import live_nodes
from archdsl.passes.analyses.shapes import infer
from archdsl.passes.costs.pricing import Price, network_price
from archdsl.passes.transforms.bind import Binder, Bound
from archdsl.passes.transforms.simplify import simplify

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


class BindingPricer:
    """Prices networks like `archdsl.passes.costs.pricer.Pricer`, but by binding each network.

    Ill-typed networks are priced as far as their sizes are known.
    """

    def __init__(self, graph: Graph, price: Price):
        self.graph, self.price = graph, price
        self.decisions = tuple(graph.decisions)
        self._sizes = tuple(d.size for d in graph.decisions.values())
        self._binder = Binder(graph)
        self._known: dict[Applied, float] = {}
        used = {ops.get(n.op) for n in graph.nodes.values() if isinstance(n, Node)}
        self._plain = price.of_layers and not any(primitive.makes_zero for primitive in used)
        self._counted = replace(price, of=self._remembered)

    def many(self, outcomes: ArrayLike) -> NDArray[np.float64]:
        """The prices of N networks; `outcomes` are outcome indices, an array of shape N × decisions."""
        import numpy as np

        rows = np.asarray(outcomes)
        if rows.ndim != 2 or rows.shape[1] != len(self.decisions):
            raise ValueError(f"expected N × {len(self.decisions)} outcomes, got shape {rows.shape}")
        return np.array([self.one(row) for row in rows.tolist()], dtype=float)

    def one(self, outcomes: Sequence[int]) -> float:
        """The price of one network, given by outcome indices. Raises ValueError for invalid outcomes."""
        if len(outcomes) != len(self.decisions):
            raise ValueError(f"expected {len(self.decisions)} outcomes, got {len(outcomes)}")
        if not all(0 <= o < size for o, size in zip(outcomes, self._sizes, strict=True)):
            raise ValueError("outcome out of range")
        bound = self._binder.bind(dict(zip(self.decisions, outcomes, strict=True)))
        if self._plain:
            return self._of_layers(bound)
        if self.price.shared_once:
            return self._of_ops(bound)
        return network_price(simplify(bound.graph, bound.shapes), self._counted)

    def _of_ops(self, bound: Bound) -> float:
        """The sum of the prices of op applications, minus those of primitives that several of them share."""
        whole = simplify(bound.graph, bound.shapes, across_ops=False)
        once = simplify(whole).nodes
        again = {
            name: replace(node, instance=None)
            for name, node in whole.nodes.items()
            if name not in once and isinstance(node, Node) and not ops.get(node.op).has_layer
        }
        shared = network_price(replace(whole, nodes=again), self._counted, infer(whole))
        return network_price(whole, self._counted) - shared

    def _remembered(self, applied: Any) -> float:
        if self.price.by == "op":
            return self.price.of(applied)
        found = self._known.get(applied)
        if found is None:
            found = self._known[applied] = self.price.of(applied)
        return found

    def _of_layers(self, bound: Bound) -> float:
        """The sum of the prices of layers.

        Without zeros, simplification removes only dead nodes, and equal nodes without weights, so it is
        skipped.
        """
        alive = live_nodes(bound.graph.nodes, bound.graph.outputs.values())
        nodes = {name: node for name, node in bound.graph.nodes.items() if name in alive}
        return network_price(replace(bound.graph, nodes=nodes), self._counted, bound.shapes)
