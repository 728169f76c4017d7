"""Finds the outcomes without multiply-accumulates: zeros, identities, pooling."""

from __future__ import annotations

from collections.abc import Mapping

from archdsl import ops
from archdsl.ir import Expr, Graph, Mux, Node, Shape
from archdsl.passes.analyses.liveness import dependencies
from archdsl.passes.analyses.symbolic import infer_symbolic


def idle_outcomes(graph: Graph) -> dict[str, tuple[bool, ...]]:
    """For each decision that selects tensors, whether each of its outcomes has no multiply-accumulates, by
    path.

    Nodes that several outcomes share, or that precede the choice, are ignored. Only the first mux of a
    decision is considered. Decisions are omitted if all of their outcomes multiply, or none does.
    """
    shapes = infer_symbolic(graph)[0]
    found = {}
    for item in graph.nodes.values():
        if not isinstance(item, Mux) or not isinstance(item.on, str) or item.on in found:
            continue
        behind = [_behind(graph, source) for _, source in sorted(item.cases)]
        idle = tuple(
            not any(
                _multiplies(graph.nodes.get(n), shapes) for n in own.difference(*behind[:k], *behind[k + 1 :])
            )
            for k, own in enumerate(behind)
        )
        found[item.on] = idle
    return {path: idle for path, idle in found.items() if any(idle) and not all(idle)}


def _behind(graph: Graph, source: str | None) -> set[str]:
    """A tensor and all its ancestors; empty for None."""
    seen: set[str] = set()
    ahead = [source] if source is not None else []
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            item = graph.nodes.get(name)
            ahead += dependencies(item) if item is not None else ()
    return seen


def _multiplies(item: Node | Mux | None, shapes: Mapping[str, Shape]) -> bool:
    if not isinstance(item, Node):
        return False
    sizes = [shapes[name] for name in (*item.inputs, item.name)]
    if any(isinstance(v, Expr) for v in (*item.attrs.values(), *(s for shape in sizes for s in shape))):
        return True
    xs: list[tuple[int, int, int]] = sizes[:-1]  # type: ignore[assignment]
    return ops.get(item.op).cost(xs, sizes[-1], item.attrs).macs > 0
