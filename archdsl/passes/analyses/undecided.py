"""Finds the part of a space that does not depend on decisions, such as an encoder shared by all networks."""

from __future__ import annotations

from collections.abc import Hashable

from archdsl.ir import Expr, Graph, Mux, Node
from archdsl.passes.analyses.liveness import dependencies

Outcome = tuple[Hashable, Hashable]
"""The path of the decision, or the condition, of a mux, and one of its cases."""


def undecided(graph: Graph) -> frozenset[str]:
    """The nodes that do not depend on any decision, and hence are equal in all networks that contain them.

    Nodes that are read only under one outcome of a decision are excluded, since they belong to a candidate.
    """
    found: set[str] = set()
    for name, item in graph.nodes.items():
        if not isinstance(item, Node) or any(isinstance(value, Expr) for value in item.attrs.values()):
            continue
        if all(read in found or read in graph.inputs for read in item.inputs):
            found.add(name)
    return frozenset(found - _under_one_outcome(graph))


def boundary(graph: Graph, inside: frozenset[str]) -> tuple[str, ...]:
    """The nodes and inputs in `inside` that other nodes or outputs read, in the order of the graph."""
    read = {i for name, item in graph.nodes.items() if name not in inside for i in dependencies(item)}
    read |= set(graph.outputs.values())
    there = (*graph.inputs, *(name for name in graph.nodes if name in inside))
    return tuple(name for name in there if name in read)


def _under_one_outcome(graph: Graph) -> set[str]:
    """The nodes that outputs depend on only if some decision has one certain outcome."""
    needed: dict[str, frozenset[Outcome]] = {name: frozenset() for name in graph.outputs.values()}
    for name, item in reversed(list(graph.nodes.items())):
        own = needed.get(name)
        if own is None:  # nothing reads it
            continue
        for read, under in _reads(item):
            all_of = own | under
            needed[read] = needed[read] & all_of if read in needed else all_of
    return {name for name, outcomes in needed.items() if outcomes}


def _reads(item: Node | Mux) -> list[tuple[str, frozenset[Outcome]]]:
    """The inputs of a node; for a mux, each with the outcome under which it is read."""
    if not isinstance(item, Mux):
        return [(read, frozenset()) for read in dependencies(item)]
    cases = [(read, frozenset({(item.on, key)})) for key, read in item.cases if read is not None]
    measured = set(dependencies(item)) - {read for read, _ in cases}
    return [*cases, *((read, frozenset()) for read in measured)]
