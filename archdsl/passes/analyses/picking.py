"""Finds the candidate of a decision that a node belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.ir import Decision, Graph, Mux
from archdsl.passes.analyses.liveness import dependencies


@dataclass(frozen=True)
class Picked:
    """A decision, and the text of one of its outcomes."""

    decision: Decision
    label: str


def picked_by(graph: Graph, node: str) -> Picked | None:
    """The first decision downstream of a node some of whose outcomes exclude it, and an outcome that does
    not.

    None if every network contains the node. Decisions on sizes are ignored.
    """
    affected = {node}
    for name, item in graph.nodes.items():
        if affected.isdisjoint(dependencies(item)):
            continue
        if isinstance(item, Mux) and isinstance(item.on, str):
            kept = [key for key, source in item.cases if source in affected]
            if 0 < len(kept) < len(item.cases):
                decision = graph.decisions[item.on]
                return Picked(decision, decision.outcomes[int(kept[0])])
        affected.add(name)
    return None
