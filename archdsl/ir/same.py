"""Whether two networks are the same graph but for the names of their nodes."""

from __future__ import annotations

from typing import Any

from archdsl.ir.graph import Graph, Mux


def same_but_for_names(a: Graph, b: Graph) -> bool:
    """Whether two networks apply the same primitives to the same tensors, with the same sharing of weights.

    Names of nodes, ops and cells take no part, nor do settings and the decisions a network is from.
    """
    return bool(_anonymous(a) == _anonymous(b))


def _anonymous(graph: Graph) -> Any:
    number: dict[str, int] = {name: n for n, name in enumerate((*graph.inputs, *graph.nodes))}
    shared: dict[str, int] = {}
    nodes = []
    for node in graph.nodes.values():
        assert not isinstance(node, Mux)
        inputs = tuple(number[i] for i in node.inputs)
        attrs = tuple(sorted((k, type(v), v) for k, v in node.attrs.items()))
        nodes.append((node.op, inputs, attrs, node.optional, shared.setdefault(node.weights, len(shared))))
    outputs = [(out, number[node]) for out, node in graph.outputs.items()]
    return list(graph.inputs.values()), nodes, outputs
