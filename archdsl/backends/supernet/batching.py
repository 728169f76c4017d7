"""Computes an order of computation in which nodes with equal layers are computed together, in batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import networkx

from archdsl.backends.supernet.structure import Mixed
from archdsl.ir import Node

Batches = Sequence[Sequence[Node]]


@dataclass(frozen=True)
class Batched:
    """Batches of nodes that are computed together, and the order of all items.

    A batch is computed at the position of its first node.
    """

    batches: Batches
    order: Sequence[str]


def batched(
    items: Mapping[str, Node | Mixed], reads: Callable[[str], Sequence[str]], alike: Batches
) -> Batched:
    """Selects sets of nodes in `alike` that can be computed together, and an order of all items that allows
    it.

    `items` are in an order of computation, which the result keeps where possible. Nodes that depend on each
    other cannot be computed together; of several sets that exclude each other, some are not computed
    together.
    """
    batches = [batch for batch in alike if len(batch) > 1]
    if not batches:
        return Batched((), tuple(items))
    while True:
        needs = _needs(items, reads, batches)
        order = _ordered(needs, {name: n for n, name in enumerate(items)})
        if len(order) == len(needs):
            return Batched(batches, order)
        out = _excluding(needs, {batch[0].name for batch in batches})
        batches = [batch for batch in batches if batch[0].name not in out]


def _needs(
    items: Mapping[str, Node | Mixed], reads: Callable[[str], Sequence[str]], batches: Batches
) -> dict[str, set[str]]:
    """For each item, the items that it reads, where a batch is represented by its first node."""
    first = {node.name: batch[0].name for batch in batches for node in batch}
    needs: dict[str, set[str]] = {}
    for name in items:
        found = needs.setdefault(first.get(name, name), set())
        found.update(first.get(read, read) for read in reads(name) if read in items)
    return needs


def _ordered(needs: Mapping[str, set[str]], place: Mapping[str, int]) -> list[str]:
    """A topological order that begins with the earliest positions; items that depend on a cycle are missing
    in it.
    """
    readers: dict[str, list[str]] = {}
    for name, found in needs.items():
        for one in found:
            readers.setdefault(one, []).append(name)
    waits = {name: len(found) for name, found in needs.items()}
    ready = [(place[name], name) for name, count in waits.items() if not count]
    heapify(ready)
    order: list[str] = []
    while ready:
        _, name = heappop(ready)
        order.append(name)
        for reader in readers.get(name, ()):
            waits[reader] -= 1
            if not waits[reader]:
                heappush(ready, (place[reader], reader))
    return order


def _excluding(needs: Mapping[str, set[str]], batches: set[str]) -> set[str]:
    """The batches to give up: one (by its first node) of each cycle of items that depend on each other."""
    graph = networkx.DiGraph((one, name) for name, found in needs.items() for one in found)
    circles = networkx.strongly_connected_components(graph)
    inside = [circle & batches for circle in circles if len(circle) > 1]
    return {min(found) for found in inside} | {name for name in batches if name in needs[name]}
