"""Merges nodes of a lifted network that together are one primitive, such as the layers of an attention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archdsl import ops
from archdsl.ir.graph import Graph, Node
from archdsl.ops.lifting import Applied, Composed, Rows
from archdsl.passes.analyses.shapes import infer

Weights = Mapping[str, Mapping[str, Rows]]
"""The stored tensors of each node, by their names in the layer of the node."""


def composed(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """The network with fewer nodes: nodes that one primitive computes together are merged
    (`Primitive.composed`).
    """
    shapes = infer(graph)
    found = {name: Applied(name, "input", {}, size, (), {}) for name, size in graph.inputs.items()}
    for name, node in graph.nodes.items():
        assert isinstance(node, Node)
        inputs = tuple(found[x] for x in node.inputs)
        found[name] = Applied(name, node.op, node.attrs, shapes[name], inputs, weights.get(name, {}))
    nodes: dict[str, Node] = {}
    kept = dict(weights)
    gone: set[str] = set()
    for name, node in graph.nodes.items():
        assert isinstance(node, Node)
        nodes[name] = node
        for primitive in ops.primitives().values():
            whole = primitive.composed(found[name])
            if whole is None or not _is_private(graph, name, whole.absorbed):
                continue
            gone |= whole.absorbed
            kept[name] = {own: rows for own, rows in whole.weights.items() if rows is not None}
            nodes[name] = replace(
                node, op=primitive.name, inputs=whole.inputs, attrs=_settings(found, primitive, whole),
                weights="|".join(map(str, kept[name].values())),
            )  # fmt: skip
            break
    if not gone:
        return graph, weights
    return replace(graph, nodes={name: node for name, node in nodes.items() if name not in gone}), kept


def _is_private(graph: Graph, last: str, absorbed: frozenset[str]) -> bool:
    """Whether no node outside of a composition reads its intermediate results."""
    read = Counter(x for node in graph.nodes.values() for x in node.inputs) + Counter(graph.outputs.values())
    inside = Counter(x for name in (*absorbed, last) for x in graph.nodes[name].inputs)
    return all(read[name] == inside[name] for name in absorbed)


def _settings(found: Mapping[str, Applied], primitive: ops.Primitive, whole: Composed) -> dict[str, Any]:
    xs = [found[x].sizes for x in whole.inputs]
    usual = {s.name: s.default(xs) if callable(s.default) else s.default for s in primitive.settings}
    return {**{k: v for k, v in usual.items() if v is not None}, **whole.attrs}
