"""What every network has: the nodes without which no output can be computed."""

from __future__ import annotations

from collections.abc import Mapping

from archdsl.ir import Graph, Mux


def in_every_network(graph: Graph, outcomes: Mapping[str, int]) -> set[str]:
    """The nodes of all networks in which decisions come out as given, whatever the others do.

    A sound underestimate: a node that only every combination of several muxes leads to may be missing.
    """
    bit = {name: 1 << n for n, name in enumerate(graph.nodes)}
    needed: dict[str, int] = {}
    for name, item in graph.nodes.items():
        own = bit[name]
        if isinstance(item, Mux):
            chosen = outcomes.get(item.on) if isinstance(item.on, str) else None
            sources = [s for key, s in item.cases if s is not None and chosen in (None, key)]
            common = -1 if sources else 0
            for source in sources:
                common &= needed.get(source, 0)
            needed[name] = own | common
            continue
        for port, source in enumerate(item.inputs):
            if port not in item.optional:
                own |= needed.get(source, 0)
        needed[name] = own
    always = 0
    for node in graph.outputs.values():
        always |= needed.get(node, 0)
    return {name for name, mask in bit.items() if mask & always}
