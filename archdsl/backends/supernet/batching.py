"""The order of computation in which nodes with equal layers are computed together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from archdsl.backends.supernet.structure import Mixed
from archdsl.ir import Node


@dataclass(frozen=True)
class Batched:
    """Batches of nodes, and the order of all items; of a batch, it has only the first node."""

    batches: Sequence[Sequence[Node]]
    order: Sequence[str]


def batched(
    items: Mapping[str, Node | Mixed], reads: Callable[[str], Sequence[str]], alike: Sequence[Sequence[Node]]
) -> Batched:
    """Those of the sets `alike` that can be computed together, and an order in which all items can be.

    `items` are in an order of computation, to which the result keeps where it can. Nodes that depend on each
    other cannot be computed together.
    """
    batches = [batch for batch in alike if len(batch) > 1]
    while batches:
        order = _ordered(items, reads, batches)
        done = set(order)
        possible = [batch for batch in batches if batch[0].name in done]
        if len(possible) == len(batches):
            return Batched(batches, order)
        batches = possible
    return Batched((), tuple(items))


def _ordered(
    items: Mapping[str, Node | Mixed],
    reads: Callable[[str], Sequence[str]],
    batches: Sequence[Sequence[Node]],
) -> list[str]:
    """The items that can be computed, in order, if these nodes are computed together."""
    first = {node.name: batch[0].name for batch in batches for node in batch}
    waits: dict[str, int] = {}
    readers: dict[str, list[str]] = {}
    needs: dict[str, set[str]] = {}
    for name in items:
        unit = first.get(name, name)
        needs.setdefault(unit, set()).update(first.get(read, read) for read in reads(name) if read in items)
    for unit, found in needs.items():
        waits[unit] = len(found)
        for one in found:
            readers.setdefault(one, []).append(unit)
    place = {name: n for n, name in enumerate(items)}
    ready = [(place[unit], unit) for unit, count in waits.items() if not count]
    heapify(ready)
    order: list[str] = []
    while ready:
        _, unit = heappop(ready)
        order.append(unit)
        for reader in readers.get(unit, ()):
            waits[reader] -= 1
            if not waits[reader]:
                heappush(ready, (place[reader], reader))
    return order
