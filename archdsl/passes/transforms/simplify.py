"""Simplifies graphs: common subexpressions, identities, zeros in sums, dead code.

A node that makes zeros reads its operand for the size only. If the size follows from an input of the network,
the node reads that input instead, so that the operand is dead unless other nodes read it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from archdsl import ops
from archdsl.ir import Expr, Graph, Mux, Node
from archdsl.ops.base import Primitive
from archdsl.passes.analyses.liveness import live_nodes
from archdsl.passes.analyses.shapes import FixedShape, Shapes
from archdsl.passes.analyses.sized_by import followed, zeros_of_input
from archdsl.passes.base import Contract, Transform, option


@dataclass(frozen=True)
class Simplify(Transform):
    """The pass that simplifies a network or space (see `simplify`)."""

    name = "simplify"
    summary = "removes common subexpressions, identities, zeros in sums, and dead nodes"
    contract = Contract(
        uses=frozenset(("shapes",)),
        changes=frozenset(("nodes", "instances")),
        guarantees=frozenset(("outputs", "weights", "no more nodes", "idempotent")),
    )

    across_ops: bool = option(
        True, meaning="whether to merge equal nodes across applications of declared ops"
    )

    def run(self, graph: Graph) -> Graph:
        return simplify(graph, across_ops=self.across_ops)


def simplify(
    graph: Graph, shapes: Mapping[str, FixedShape] | None = None, *, across_ops: bool = True
) -> Graph:
    """Returns an equivalent network or space with fewer nodes; weights and results are unchanged.

    `shapes` are the shapes of a network's nodes, if already known. With `across_ops=False`, equal nodes in
    different applications of declared ops are not merged, so that each application stays complete.
    """
    return _Simplifier(graph, shapes, across_ops).run()


@dataclass(frozen=True)
class Simplified:
    """A simplified graph, the graph before (`whole`), and the replacement of each replaced node."""

    graph: Graph
    whole: Graph
    instead: Mapping[str, str]


def simplified(graph: Graph) -> Simplified:
    """Simplifies a network or space; returns also which nodes were replaced, and by what."""
    found = _Simplifier(graph, None, True)
    return Simplified(found.run(), graph, found.instead)


class _Simplifier:
    def __init__(self, graph: Graph, shapes: Mapping[str, FixedShape] | None, across_ops: bool):
        self.graph, self.across_ops = graph, across_ops
        self.fixed = graph.is_fixed
        self.primitives = ops.primitives()
        self.shapes: Mapping[str, Any] = shapes or (Shapes()(graph) if self.fixed else {})
        self.instead: dict[str, str] = {}
        self.zeros: set[str] = set()
        self.seen: dict[Any, str] = {}
        self.nodes: dict[str, Node | Mux] = {}

    def run(self) -> Graph:
        for name, item in self.graph.nodes.items():
            kept = self._mux(item) if isinstance(item, Mux) else self._node(item)
            if kept is not None:
                self.nodes[name] = kept
        outputs = {out: self.instead.get(node, node) for out, node in self.graph.outputs.items()}
        nodes = self.nodes
        alive = live_nodes(nodes, outputs.values())
        if self.zeros and (made := self._zeros_of_inputs(alive)):
            nodes = {**nodes, **made}
            alive = live_nodes(nodes, outputs.values())
        if len(alive) < len(nodes) + len(self.graph.inputs):
            nodes = {name: item for name, item in nodes.items() if name in alive}
        used: set[str | None] = set()
        for item in nodes.values():
            if isinstance(item, Node):
                used.add(item.instance)
                used.add(item.cell)
        instances = {path: i for path, i in self.graph.instances.items() if path in used}
        return replace(self.graph, nodes=nodes, outputs=outputs, instances=instances)

    def _mux(self, mux: Mux) -> Mux | None:
        cases = tuple((key, None if s is None else self.instead.get(s, s)) for key, s in mux.cases)
        sources = {s for _, s in cases}
        if len(sources) == 1 and None not in sources:
            self.instead[mux.name] = cases[0][1] or ""
            return None
        if self._merged(mux.name, (mux.on, cases)):
            return None
        return mux if cases == mux.cases else replace(mux, cases=cases)

    def _node(self, node: Node) -> Node | None:
        instead, zeros = self.instead, self.zeros
        inputs = tuple([instead.get(i, i) for i in node.inputs]) if instead else node.inputs
        primitive = self.primitives[node.op]
        if self.fixed:
            shapes = self.shapes
            if zeros and primitive.zero_is_neutral and not zeros.isdisjoint(inputs):
                sizes = [shapes[i] for i in inputs]
                kept = primitive.contributing([i in zeros for i in inputs], sizes, shapes[node.name])
                inputs = tuple([inputs[port] for port in kept])
            if primitive.is_identity([shapes[i] for i in inputs], shapes[node.name], node.attrs):
                instead[node.name] = inputs[0]
                return None
            if primitive.makes_zero or (zeros and self._keeps_zero(primitive, node, inputs)):
                zeros.add(node.name)
        if primitive.is_shared:
            place = None if self.across_ops else node.instance
            key = (node.op, inputs, place, node.optional, _settings(node))
            if self._merged(node.name, key):
                return None
        return node if inputs == node.inputs else replace(node, inputs=inputs)

    def _zeros_of_inputs(self, alive: Collection[str]) -> dict[str, Node]:
        """The nodes that make zeros from an input of the network instead of their operand, rewritten."""
        nodes = {n: item for n, item in self.nodes.items() if isinstance(item, Node) and n in alive}
        zeros = [name for name in nodes if name in self.zeros and self.primitives[nodes[name].op].makes_zero]
        sizes = followed(nodes, self.graph.inputs, self.shapes, zeros)
        made = {}
        for name in zeros:
            node, size = nodes[name], sizes[name]
            attrs = zeros_of_input(self.primitives[node.op], size, self.shapes[name], node.attrs)
            if size is not None and attrs is not None:
                made[name] = replace(node, inputs=(size.input,), attrs=attrs)
        return made

    def _keeps_zero(self, primitive: Primitive, node: Node, inputs: tuple[str, ...]) -> bool:
        values = inputs[: primitive.tensors(len(inputs))]
        return self.zeros.issuperset(values) and primitive.keeps_zero(node.attrs)

    def _merged(self, name: str, key: Any) -> bool:
        """Whether an equal earlier node exists; records that it replaces the node `name`."""
        first = self.seen.setdefault(key, name)
        if first == name:
            return False
        self.instead[name] = first
        return True


def _settings(node: Node) -> tuple[tuple[str, Any], ...]:
    return tuple([(k, _typed(v)) for k, v in node.attrs.items()])


def _typed(value: Any) -> Any:
    """A key for a constant that distinguishes 1, True and 1.0, which Python considers equal."""
    return value if isinstance(value, Expr | tuple) else (type(value), value)
