"""Lower bounds on the costs of a space's networks, without enumeration.

The bound adds the costs of the nodes that are in every network, and of the cheapest candidate of each
decision that is active in every network; nodes shared by candidates of several decisions are not counted.
Inputs of sums count only if they are never zeros, since simplification removes zeros from sums. The bound is
exact if all decisions are always active, candidates of different decisions share no nodes, and no tensor is
zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from archdsl import ops
from archdsl.ir import Expr, Graph, Mux, Node, Shape
from archdsl.ir.expr import apply, by_axis, kind

Least = Callable[[Any], int]
"""A function that gives the minimum of a size or setting over all networks."""


def least_cost(
    graph: Graph, shapes: Mapping[str, Shape], least: Least, what: str
) -> tuple[int, dict[str, int]]:
    """A lower bound of a cost, "params" or "macs", of a space's networks; and each decision's cheapest
    outcome.
    """
    names = list(graph.nodes)
    bit = {name: 1 << n for n, name in enumerate(names)}
    must = _needed_by_all(graph, bit)
    always = 0
    for node in graph.outputs.values():
        always |= must.get(node, 0)
    cost = {n: _least_of(graph.nodes[n], shapes, least, what) for n in names}
    extras = _extras(graph, bit, must, always)
    shared = seen = 0
    for outcomes in extras.values():
        union = 0
        for nodes in outcomes.values():
            union |= nodes
        shared |= seen & union
        seen |= union
    total = _sum(always, names, cost)
    cheapest: dict[str, int] = {}
    for decision, outcomes in extras.items():
        prices = {o: _sum(nodes & ~shared, names, cost) for o, nodes in outcomes.items()}
        best = min(prices, key=lambda o: (prices[o], o))
        cheapest[decision] = best
        total += prices[best]
    return total, cheapest


def _needed_by_all(graph: Graph, bit: Mapping[str, int]) -> dict[str, int]:
    """For each node, the nodes on which it depends in every network, as a bit set."""
    must: dict[str, int] = {}
    zeros = _may_be_zeros(graph)
    for name, item in graph.nodes.items():
        if isinstance(item, Mux):
            sets = [must.get(s, 0) for s in item.inputs]
            both = sets[0]
            for other in sets[1:]:
                both &= other
            must[name] = both | bit[name]
            continue
        needed, primitive = bit[name], ops.get(item.op)
        if primitive.makes_zero:
            must[name] = needed  # may be made from an input
            continue
        left_out = zeros if primitive.zero_is_neutral else ()
        for port, source in enumerate(item.inputs):
            if port not in item.optional and source not in left_out:
                needed |= must.get(source, 0)
        must[name] = needed
    return must


def _may_be_zeros(graph: Graph) -> set[str]:
    """A superset of the nodes that simplification finds to be zeros in some network."""
    zeros: set[str] = set()
    for name, item in graph.nodes.items():
        if isinstance(item, Mux):
            if not zeros.isdisjoint(item.inputs):
                zeros.add(name)
            continue
        primitive = ops.get(item.op)
        values = item.inputs[: primitive.tensors(len(item.inputs))]
        needed = [i for port, i in enumerate(values) if port not in item.optional]
        varies = any(isinstance(value, Expr) for value in item.attrs.values())
        if primitive.makes_zero or (
            zeros.issuperset(needed) and (varies or primitive.keeps_zero(item.attrs))
        ):
            zeros.add(name)
    return zeros


def _extras(
    graph: Graph, bit: Mapping[str, int], must: Mapping[str, int], always: int
) -> dict[str, dict[int, int]]:
    """For each decision that is active in every network, the additional cost of each outcome."""
    found: dict[str, dict[int, int]] = {}
    for name, item in graph.nodes.items():
        if not isinstance(item, Mux) or not isinstance(item.on, str) or not bit[name] & always:
            continue
        outcomes = found.setdefault(item.on, {})
        for key, source in item.cases:
            adds = must.get(source, 0) & ~always if source is not None else 0
            outcomes[int(key)] = outcomes.get(int(key), 0) | adds
    return found


def _sum(nodes: int, names: list[str], cost: Mapping[str, int]) -> int:
    total = 0
    while nodes:
        low = nodes & -nodes
        total += cost[names[low.bit_length() - 1]]
        nodes ^= low
    return total


def _least_of(item: Node | Mux, shapes: Mapping[str, Shape], least: Least, what: str) -> int:
    """The minimum cost of a node: its cost at minimum sizes and settings, with which costs increase.

    The number of groups decreases costs instead, so a node counts only if its number of groups is constant.
    """
    if isinstance(item, Mux) or isinstance(item.attrs.get("g"), Expr):
        return 0
    if item.weights != item.name and what == "params":
        return 0
    xs = [tuple(least(v) for v in shapes[i]) for i in item.inputs]
    y = tuple(least(v) for v in shapes[item.name])
    attrs = {k: _least_setting(v, least) if isinstance(v, Expr) else v for k, v in item.attrs.items()}
    return int(getattr(ops.get(item.op).cost(xs, y, attrs), what))  # type: ignore[arg-type]


def _least_setting(value: Expr, least: Least) -> Any:
    """The minimum of a setting, for each axis; a value that is not a number is returned unchanged."""
    rows, columns = by_axis(value)
    if {kind(rows), kind(columns)} <= {"int", "number", "bool"}:
        return apply("pair", least(rows), least(columns))
    return value
