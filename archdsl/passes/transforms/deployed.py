"""What is deployed of a network or space: all but its train-only outputs, and what only they need."""

from __future__ import annotations

from dataclasses import replace

from archdsl.ir import Graph, Mux, Node, Value
from archdsl.ir.expr import decisions_in
from archdsl.passes.analyses.liveness import live_nodes


def deployed(graph: Graph) -> Graph:
    """The graph without its train-only outputs.

    Its decisions stay, also those that only these outputs ask, so that outcomes of the graph are outcomes
    of what is deployed of it.
    """
    if not graph.train_only:
        return graph
    outputs = {out: node for out, node in graph.outputs.items() if out not in graph.train_only}
    alive = live_nodes(graph.nodes, outputs.values())
    nodes = {name: item for name, item in graph.nodes.items() if name in alive}
    used = {i for n in nodes.values() if isinstance(n, Node) for i in (n.instance, n.cell)}
    instances = {path: i for path, i in graph.instances.items() if path in used}
    return replace(graph, nodes=nodes, outputs=outputs, instances=instances, train_only=frozenset())


def searched(graph: Graph) -> Graph:
    """What is deployed, with the decisions alone that it reads: those that a search settles."""
    if not graph.train_only:
        return graph
    lean = deployed(graph)
    read = _read(lean)
    return replace(lean, decisions={path: d for path, d in lean.decisions.items() if path in read})


def _read(graph: Graph) -> set[str]:
    """The decisions that nodes and requirements read, and those under which these arise."""
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
