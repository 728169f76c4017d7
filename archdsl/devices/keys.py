"""What is timed and looked up: applications of declared ops, and single primitives outside of them.

Two applications that compute the same way on the same sizes have one key, whatever they are called: a key
is the canonical text of a piece of graph, with every setting and every size.  A network that resizes
bilinearly therefore never meets a row that was timed with nearest neighbours.
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
    """A piece of a network as it is timed: what it computes, on which sizes (channels, height, width).

    `op` is how people call it, a declared op or a primitive; only `text` says what is equal.
    """

    op: str
    text: str
    inputs: tuple[FixedShape, ...]
    outputs: tuple[FixedShape, ...]

    @cached_property
    def hash(self) -> str:
        """The implementation hash, under which a table holds the row."""
        return text_hash(self.text)

    def __str__(self) -> str:
        return " ".join((self.op, *map(size_text, self.inputs), "->", *map(size_text, self.outputs)))


@dataclass(frozen=True)
class Unit:
    """One place of a network that has a key; `piece` is a network of its own that computes the same."""

    name: str
    key: Key
    nodes: tuple[Node, ...]
    piece: Graph


@dataclass(frozen=True)
class NetworkUnits:
    """A network as table rows: every unit counts once, and each of `shared` is taken off again.

    `shared` are primitives that stand in several units and are computed once (two ops of one input that
    both begin with relu).
    """

    units: tuple[Unit, ...]
    shared: tuple[Unit, ...]

    def __iter__(self) -> Iterator[Unit]:
        yield from self.units
        yield from self.shared


def parts(network: Network) -> NetworkUnits:
    """The units of a network, and what they share."""
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
    """Name, op and nodes of each unit, in the order of their last nodes."""
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
    """Who reads the values of each tensor; None stands for the network's outputs."""
    found: dict[str, list[Node | None]] = {}
    for node in graph.nodes.values():
        assert isinstance(node, Node)
        for source in values_read(node):
            found.setdefault(source, []).append(node)
    for name in graph.outputs.values():
        found.setdefault(name, []).append(None)
    return found


def values_read(node: Node) -> tuple[str, ...]:
    """The inputs of a node whose values it reads, not only their sizes."""
    return node.inputs[: _values(node.op, len(node.inputs))]


def _values(op: str, inputs: int) -> int:
    """How many of the inputs of a primitive, the first ones, it reads the values of."""
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
    """Some nodes of a graph as a unit; `readers` says who reads what, where results are not the last node."""
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
    """A single primitive that reads one tensor twice, as if it read two: a row serves it either way."""
    if len(nodes) > 1 or len(set(nodes[0].inputs)) == len(nodes[0].inputs):
        return nodes, shapes
    ports = [f"{i}.{n}" if i in nodes[0].inputs[:n] else i for n, i in enumerate(nodes[0].inputs)]
    again = dict(zip(ports, (shapes[i] for i in nodes[0].inputs), strict=True))
    return [replace(nodes[0], inputs=tuple(ports))], {**shapes, **again}


def _text(
    nodes: Sequence[Node], inputs: Sequence[str], results: Sequence[str], shapes: Mapping[str, FixedShape]
) -> str:
    """The canonical text of a piece: names are numbers, settings sorted by name, all sizes written out.

    A tensor of which only the size is read (`like`, that of zeros) is left out, as the size of the result is
    there.
    """
    names = {source: f"x{n}" for n, source in enumerate(inputs, start=1)}
    lines = [f"{names[i]}: {size_text(shapes[i])}" for i in inputs]
    for n, node in enumerate(nodes, start=1):
        values = computed(node.op, [names.get(i, "") for i in node.inputs], node.attrs)
        names[node.name] = f"n{n}"
        lines.append(f"n{n}: {size_text(shapes[node.name])} = {values}")
    return "\n".join([*lines, f"return {', '.join(names[r] for r in results)}"])


def computed(op: str, inputs: Sequence[str], attrs: Mapping[str, Any]) -> str:
    """A primitive applied to what is called so, with all settings in alphabetical order.

    What it reads only the size of is left out; so are the settings of zeros, which say only their size.
    """
    read, attrs = inputs[: _values(op, len(inputs))], {} if ops.get(op).makes_zero else attrs
    settings = ", ".join(f"{k} = {_value(v)}" for k, v in sorted(attrs.items()) if v is not None)
    return f"{op}({', '.join(read)}; {settings})" if settings else f"{op}({', '.join(read)})"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def size_text(shape: Sequence[int]) -> str:
    """`24x48x96`."""
    return "x".join(map(str, shape))


@dataclass(frozen=True)
class Keys:
    """The keys found in a space, and how far that can be relied on.

    `networks` were drawn, the last `quiet` of which brought nothing new.  `rare` keys were seen in one
    network only: `rare / networks` estimates how many new keys one more network brings (Good 1953).
    """

    units: Mapping[str, Unit]
    networks: int
    quiet: int
    rare: int

    @property
    def new_per_network(self) -> float:
        return self.rare / max(self.networks, 1)


def network_keys(networks: Iterable[Network]) -> dict[str, Unit]:
    """The units of networks by the hash of their key, in order of appearance."""
    found: dict[str, Unit] = {}
    for network in networks:
        for part in parts(network):
            found.setdefault(part.key.hash, part)
    return found


def space_keys(space: Space, rng: random.Random, *, quiet: int = 200, most: int = 2000) -> Keys:
    """The keys of a space: networks are drawn until `quiet` in a row bring no new key, at most `most`.

    Enumerating the networks of a space is out of the question; its keys are few.  Every outcome of every
    decision is drawn at least once: the first networks each take an outcome of every decision that none
    before them had.
    """
    found: dict[str, Unit] = {}
    seen: dict[str, int] = {}
    drawn = since = 0
    forced = _outcomes(space, rng)
    while drawn < most and (since < quiet or forced):
        decisions = space.sample(rng)
        if forced:
            decisions.update(forced.pop())
        drawn, since = drawn + 1, since + 1
        split = parts(space.bind(decisions))
        here = {part.key.hash: part for part in (*split, *_shareable(split))}
        for digest, part in here.items():
            seen[digest] = seen.get(digest, 0) + 1
            if digest not in found:
                found[digest] = part
                since = 0
    return Keys(found, drawn, since, sum(n == 1 for n in seen.values()))


def _shareable(split: NetworkUnits) -> Iterator[Unit]:
    """What other networks may share of these units: primitives without weights that an op begins with."""
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
    """Every outcome of every decision, as partial networks: each has one outcome of each decision left."""
    orders = {path: rng.sample(d.outcomes, len(d.outcomes)) for path, d in space.decisions.items()}
    count = max(map(len, orders.values()), default=0)
    return [{path: o[n] for path, o in orders.items() if n < len(o)} for n in range(count)]
