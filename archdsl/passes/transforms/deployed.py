"""Removes train-only outputs, and the nodes that only they need, for deployment."""

from __future__ import annotations

from dataclasses import dataclass, replace

from archdsl.ir import Graph, Mux, Node, Value
from archdsl.ir.expr import decisions_in
from archdsl.passes.analyses.liveness import live_nodes
from archdsl.passes.analyses.shapes import Shapes
from archdsl.passes.base import Contract, Part, Transform, option
from archdsl.passes.transforms.requirements import over_what_is_left


@dataclass(frozen=True)
class Deploy(Transform):
    """Removes train-only outputs, and the nodes that only they need.

    Decisions that only these outputs depend on are kept, so that lists of outcomes stay valid; with
    `keep_decisions=false` they are removed as well, as for a search.
    """

    name = "deploy"
    summary = "removes train-only outputs, and nodes that only they need"
    contract = Contract(
        changes=frozenset(("nodes", "outputs", "instances", "requirements", "train_only")),
        guarantees=frozenset(("outputs", "weights", "no more nodes", "idempotent")),
    )

    keep_decisions: bool = option(True, meaning="whether to keep decisions that become unused")
    kept: frozenset[str] = frozenset()
    """Train-only outputs that are not removed, since a training reads them."""

    def run(self, graph: Graph) -> Graph:
        if graph.train_only <= self.kept:
            return graph
        lean = _deployed(graph, self.kept)
        if self.keep_decisions:
            return lean
        read = _read(lean)
        return replace(lean, decisions={path: d for path, d in lean.decisions.items() if path in read})

    def declared(self) -> Contract:
        more: frozenset[Part] = frozenset() if self.keep_decisions else frozenset(("decisions",))
        return replace(self.contract, changes=self.contract.changes | more)


def _deployed(graph: Graph, kept: frozenset[str]) -> Graph:
    gone = graph.train_only - kept
    outputs = {out: node for out, node in graph.outputs.items() if out not in gone}
    alive = live_nodes(graph.nodes, outputs.values())
    nodes = {name: item for name, item in graph.nodes.items() if name in alive}
    used = {i for n in nodes.values() if isinstance(n, Node) for i in (n.instance, n.cell)}
    instances = {path: i for path, i in graph.instances.items() if path in used}
    known = {*graph.inputs, *nodes}
    requirements = tuple(over_what_is_left(r, graph, known, graph.decisions) for r in graph.requirements)
    left = replace(
        graph, nodes=nodes, outputs=outputs, instances=instances, requirements=requirements,
        train_only=graph.train_only & kept,
    )  # fmt: skip
    if Shapes() in graph.facts:
        shapes = graph.facts[Shapes()]
        left.facts[Shapes()] = {name: shapes[name] for name in (*left.inputs, *nodes)}
    return left


def _read(graph: Graph) -> set[str]:
    """The decisions that nodes and requirements depend on, and those on which these are conditional."""
    values: list[Value] = [requirement.condition for requirement in graph.requirements]
    read: set[str] = set()
    for item in graph.nodes.values():
        if isinstance(item, Mux) and isinstance(item.on, str):
            read.add(item.on)
        else:
            values += [item.on] if isinstance(item, Mux) else item.attrs.values()
    for value in values:
        read |= decisions_in(value)
    for path in list(read):
        under = graph.decisions[path].under
        while under is not None and under[0] not in read:
            read.add(under[0])
            under = graph.decisions[under[0]].under
    return read
