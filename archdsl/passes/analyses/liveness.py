"""Liveness analysis, for dead-code elimination."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archdsl.ir import Dim, Expr, Mux, Node
from archdsl.ir.expr import leaves


def live_nodes(nodes: Mapping[str, Node | Mux], outputs: Iterable[str]) -> set[str]:
    """The nodes that some output depends on in some network, including nodes that are needed for their size
    only.
    """
    alive: set[str] = set()
    read: set[int] = set()  # values share most of their parts
    ahead = list(outputs)
    while ahead:
        name = ahead.pop()
        if name in alive:
            continue
        alive.add(name)
        item = nodes.get(name)
        if item is not None:
            ahead += dependencies(item, read)
    return alive


def dependencies(item: Node | Mux, read: set[int] | None = None) -> Sequence[str]:
    """The nodes that a node needs: its inputs, and the nodes whose dimensions occur in its settings.

    `read` contains ids of values that are skipped; those visited are added to it.
    """
    values = (item.on,) if isinstance(item, Mux) else item.attrs.values()
    measured = [value for value in values if isinstance(value, Expr)]
    if not measured:
        return item.inputs
    return [*item.inputs, *(part.node for part in leaves(*measured, seen=read) if isinstance(part, Dim))]
