"""What an output needs: dead-code elimination is keeping just that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archdsl.ir import Mux, Node
from archdsl.ir.expr import Expr, nodes_in


def live_nodes(nodes: Mapping[str, Node | Mux], outputs: Iterable[str]) -> set[str]:
    """The nodes that some output reads in some network, also if only a dimension of it is read."""
    alive: set[str] = set()
    ahead = list(outputs)
    while ahead:
        name = ahead.pop()
        if name in alive:
            continue
        alive.add(name)
        item = nodes.get(name)
        if item is not None:
            ahead += dependencies(item)
    return alive


def dependencies(item: Node | Mux) -> Sequence[str]:
    """The nodes that a node needs: its inputs, and those whose dimensions its settings name."""
    values = (item.on,) if isinstance(item, Mux) else item.attrs.values()
    measured = [node for value in values if isinstance(value, Expr) for node in nodes_in(value)]
    return [*item.inputs, *measured] if measured else item.inputs
