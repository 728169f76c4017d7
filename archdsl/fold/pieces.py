"""The hierarchy of a network's nodes: groups of consecutive nodes of one op or module, with their inputs.

Two groups with equal `key`s differ only in settings: they apply the same primitives to the same tensors.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from archdsl.ir.graph import Graph, Node

Ref = tuple[int, int]
"""A tensor within a group: the index of a part and of its output, or (-1, n) for input n of the group."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A node, or a group of consecutive pieces.

    `inputs` are the tensors read from outside, `outputs` the tensors that are read outside; `reads` are the
    inputs of each part within the group. `path` is the hierarchical name, `label` the name of the op or
    class.
    """

    key: str
    path: str
    label: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    node: Node | None = None
    parts: tuple[Piece, ...] = ()
    reads: tuple[tuple[Ref, ...], ...] = ()
    results: tuple[Ref, ...] = ()
    size: int = 1
    """The number of nodes."""
    tied: str | None = None
    """The name of the weights that a node shares with other nodes, if it does."""


def whole(graph: Graph) -> Piece:
    """All nodes of a network as one group, which contains a group for each op instance."""
    readers: dict[str, set[str]] = {}
    for node in _nodes(graph):
        for source in node.inputs:
            readers.setdefault(source, set()).add(node.name)
    for name, source in graph.outputs.items():
        readers.setdefault(source, set()).add(f"output {name}")
    shared = Counter(node.weights for node in _nodes(graph))
    chains = {path: _chain(path, graph) for path in graph.instances}
    grouping = _Grouping(graph, readers, chains, {w for w, n in shared.items() if n > 1})
    return grouping.group("", list(_nodes(graph)), 0)


def grouped(
    parts: Sequence[Piece], path: str, label: str, outputs: Sequence[str], first: Sequence[str] = ()
) -> Piece:
    """A group of consecutive pieces. `outputs` are the tensors that are read outside of the group.

    `first` are tensors that become the first inputs of the group, in this order.
    """
    made: dict[str, Ref] = {}
    inputs: dict[str, int] = {name: n for n, name in enumerate(first)}
    reads = []
    for number, part in enumerate(parts):
        refs = []
        for source in part.inputs:
            if source not in made:
                inputs.setdefault(source, len(inputs))
            refs.append(made.get(source, (-1, inputs.get(source, 0))))
        reads.append(tuple(refs))
        made.update((name, (number, n)) for n, name in enumerate(part.outputs))
    results = tuple(made[name] if name in made else (-1, inputs[name]) for name in outputs)
    key = (tuple((part.key, read) for part, read in zip(parts, reads, strict=True)), results)
    size = sum(part.size for part in parts)
    return Piece(
        digest(key),
        path,
        label,
        tuple(inputs),
        tuple(outputs),
        None,
        tuple(parts),
        tuple(reads),
        results,
        size,
    )


def digest(key: Hashable) -> str:
    """A short hash of a structure, with which nested structures are compared fast."""
    return hashlib.sha256(repr(key).encode()).hexdigest()


@dataclass(frozen=True)
class _Grouping:
    graph: Graph
    readers: Mapping[str, set[str]]
    chains: Mapping[str, tuple[str, ...]]
    tied: set[str]

    def group(self, path: str, nodes: Sequence[Node], depth: int) -> Piece:
        """A group of the nodes of one instance; nodes of instances inside it form groups of their own."""
        parts = []
        for inner, own in groupby(nodes, lambda node: self._instance_at(node, depth)):
            found = list(own)
            parts += (
                [self._leaf(n) for n in found] if inner is None else [self.group(inner, found, depth + 1)]
            )
        if not path:
            return grouped(
                parts, path, self.graph.name, list(self.graph.outputs.values()), list(self.graph.inputs)
            )
        if len(parts) == 1:
            return parts[0]
        inside = {node.name for node in nodes}
        outputs = [node.name for node in nodes if self.readers.get(node.name, set()) - inside]
        return grouped(parts, path, self.graph.instances[path].declared, outputs)

    def _instance_at(self, node: Node, depth: int) -> str | None:
        chain = self.chains.get(node.instance or "", ())
        return chain[depth] if depth < len(chain) else None

    def _leaf(self, node: Node) -> Piece:
        tied = node.weights if node.weights in self.tied else None
        key = (node.op, tuple(sorted(node.attrs)), len(node.inputs), tied and node.name)
        return Piece(digest(key), node.name, node.op, node.inputs, (node.name,), node, tied=tied)


def _nodes(graph: Graph) -> Iterable[Node]:
    return (node for node in graph.nodes.values() if isinstance(node, Node))


def _chain(path: str, graph: Graph) -> tuple[str, ...]:
    """The instances that contain an instance, and the instance itself: the prefixes of its path."""
    parts = path.split(".")
    prefixes = (".".join(parts[: n + 1]) for n in range(len(parts)))
    return tuple(prefix for prefix in prefixes if prefix in graph.instances)
