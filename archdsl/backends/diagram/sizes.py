"""Sizes of the tensors of a network, or the sizes that all networks of a space have in common."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from typing import Any

from archdsl import ops
from archdsl.ir.expr import Dim, Expr
from archdsl.ir.graph import Graph, Mux, Node, Shape


def sizes(graph: Graph) -> dict[str, Shape]:
    """Channels, height and width of every tensor; expressions where networks differ.

    A dimension that varies is represented by a name, so that expressions do not grow along the graph.
    """
    found: dict[str, Shape] = dict(graph.inputs)
    for name, item in graph.nodes.items():
        shape = _mux(item, found) if isinstance(item, Mux) else _node(item, found)
        found[name] = tuple(Dim(name, n) if isinstance(v, Expr) else v for n, v in enumerate(shape))  # type: ignore[assignment]
    return found


def _node(node: Node, found: Mapping[str, Shape]) -> Any:
    return ops.get(node.op).sizes([found[i] for i in node.inputs], node.attrs, _ignore)


def _mux(mux: Mux, found: Mapping[str, Shape]) -> Any:
    shapes = [found[i] for i in mux.inputs]
    return tuple(
        shapes[0][axis] if all(s[axis] == shapes[0][axis] for s in shapes) else Dim(mux.name, axis)
        for axis in range(3)
    )


def _ignore(condition: Any, code: str, message: str, /, **values: Any) -> None:
    """Does nothing: ill-typed spaces can be drawn, too."""


def level(graph: Graph, shape: Shape) -> int | None:
    """The resolution: log2 of the ratio of the first input's width to the width here; None if unknown."""
    if not graph.inputs or isinstance(shape[2], Expr):
        return None
    width = next(iter(graph.inputs.values()))[2]
    return round(log2(width / shape[2])) if shape[2] > 0 else None  # type: ignore[operator]


def shape_text(shape: Shape) -> str:
    """A shape such as `64 × 96 × 192`, with … for varying dimensions."""
    return " × ".join("…" if isinstance(n, Expr) else str(n) for n in shape)
