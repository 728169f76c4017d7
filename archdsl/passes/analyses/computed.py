"""Hashes of the computation of each tensor, equal if equal operations are applied in the same order.

Unlike `archdsl.passes.identity`, this uses no transform, so that it can verify transforms. An operation is
hashed as its primitive, settings, name of weights and inputs; identities and zeros are recognized as declared
by primitives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from archdsl import ops
from archdsl.ir import Graph, Node
from archdsl.ir.text import value_text
from archdsl.passes.analyses.shapes import FixedShape


def computed(graph: Graph, shapes: Mapping[str, FixedShape]) -> dict[str, str]:
    """A hash of the computation of each output of a network, by output name; equal computations have equal
    hashes.

    `shapes` are the shapes of the network's nodes.
    """
    known = {name: _hash("input", name, shape) for name, shape in graph.inputs.items()}
    zeros: set[str] = set()
    for name, node in graph.nodes.items():
        assert isinstance(node, Node)
        primitive, shape = ops.get(node.op), shapes[name]
        read = list(node.inputs)
        if primitive.zero_is_neutral:
            is_zero = [known[source] in zeros for source in read]
            kept = primitive.contributing(is_zero, [shapes[source] for source in read], shape)
            read = [read[port] for port in kept]
        sizes = [shapes[source] for source in read]
        tensors = read[: primitive.tensors(len(read))]
        if primitive.is_identity(sizes, shape, node.attrs):
            known[name] = known[read[0]]
        elif primitive.makes_zero or (
            zeros.issuperset(known[source] for source in tensors) and primitive.keeps_zero(node.attrs)
        ):
            known[name] = _hash("zeros", shape)
            zeros.add(known[name])
        else:
            settings = [f"{key} = {value_text(value)}" for key, value in sorted(node.attrs.items())]
            weights = node.weights if primitive.has_layer else ""
            known[name] = _hash(node.op, settings, weights, [known[source] for source in read], shape)
    return {output: known[name] for output, name in graph.outputs.items()}


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
