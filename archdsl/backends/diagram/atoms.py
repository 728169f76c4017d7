"""The smallest elements of a diagram: op instances, single primitives, muxes, and choices of ops.

The primitives of one op instance form one atom; so do a mux and the ops that it selects from, unless
something else reads these ops.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from archdsl import ops
from archdsl.backends.diagram import paths
from archdsl.ir.graph import Graph, Mux, Node
from archdsl.ops.base import Primitive


@dataclass(frozen=True)
class Atom:
    """Nodes that are drawn as one box: its hierarchical name `path`, and its `nodes` in graph order."""

    path: str
    kind: Literal["input", "op", "primitive", "mux", "choice"]
    nodes: tuple[str, ...]

    @property
    def last(self) -> str:
        return self.nodes[-1]


@dataclass(frozen=True)
class Read:
    """An edge between atoms; `size` is True if only height and width are read."""

    source: str
    reader: str
    size: bool = False


@dataclass(frozen=True)
class Atoms:
    """The atoms of a graph in topological order, the atom of each node and input, and the edges."""

    all: Mapping[str, Atom]
    of: Mapping[str, str]
    reads: tuple[Read, ...]


def atoms(graph: Graph, *, split: bool = False) -> Atoms:
    """The atoms of a graph; with `split`, each node is an atom."""
    of = {name: name for name in graph.inputs}
    for name, item in graph.nodes.items():
        of[name] = name if split else _op_of(graph, name, item)
    reads = _reads(graph, of)
    if not split:
        reads = _fold_candidates(graph, of, reads)
    members: dict[str, list[str]] = {}
    for name, path in of.items():
        members.setdefault(path, []).append(name)
    found = {path: _atom(graph, path, tuple(nodes)) for path, nodes in members.items()}
    return Atoms(found, of, reads)


def _atom(graph: Graph, path: str, nodes: tuple[str, ...]) -> Atom:
    if path in graph.inputs:
        return Atom(path, "input", nodes)
    if isinstance(graph.nodes.get(path), Mux):
        return Atom(path, "choice" if len(nodes) > 1 else "mux", nodes)
    instance = graph.instances.get(path)
    return Atom(path, "op" if instance is not None and instance.kind == "op" else "primitive", nodes)


def _op_of(graph: Graph, name: str, item: Node | Mux) -> str:
    """The op instance that a node belongs to, or the node itself."""
    if isinstance(item, Node):
        return item.instance or name
    for prefix in paths.ancestors(name):
        instance = graph.instances.get(prefix)
        if instance is not None and instance.kind == "op":
            return prefix
    return name


def _reads(graph: Graph, of: Mapping[str, str]) -> tuple[Read, ...]:
    """The edges between atoms, without duplicates; reading values takes precedence over reading sizes."""
    origins = _Origins(graph, of)
    return _distinct(
        Read(source, of[name], _reads_size(item, port))
        for name, item in graph.nodes.items()
        for port, given in enumerate(item.inputs)
        for source in origins.of(given, of[name])
        if of[source] != of[name]
    )


def _distinct(reads: Iterable[Read]) -> tuple[Read, ...]:
    found: dict[tuple[str, str], bool] = {}
    for read in reads:
        pair = read.source, read.reader
        found[pair] = found.get(pair, True) and read.size
    return tuple(Read(source, reader, size) for (source, reader), size in found.items())


class _Origins:
    """Finds the tensor that an op reads in the spec, although nodes are shared between ops.

    If two ops apply the same activation function to one tensor, it is computed once, inside the first op. The
    diagram draws the second op as a reader of the tensor, not of the first op.
    """

    def __init__(self, graph: Graph, atom_of: Mapping[str, str]) -> None:
        self.graph, self.atom_of = graph, atom_of
        self.inner = {
            source
            for name, item in graph.nodes.items()
            for source in item.inputs
            if atom_of[source] == atom_of[name]
        }

    def of(self, source: str, reader: str) -> tuple[str, ...]:
        """The tensor that an atom reads.

        If several ops share the node that computes this tensor, the inputs of the node are returned.
        """
        node = self.graph.nodes.get(source)
        home = self.atom_of[source]
        if home == reader or source not in self.inner or not isinstance(node, Node) or not _is_free(node):
            return (source,)
        if any(self.atom_of[given] == home for given in node.inputs):
            return (source,)
        return node.inputs


def _is_free(node: Node) -> bool:
    """Whether the primitive of a node has no parameters and no MACs for any shape."""
    return type(ops.get(node.op)).cost is Primitive.cost


def _reads_size(item: Node | Mux, port: int) -> bool:
    """Whether an input is a tensor setting such as `like`; these follow the positional inputs."""
    if isinstance(item, Mux):
        return False
    primitive = ops.get(item.op)
    most = primitive.arity[1]
    return bool(primitive.tensor_settings) and most is not None and port >= most


def _fold_candidates(graph: Graph, of: dict[str, str], reads: tuple[Read, ...]) -> tuple[Read, ...]:
    """Merges ops whose only reader is a mux into the atom of the mux: updates `of`, which maps nodes to
    atoms, and returns the remaining edges.
    """
    readers: dict[str, set[str]] = {path: set() for path in of.values()}
    for read in reads:
        readers[of[read.source]].add(read.reader)
    outputs = {of[source] for source in graph.outputs.values()}
    into: dict[str, str] = {}
    for name, item in graph.nodes.items():
        if not isinstance(item, Mux) or of[name] != name or not isinstance(item.on, str):
            continue
        beside = name.rpartition(".")[0] + "."
        ahead = {of[s] for s in item.inputs if of[s].startswith(beside)} - outputs
        inside = {name}
        while folded := {path for path in ahead if readers[path] <= inside}:
            inside |= folded
            ahead -= folded
        into.update(dict.fromkeys(inside, name))
    for name, path in of.items():
        of[name] = into.get(path, path)
    moved = (replace(read, reader=into.get(read.reader, read.reader)) for read in reads)
    return _distinct(read for read in moved if of[read.source] != read.reader)
