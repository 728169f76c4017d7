"""Units of networks, and their keys in latency tables.

A unit is an application of a declared op, or a primitive outside of declared ops. Its key is the canonical
text of the subgraph with all settings and sizes, independent of names: equal computations on equal sizes have
the same key, and different ones, such as bilinear and nearest-neighbour resizing, have different keys.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from archdsl import ops
from archdsl.devices.table import text_hash
from archdsl.ir.graph import Graph, Node
from archdsl.passes.analyses.shapes import FixedShape, infer
from archdsl.passes.transforms.simplify import simplify

if TYPE_CHECKING:
    from archdsl.program import Network, Space


@dataclass(frozen=True)
class Key:
    """The key of a unit: its computation (`text`), and the sizes (channels, height, width) of its tensors.

    `op` is the name of the declared op or primitive, for display; the key is identified by `text` alone.
    """

    op: str
    text: str
    inputs: tuple[FixedShape, ...]
    outputs: tuple[FixedShape, ...]

    @cached_property
    def hash(self) -> str:
        """The hash of the text, which is the name of the row in a table."""
        return text_hash(self.text)

    def __str__(self) -> str:
        return " ".join((self.op, *map(size_text, self.inputs), "->", *map(size_text, self.outputs)))


@dataclass(frozen=True)
class Unit:
    """A unit of a network: an occurrence of a key; `piece` is a network of the same computation."""

    name: str
    key: Key
    nodes: tuple[Node, ...]
    piece: Graph


@dataclass(frozen=True)
class NetworkUnits:
    """The units of a network: its latency is the sum of the rows of `units` minus that of `shared`.

    Shared primitives belong to several units, but are computed only once, such as the relu at the beginning
    of two ops that read the same input.
    """

    units: tuple[Unit, ...]
    shared: tuple[Unit, ...]

    def __iter__(self) -> Iterator[Unit]:
        yield from self.units
        yield from self.shared


def parts(network: Network) -> NetworkUnits:
    """Splits a network into units, and primitives that several units share."""
    whole = simplify(network.whole, across_ops=False)
    shapes = infer(whole)
    kept = simplify(whole, shapes).nodes
    twice = [node for name, node in whole.nodes.items() if name not in kept and _is_stateless(node)]
    readers = _readers(whole)
    return NetworkUnits(
        units=tuple(unit(whole, shapes, readers, *group) for group in _groups(whole)),
        shared=tuple(unit(whole, shapes, readers, n.name, n.op, [n]) for n in twice if isinstance(n, Node)),
    )


def _is_stateless(node: Any) -> bool:
    return isinstance(node, Node) and not ops.get(node.op).has_layer


def _groups(graph: Graph) -> list[tuple[str, str, list[Node]]]:
    """The name, op and nodes of each unit, in the order of their last nodes."""
    groups: dict[str, list[Node]] = {}
    for node in graph.nodes.values():
        assert isinstance(node, Node)
        name = node.name if node.instance is None else node.instance
        groups[name] = [*groups.pop(name, []), node]
    return [(name, _label(graph, nodes), nodes) for name, nodes in groups.items()]


def _label(graph: Graph, nodes: Sequence[Node]) -> str:
    instance = graph.instances.get(nodes[0].instance or "")
    return instance.declared if instance is not None else nodes[0].op


def _readers(graph: Graph) -> dict[str, list[Node | None]]:
    """The nodes that read the values of each tensor; None stands for an output of the network."""
    found: dict[str, list[Node | None]] = {}
    for node in graph.nodes.values():
        assert isinstance(node, Node)
        for source in values_read(node):
            found.setdefault(source, []).append(node)
    for name in graph.outputs.values():
        found.setdefault(name, []).append(None)
    return found


def values_read(node: Node) -> tuple[str, ...]:
    """The inputs of which a node reads the values, and not only the sizes."""
    return node.inputs[: _values(node.op, len(node.inputs))]


def _values(op: str, inputs: int) -> int:
    """The number of inputs, the first ones, of which a primitive reads the values."""
    primitive = ops.get(op)
    return 0 if primitive.makes_zero else primitive.tensors(inputs)


def unit(
    graph: Graph,
    shapes: Mapping[str, FixedShape],
    readers: Mapping[str, list[Node | None]],
    name: str,
    op: str,
    nodes: Sequence[Node],
) -> Unit:
    """The unit that consists of these nodes of a graph.

    Its results are the nodes that `readers` outside of the unit read; by default, the last node.
    """
    nodes, shapes = _ports_apart(nodes, shapes)
    inside = {node.name for node in nodes}
    results = [
        n.name for n in nodes if any(r is None or r.name not in inside for r in readers.get(n.name, ()))
    ]
    results = results or [nodes[-1].name]
    read = dict.fromkeys(i for node in nodes for i in values_read(node) if i not in inside)
    measured = dict.fromkeys(i for node in nodes for i in node.inputs if i not in inside)
    piece = Graph(
        name=op,
        inputs={i: shapes[i] for i in (read | measured)},
        nodes={node.name: replace(node, instance=None, cell=None, location=None) for node in nodes},
        outputs={f"y{n}": result for n, result in enumerate(results, start=1)},
    )
    key = Key(
        op=op,
        text=_text(nodes, list(read), results, shapes),
        inputs=tuple(shapes[i] for i in read),
        outputs=tuple(shapes[r] for r in results),
    )
    return Unit(name, key, tuple(nodes), piece)


def _ports_apart(
    nodes: Sequence[Node], shapes: Mapping[str, FixedShape]
) -> tuple[Sequence[Node], Mapping[str, FixedShape]]:
    """Makes a primitive that reads a tensor twice read two tensors, so that both cases have one key.

    Returns the nodes and shapes, with the additional tensor.
    """
    if len(nodes) > 1 or len(set(nodes[0].inputs)) == len(nodes[0].inputs):
        return nodes, shapes
    ports = [f"{i}.{n}" if i in nodes[0].inputs[:n] else i for n, i in enumerate(nodes[0].inputs)]
    again = dict(zip(ports, (shapes[i] for i in nodes[0].inputs), strict=True))
    return [replace(nodes[0], inputs=tuple(ports))], {**shapes, **again}


def _text(
    nodes: Sequence[Node], inputs: Sequence[str], results: Sequence[str], shapes: Mapping[str, FixedShape]
) -> str:
    """The canonical text of nodes, with numbered tensors, settings sorted by name, and all sizes.

    Tensors of which only the size is read, such as the input of zeros, are omitted, since the size of the
    result is included.
    """
    names = {source: f"x{n}" for n, source in enumerate(inputs, start=1)}
    lines = [f"{names[i]}: {size_text(shapes[i])}" for i in inputs]
    for n, node in enumerate(nodes, start=1):
        values = computed(node.op, [names.get(i, "") for i in node.inputs], node.attrs)
        names[node.name] = f"n{n}"
        lines.append(f"n{n}: {size_text(shapes[node.name])} = {values}")
    return "\n".join([*lines, f"return {', '.join(names[r] for r in results)}"])


def computed(op: str, inputs: Sequence[str], attrs: Mapping[str, Any]) -> str:
    """The canonical text of a primitive applied to named inputs, with settings in alphabetical order.

    Inputs of which only the size is read are omitted, and so are the settings of zeros, which determine only
    its size.
    """
    primitive, read = ops.get(op), inputs[: _values(op, len(inputs))]
    attrs = {} if primitive.makes_zero else primitive.written(attrs)
    settings = ", ".join(f"{k} = {_value(v)}" for k, v in sorted(attrs.items()) if v is not None)
    return f"{op}({', '.join(read)}; {settings})" if settings else f"{op}({', '.join(read)})"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def size_text(shape: Sequence[int]) -> str:
    """A size as text: `24x48x96`."""
    return "x".join(map(str, shape))


@dataclass(frozen=True)
class Keys:
    """The units found in a space by sampling networks, by the hash of their key, with a coverage estimate.

    `networks` is the number of sampled networks, of which the last `quiet` had no new key. `rare` keys
    occurred in only one network: `rare / networks` estimates the number of new keys in a further network
    (Good 1953).
    """

    units: Mapping[str, Unit]
    networks: int
    quiet: int
    rare: int

    @property
    def new_per_network(self) -> float:
        return self.rare / max(self.networks, 1)


def network_keys(networks: Iterable[Network]) -> dict[str, Unit]:
    """The units of networks by the hash of their key, each key once, in the order of occurrence."""
    found: dict[str, Unit] = {}
    for network in networks:
        for part in parts(network):
            found.setdefault(part.key.hash, part)
    return found


def space_keys(space: Space, rng: random.Random, *, quiet: int = 200, most: int = 2000) -> Keys:
    """Finds the keys of a space by sampling networks, until `quiet` consecutive ones have no new key.

    At most `most` networks are sampled. The first networks cover every outcome of every decision.
    """
    found: dict[str, Unit] = {}
    seen: dict[str, int] = {}
    sampled = since = 0
    forced = _outcomes(space, rng)
    while sampled < most and (since < quiet or forced):
        decisions = space.sample(rng)
        if forced:
            decisions.update(forced.pop())
        sampled, since = sampled + 1, since + 1
        split = parts(space.bind(decisions))
        here = {part.key.hash: part for part in (*split, *_shareable(split))}
        for digest, part in here.items():
            seen[digest] = seen.get(digest, 0) + 1
            if digest not in found:
                found[digest] = part
                since = 0
    return Keys(found, sampled, since, sum(n == 1 for n in seen.values()))


def _shareable(split: NetworkUnits) -> Iterator[Unit]:
    """Yields primitives that units of other networks may share: those without weights that begin an op."""
    for part in split.units:
        if len(part.nodes) == 1:
            continue
        shapes = infer(part.piece)
        given = set(part.piece.inputs)
        for node in part.nodes:
            if _is_stateless(node) and given.issuperset(node.inputs):
                given.add(node.name)
                yield unit(part.piece, shapes, {}, node.name, node.op, [node])


def _outcomes(space: Space, rng: random.Random) -> list[dict[str, str]]:
    """Partial assignments of outcomes, by path, that together contain every outcome of every decision."""
    orders = {path: rng.sample(d.outcomes, len(d.outcomes)) for path, d in space.decisions.items()}
    count = max(map(len, orders.values()), default=0)
    return [{path: o[n] for path, o in orders.items() if n < len(o)} for n in range(count)]
