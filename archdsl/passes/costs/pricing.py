"""Prices: costs of a network that are sums over its primitives or op applications.

Examples are parameters, MACs, memory traffic, and latency by a lookup table. From the closed form of a space
and a price, this module computes tables that give the price of every network of the space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from archdsl import ops
from archdsl.ir import Graph, Node
from archdsl.passes.analyses.closed_form import Applied, ClosedForm, Entangled, joint_cells, source_of
from archdsl.passes.analyses.decision_diagrams import TooLarge
from archdsl.passes.analyses.shapes import FixedShape, infer
from archdsl.passes.analyses.sharing import computed_nodes, without
from archdsl.passes.costs.memory import BYTES
from archdsl.passes.costs.price_tables import Table, Tables, from_diagram

MOST_CELLS = 1 << 23
"""The maximum number of cells of all tables of a price together."""

Piece = tuple[tuple[Node, Applied], ...]
"""The primitives in one application of an op that are computed in some network, in the order of the graph.

The inputs and settings of a `Node` are those in the space; its `Applied` gives the values in the network.
"""


@dataclass(frozen=True)
class Price:
    """An additive cost of a network, in some unit.

    `by` defines the argument of `of`: each primitive, each set of weights (its first primitive), or each
    application of a declared op (a `Piece`; a primitive outside of ops is a piece of its own). `of_layers`
    means that only primitives with weights or state have a cost, so that merging equal nodes does not change
    the price. `shared_once`, for prices of ops, means that a primitive shared by several applications is
    priced as a separate piece, of a node without `instance`, and subtracted from each application after the
    first. For a space, `of` may also be called with applications that occur in no network.
    """

    name: str
    unit: str
    of: Callable[[Any], float]
    by: Literal["primitive", "weights", "op"] = "primitive"
    of_layers: bool = False
    shared_once: bool = False


def params(applied: Applied) -> int:
    return ops.get(applied.op).cost(applied.inputs, applied.shape, dict(applied.attrs)).params


def macs(applied: Applied) -> int:
    return ops.get(applied.op).cost(applied.inputs, applied.shape, dict(applied.attrs)).macs


def values_moved(applied: Applied) -> int:
    return sum(ops.get(applied.op).traffic(applied.inputs, applied.shape, dict(applied.attrs)))


PARAMS = Price("params", "", params, by="weights", of_layers=True)
MACS = Price("macs", "", macs, of_layers=True)


def traffic_price(dtype: str = "float32") -> Price:
    """The price in bytes of activations read and written, as in `archdsl.passes.costs.memory`."""
    size = BYTES[dtype]
    return Price("traffic", "B", lambda applied: size * values_moved(applied))


def network_price(graph: Graph, price: Price, shapes: Mapping[str, FixedShape] | None = None) -> float:
    """Computes the price of a network."""
    shapes = shapes or infer(graph)
    nodes = [node for node in graph.nodes.values() if isinstance(node, Node)]
    applied = {node.name: _applied(node, shapes) for node in nodes}
    if price.by == "op":
        return sum(price.of(tuple((n, applied[n.name]) for n in group)) for group in pieces(nodes).values())
    if price.by == "weights":
        nodes = list({node.weights: node for node in reversed(nodes)}.values())
    return sum(price.of(applied[node.name]) for node in nodes)


def _applied(node: Node, shapes: Mapping[str, FixedShape]) -> Applied:
    inputs = tuple(shapes[i] for i in node.inputs)
    return Applied(node.op, tuple(node.attrs.items()), tuple(range(len(inputs))), inputs, shapes[node.name])


def pieces(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    """Groups nodes by application of a declared op, whose path is the key; other nodes are groups of their
    own.
    """
    groups: dict[str, list[Node]] = {}
    for node in nodes:
        groups.setdefault(node.name if node.instance is None else node.instance, []).append(node)
    return groups


def price_tables(closed: ClosedForm, price: Price) -> Tables:
    """Computes the tables that give the price of every network of a space.

    Raises Entangled if the tables need more than `MOST_CELLS` cells or the diagrams are too large; the closed
    form cannot be used any further then.
    """
    d = closed.diagrams
    constant = 0.0
    roots: dict[int, int] = {}
    for root in price_functions(closed, price):
        if d.is_leaf(root):
            constant += d.value(root)
        else:
            roots[root] = roots.get(root, 0) + 1
    decisions = tuple(closed.graph.decisions)
    number = {level: decisions.index(path) for level, path in closed.variables.items()}
    number |= {a.level: len(decisions) + n for n, a in enumerate(closed.auxiliaries)}
    _limited(closed, [*roots, *(auxiliary.definition for auxiliary in closed.auxiliaries)], price)
    auxiliaries = tuple(_definition(closed, n, number) for n in range(len(closed.auxiliaries)))
    terms = []
    for root, times in roots.items():
        table = from_diagram(d, root, number)
        terms.append(Table(table.variables, table.classes, table.cells.astype(float) * times))
    sizes = tuple(decision.size for decision in closed.graph.decisions.values())
    return Tables(decisions, sizes, auxiliaries, tuple(terms), constant)


def _limited(closed: ClosedForm, roots: Iterable[int], price: Price) -> None:
    cells = sum(closed.diagrams.cells(root) for root in roots)
    if cells > MOST_CELLS:
        raise Entangled(f"the tables of {price.name} exceed {MOST_CELLS:,} cells")


def price_functions(closed: ClosedForm, price: Price) -> list[int]:
    """The roots of decision diagrams whose sum is the price. Raises Entangled if they are too large."""
    try:
        return list(_terms(closed, price))
    except TooLarge as error:
        raise Entangled(f"the tables of {price.name} exceed {error}") from error


def _definition(closed: ClosedForm, n: int, number: Mapping[int, int]) -> Table:
    auxiliary = closed.auxiliaries[n]
    d = closed.diagrams
    place = {value: at for at, value in enumerate(auxiliary.values)}
    return from_diagram(d, d.map(lambda value: place[value], auxiliary.definition), number)


def _terms(closed: ClosedForm, price: Price) -> Iterator[int]:
    """Yields the roots of decision diagrams whose sum is the price."""
    d, free = closed.diagrams, closed.diagrams.leaf(0)
    nodes = [node for node in closed.graph.nodes.values() if isinstance(node, Node)]
    if price.by == "op":
        yield from _of_ops(closed, nodes, price)
        return
    computed = closed.live if price.of_layers else computed_nodes(closed)
    prices: dict[int, int] = {}
    used: dict[str, int] = {}
    shared = _shared_weights(nodes) if price.by == "weights" else set()
    for node in nodes:
        applied = closed.applied[node.name]
        cost = prices.get(applied)
        if cost is None:
            cost = prices[applied] = d.map(lambda a: 0 if a is None else price.of(a), applied)
        if cost == free:
            continue
        live = computed[node.name]
        if node.weights in shared:
            before = used.get(node.weights, d.false)
            here = d.both(live, d.map(lambda a: a is not None, applied))
            live = d.map(lambda h, b: h and not b, here, before)
            used[node.weights] = d.either(before, here)
        yield _where(closed, live, cost, node.name)


def _of_ops(closed: ClosedForm, nodes: list[Node], price: Price) -> Iterator[int]:
    computed = computed_nodes(closed, across_ops=False) if price.shared_once else closed.live
    for members in pieces(nodes).values():
        yield _of_piece(closed, members, price, computed)
    if not price.shared_once:
        return
    once = computed_nodes(closed)
    for node in nodes:
        if computed[node.name] != once[node.name] and not ops.get(node.op).has_layer:
            again = without(closed, computed[node.name], once[node.name], node.name)
            alone = replace(price, of=lambda piece: -price.of(piece))
            yield _of_piece(closed, [replace(node, instance=None)], alone, {node.name: again})


def _shared_weights(nodes: Iterable[Node]) -> set[str]:
    once: set[str] = set()
    return {node.weights for node in nodes if node.weights in once or once.add(node.weights)}  # type: ignore[func-returns-value]


def _where(closed: ClosedForm, live: int, cost: int, name: str) -> int:
    """The function that equals `cost` where the condition `live` holds, and 0 elsewhere; `name` names
    auxiliary variables introduced for it.
    """
    d = closed.diagrams
    if live == d.true:
        return cost
    if joint_cells(d, (live, cost)) > closed.limits.most_cells:
        live = closed.cutter.cut(live, f"{name} lives", d.level[live])
    return d.map(lambda here, price: price if here else 0, live, cost)


def _of_piece(closed: ClosedForm, members: list[Node], price: Price, computed: Mapping[str, int]) -> int:
    """The price of one op application as a function of decisions, for those of its primitives that are
    computed.
    """
    d = closed.diagrams
    parts = []
    for node in members:
        live, applied = computed[node.name], closed.applied[node.name]
        if joint_cells(d, (live, applied)) > closed.limits.most_cells:
            live = closed.cutter.cut(live, f"{node.name} lives", d.level[live])
        parts.append(d.map(lambda here, a: a if here else None, live, applied))
    if joint_cells(d, parts) > closed.limits.most_cells:
        parts = [closed.cutter.cut(p, n.name, d.level[p]) for p, n in zip(parts, members, strict=True)]
    needed = _always_made(closed, members) if computed is closed.live else set()
    joint = d.leaf(())
    for at, part in enumerate(parts):
        joint = d.map(lambda before, a, at=at: _with(before, at, a, members, needed), joint, part)

    def of(found: _Joint | None) -> float:
        return price.of(tuple((members[at], applied) for at, applied in found)) if found else 0

    return d.map(of, joint)


_Joint = tuple[tuple[int, Applied], ...]


def _always_made(closed: ClosedForm, members: list[Node]) -> set[str]:
    """The primitives of an op application that are never replaced by one of their inputs as an identity."""
    d = closed.diagrams
    found = set()
    for node in members:
        contexts = [d.value(leaf) for leaf in d.leaves(closed.contexts[node.name])]
        if all(context is None or context.applied is not None for context in contexts):
            found.add(node.name)
    return found


def _with(
    before: _Joint | None, at: int, applied: Applied | None, members: list[Node], needed: set[str]
) -> _Joint | None:
    """Adds a primitive to a piece; None if one of its inputs is not computed, a case that occurs in no
    network.
    """
    if before is None or applied is None:
        return before
    made = {members[n].name: what.shape for n, what in before}
    for port, shape in zip(applied.ports, applied.inputs, strict=True):
        source = source_of(members[at], port)
        if made.get(source, None if source in needed else shape) != shape:
            return None
    return (*before, (at, applied))
