"""Finds the nodes that each outcome of a decision prunes: outputs depend on them through other outcomes only.

In the graph of dependences from the outputs, a node that is read only through the muxes of a decision is
dominated by that decision. Of these nodes, an outcome keeps the ancestors of the tensors it selects; the
others are dead code. Dominators are computed by networkx (Cooper, Harvey and Kennedy, "A simple, fast
dominance algorithm", 2001).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from archdsl.ir import Graph, Mux, Pick
from archdsl.passes.analyses.liveness import dependencies

if TYPE_CHECKING:
    import networkx

Picked = Sequence[str | None]
"""The tensor that a mux selects, by outcome."""

_OUTPUTS, _DECISION = ("outputs",), ("decision",)
"""Nodes of the graph of dependences that stand for all outputs, and for the muxes of the decision.

The other nodes are strings.
"""


class Pruning:
    """Computes which nodes the outcomes of decisions of one graph prune; intermediate results are cached.

    `choices` maps the path of a decision to the muxes whose input it alone selects.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        self.place = {name: n for n, name in enumerate(graph.nodes)}
        self.choices = _choices(graph)
        self._last = dict.fromkeys(graph.outputs.values(), len(graph.nodes))
        """The position of each node's last reader; outputs count as read after all nodes."""
        for place, item in reversed(list(enumerate(graph.nodes.values()))):
            for read in dependencies(item):
                self._last.setdefault(read, place)

    def by_outcome(self, path: str, since: int = 0) -> tuple[frozenset[str], ...]:
        """For each outcome, the nodes that no output depends on, but that outputs need under other outcomes.

        Only nodes from position `since` on are considered. Muxes of other decisions, and of several decisions
        together, are assumed to read all their inputs; for given outcomes of those, further nodes may be
        pruned. Muxes of the decision itself are excluded.
        """
        import networkx

        own = self.choices.get(path)
        if own is None:
            return (frozenset(),) * self.graph.decisions[path].size
        readers = self._readers(own, since)
        dominators = networkx.immediate_dominators(readers, _OUTPUTS)
        owned: set[object] = {_DECISION}
        for node in networkx.dfs_preorder_nodes(readers, _OUTPUTS):  # dominators before what they dominate
            if dominators.get(node) in owned:
                owned.add(node)
        nodes = frozenset(name for name in owned if isinstance(name, str))
        behind = readers.subgraph(nodes)
        picked = zip(*own.values(), strict=True)
        return tuple(nodes - _reached(behind, nodes & set(sources)) for sources in picked)

    def _readers(self, own: Mapping[str, object], since: int) -> networkx.DiGraph:
        """A graph with edges from each node to its inputs; the muxes in `own` are one node of it.

        Nodes after the last of these muxes cannot be dominated by them, so their inputs count as read by
        outputs.
        """
        import networkx

        def known_as(name: str) -> object:
            return _DECISION if name in own else name

        until = max(self.place[name] for name in own)
        found = networkx.DiGraph()
        found.add_node(_OUTPUTS)
        for name, item in islice(self.graph.nodes.items(), since, until + 1):
            if self._last.get(name, 0) > until:
                found.add_edge(_OUTPUTS, known_as(name))
            reads = (read for read in dependencies(item) if self.place.get(read, -1) >= since)
            found.add_edges_from((known_as(name), known_as(read)) for read in reads)
        return found


def pruned(graph: Graph, path: str) -> tuple[frozenset[str], ...]:
    """For each outcome of a decision, the nodes that it prunes (see `Pruning.by_outcome`)."""
    return Pruning(graph).by_outcome(path)


def _reached(readers: networkx.DiGraph, starts: frozenset[str]) -> set[str]:
    """The nodes in `starts` and all their ancestors."""
    import networkx

    found: set[str] = set()
    for start in starts:
        if start not in found:
            found |= {start, *networkx.descendants(readers, start)}
    return found


def _choices(graph: Graph) -> dict[str, dict[str, Picked]]:
    found: dict[str, dict[str, Picked]] = {}
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
