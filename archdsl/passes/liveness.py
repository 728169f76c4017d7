"""What an output needs: dead-code elimination is keeping just that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

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
            ahead.extend(dependencies(item))
    return alive


def dependencies(item: Node | Mux) -> Iterator[str]:
    """The nodes that a node needs: its inputs, and those whose dimensions its settings name."""
    yield from item.inputs
    if isinstance(item, Mux):
        if isinstance(item.on, Expr):
            yield from nodes_in(item.on)
        return
    for value in item.attrs.values():
        if isinstance(value, Expr):
            yield from nodes_in(value)
