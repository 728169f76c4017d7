"""What is deployed of a network or space: all but its train-only outputs, and what only they need."""

from __future__ import annotations

from dataclasses import replace

from archdsl.ir import Graph, Node
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
