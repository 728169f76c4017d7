"""Memory and traffic of a network's activations.

The memory is that of the compiled network in eval mode: nodes run in the order of the graph, a tensor is
freed after its last reader, an activation function overwrites an input that no other node reads, and the
caller keeps the network's inputs. Weights and workspaces of kernels are not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from archdsl import ops
from archdsl.ir.graph import Graph, Node
from archdsl.passes.analyses.shapes import FixedShape, infer

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""The number of bytes of one value, by dtype."""


@dataclass(frozen=True)
class Memory:
    """The bytes of activations per image while each node runs, and the maximum with its node."""

    during: Mapping[str, int]
    peak_bytes: int
    at: str


def traffic(
    graph: Graph, shapes: Mapping[str, FixedShape] | None = None, dtype: str = "float32"
) -> dict[str, tuple[int, int]]:
    """The bytes of activations that each node reads and writes per image."""
    shapes = shapes or infer(graph)
    size = BYTES[dtype]
    found = {}
    for name, node in graph.nodes.items():
        read, written = _moved(node, shapes)
        found[name] = (size * read, size * written)
    return found


def activation_memory(
    graph: Graph, shapes: Mapping[str, FixedShape] | None = None, dtype: str = "float32"
) -> Memory:
    """The memory of the activations of a network that computes all its outputs."""
    shapes = shapes or infer(graph)
    nodes = [node for node in graph.nodes.values() if isinstance(node, Node)]
    storage = _storages(graph, nodes, shapes)
    freed = _freed(graph, nodes, storage)
    size = {s: prod(shapes[s]) * BYTES[dtype] for s in storage.values()}
    held = sum(size[name] for name in graph.inputs)
    during = {}
    for node in nodes:
        if storage[node.name] == node.name:
            held += size[node.name]
        during[node.name] = held
        held -= sum(size[s] for s in freed.get(node.name, ()))
    at = max(during, key=lambda name: during[name], default="")
    return Memory(during, during.get(at, held), at)


def _moved(node: object, shapes: Mapping[str, FixedShape]) -> tuple[int, int]:
    assert isinstance(node, Node)
    return ops.get(node.op).traffic([shapes[i] for i in node.inputs], shapes[node.name], node.attrs)


def _tensors(node: Node) -> tuple[str, ...]:
    return node.inputs[: ops.get(node.op).tensors(len(node.inputs))]


def _storages(graph: Graph, nodes: list[Node], shapes: Mapping[str, FixedShape]) -> dict[str, str]:
    """The tensor whose storage each tensor uses: itself, or an input that it returns or overwrites."""
    reads = Counter(i for node in nodes for i in _tensors(node))
    reads.update(graph.outputs.values())
    fresh = {node.name for node in nodes if ops.get(node.op).fresh}
    storage = {name: name for name in graph.inputs}
    for node in nodes:
        first = node.inputs[0]
        same = _moved(node, shapes) == (0, 0)
        over = first in fresh and reads[first] == 1 and ops.get(node.op).in_place("x", node.attrs) is not None
        storage[node.name] = storage[first] if same or over else node.name
    return storage


def _freed(graph: Graph, nodes: list[Node], storage: Mapping[str, str]) -> dict[str, list[str]]:
    """For each node, the storages that are freed after it."""
    last: dict[str, str] = {}
    for node in nodes:
        last[storage[node.name]] = node.name  # nobody reads it, unless somebody does below
        for name in _tensors(node):
            last[storage[name]] = node.name
    for name in (*graph.inputs, *(storage[o] for o in graph.outputs.values())):
        last.pop(name, None)
    freed: dict[str, list[str]] = {}
    for name, by in last.items():
        freed.setdefault(by, []).append(name)
    return freed
