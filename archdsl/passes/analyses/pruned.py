"""What each outcome of a decision prunes: the nodes that outputs read through its other outcomes only.

In the graph of who reads what, from the outputs down, a node that is read through the choices of a decision
and in no other way is dominated by that decision.  Of these nodes an outcome keeps what the tensors that it
picks are computed from; the others are dead code under it.  Dominators are those of networkx (Cooper, Harvey
and Kennedy, "A simple, fast dominance algorithm", 2001).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from archdsl.ir import Graph, Mux, Pick
from archdsl.passes.analyses.liveness import dependencies

if TYPE_CHECKING:
    import networkx

_OUTPUTS, _DECISION = ("outputs",), ("decision",)
"""In the graph of readers: all outputs, and the choices of the decision.  All other nodes are strings."""


def pruned(graph: Graph, path: str) -> tuple[frozenset[str], ...]:
    """By outcome of a decision, the nodes that no output reads under it, and some output does otherwise.

    Choices of other decisions are taken to read all of their candidates, and so are choices of several
    decisions together: under those an outcome may prune more.  Choices of the decision itself are left out.
    """
    import networkx

    own = choices(graph).get(path)
    if own is None:
        return (frozenset(),) * graph.decisions[path].size
    readers = _readers(graph, own)
    dominators = networkx.immediate_dominators(readers, _OUTPUTS)
    owned: set[object] = {_DECISION}
    for node in networkx.dfs_preorder_nodes(readers, _OUTPUTS):  # a dominator comes before what it dominates
        if dominators.get(node) in owned:
            owned.add(node)
    nodes = frozenset(name for name in graph.nodes if name in owned)
    behind = readers.subgraph(nodes)
    return tuple(nodes - _reached(behind, nodes & set(picked)) for picked in zip(*own.values(), strict=True))


def _reached(readers: networkx.DiGraph, starts: frozenset[str]) -> set[str]:
    """Some nodes, and all that they are computed from."""
    import networkx

    found: set[str] = set()
    for start in starts:
        if start not in found:
            found |= {start, *networkx.descendants(readers, start)}
    return found


def choices(graph: Graph) -> dict[str, dict[str, list[str | None]]]:
    """By the path of a decision, the muxes that it alone picks by, with the tensor of each outcome."""
    found: dict[str, dict[str, list[str | None]]] = {}
    for name, item in graph.nodes.items():
        if not isinstance(item, Mux):
            continue
        cases = dict(item.cases)
        if isinstance(item.on, str):
            size = graph.decisions[item.on].size
            found.setdefault(item.on, {})[name] = [cases.get(outcome) for outcome in range(size)]
        elif isinstance(item.on, Pick):
            keys: Any = item.on.values
            found.setdefault(item.on.decision, {})[name] = [cases.get(key) for key in keys]
    return found


def _readers(graph: Graph, own: Mapping[str, object]) -> networkx.DiGraph:
    """An edge from each node to each that it reads; the muxes in `own` are one node."""
    import networkx

    def known_as(name: str) -> object:
        return _DECISION if name in own else name

    found = networkx.DiGraph()
    found.add_edges_from((_OUTPUTS, known_as(name)) for name in graph.outputs.values())
    for name, item in graph.nodes.items():
        found.add_edges_from((known_as(name), known_as(read)) for read in dependencies(item))
    return found
