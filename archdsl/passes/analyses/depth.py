"""Decisions of depth: those whose outcomes keep more and more rounds of the same chain.

`out = x[gate]`, where each `x[i]` is computed from the one before, is a gate: the rounds behind the outcome
are read by nothing and pruned.  Numbers that are settings, such as dilations, groups and strides, are not.
"""

from __future__ import annotations

from itertools import pairwise

from archdsl.ir import Decision, Graph, Mux
from archdsl.passes.analyses.liveness import dependencies


def depths(graph: Graph) -> dict[str, tuple[int, ...]]:
    """The decisions of depth by path, with the rounds that each outcome keeps: its label, a whole number."""
    place = {name: n for n, name in enumerate(graph.nodes)}
    found = {}
    for item in graph.nodes.values():
        if not isinstance(item, Mux) or not isinstance(item.on, str) or item.on in found:
            continue
        rounds = _rounds(graph.decisions[item.on])
        if rounds and _is_chain(graph, [source for _, source in sorted(item.cases)], place):
            found[item.on] = rounds
    return {path: found[path] for path in graph.decisions if path in found}


def _rounds(decision: Decision) -> tuple[int, ...]:
    """The labels as numbers, where they are whole numbers that grow."""
    labels = decision.candidates
    if decision.count > 1 or len(labels) < 2 or not all(c.isdecimal() and c.isascii() for c in labels):
        return ()
    numbers = tuple(int(label[:9]) for label in labels)
    return numbers if all(a < b for a, b in pairwise(numbers)) else ()


def _is_chain(graph: Graph, sources: list[str | None], place: dict[str, int]) -> bool:
    """Whether each source is computed from the one before."""
    return all(
        a is not None and b is not None and a != b and _reads(graph, b, a, place)
        for a, b in pairwise(sources)
    )


def _reads(graph: Graph, reader: str, wanted: str, place: dict[str, int]) -> bool:
    """Whether a node is computed, maybe over others, from another; inputs come before all nodes."""
    first, seen, ahead = place.get(wanted, -1), {reader}, [reader]
    while ahead:
        item = graph.nodes.get(ahead.pop())
        for name in dependencies(item) if item is not None else ():
            if name == wanted:
                return True
            if name not in seen and place.get(name, -1) > first:
                seen.add(name)
                ahead.append(name)
    return False
