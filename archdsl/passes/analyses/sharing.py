"""Common subexpressions of a space: which nodes compute the same as an earlier node, and in which networks.

Two candidates that begin with the same activation function of one tensor compute it once. Simplification
merges equal nodes in one network (`archdsl.passes.transforms.simplify`); this analysis finds them for all
networks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archdsl import ops
from archdsl.ir import Mux, Node
from archdsl.passes.analyses.closed_form import ClosedForm, Context, choose, joint_cells


def computed_nodes(closed: ClosedForm, across_ops: bool = True) -> dict[str, int]:
    """For each node, the networks in which it is live and no earlier node computes the same, as a condition.

    With `across_ops=False`, nodes in different applications of declared ops are never equal.
    """
    values = _Values(closed, across_ops).run()
    d = closed.diagrams
    found = {}
    used: dict[Value, int] = {}
    bearers: dict[Value, int] = {}
    for root in values.values():
        for leaf in d.leaves(root):
            bearers[d.value(leaf)] = bearers.get(d.value(leaf), 0) + 1
    for name, root in values.items():
        live = closed.live[name]
        if live == d.false:
            found[name] = live
            continue
        again = d.false
        for leaf in d.leaves(root):
            value = d.value(leaf)
            if value is None or bearers[value] == 1:
                continue
            here = _both(closed, live, d.map(lambda v, own=value: v == own, root), name)
            before = used.get(value, d.false)
            again = _combined(closed, again, _both(closed, here, before, name), name)
            used[value] = _combined(closed, before, here, name)
        found[name] = live if again == d.false else without(closed, live, again, name)
    return found


def _both(closed: ClosedForm, a: int, b: int, name: str) -> int:
    return closed.diagrams.both(*_fitting(closed, (a, b), name))


def _combined(closed: ClosedForm, a: int, b: int, name: str) -> int:
    return closed.diagrams.either(*_fitting(closed, (a, b), name))


def without(closed: ClosedForm, live: int, again: int, name: str) -> int:
    """The condition `live and not again`; `name` names auxiliary variables introduced for it."""
    return closed.diagrams.map(lambda p, q: p and not q, *_fitting(closed, (live, again), name))


def _fitting(closed: ClosedForm, roots: Iterable[int], name: str) -> list[int]:
    """The functions, cut (replaced by auxiliary variables) until a table over all of them is small enough."""
    d, fitting = closed.diagrams, list(roots)
    while joint_cells(d, fitting) > closed.limits.most_cells:
        n = max(range(len(fitting)), key=lambda n: d.cells(fitting[n]))
        cut = closed.cutter.cut(fitting[n], name, d.level[fitting[n]])
        if cut == fitting[n]:
            break
        fitting[n] = cut
    return fitting


Value = tuple[str, int]
"""An identifier of a computed value: a node and 0, or a node and a number if other nodes may compute it."""

_OTHER: Value = ("", -1)


class _Values:
    """The value that each node computes, as a function of decisions; nodes with equal values compute the
    same.
    """

    def __init__(self, closed: ClosedForm, across_ops: bool):
        self.closed, self.d = closed, closed.diagrams
        self.twins = _Twins(closed, across_ops)
        self.across_ops = across_ops
        self.own: dict[str, int] = {}
        self.source = {name: self.d.leaf((name, 0)) for name in closed.graph.inputs}
        self.known: dict[Any, Value] = {}

    def run(self) -> dict[str, int]:
        wanted = self._wanted()
        for name, item in self.closed.graph.nodes.items():
            if isinstance(item, Mux):
                if name in wanted:
                    self.source[name] = self._picked(item)
                continue
            self.own[name] = self._own(item) if name in self.twins.of else self.d.leaf((name, 0))
            if name in wanted:
                self.source[name] = self._passed_on(item)
        return self.own

    def _wanted(self) -> set[str]:
        """The tensors whose values must be distinguished: inputs of twins, also through possible
        identities.
        """
        wanted: set[str] = set()
        for name, item in reversed(list(self.closed.graph.nodes.items())):
            if isinstance(item, Mux):
                wanted.update(item.inputs if name in wanted else ())
                continue
            if name in self.twins.of:
                wanted.update(item.inputs)
            if name in wanted:
                wanted.update(item.inputs[port] for port in self._passing_ports(item))
        return wanted

    def _contexts(self, node: Node) -> list[Context]:
        root = self.closed.contexts[node.name]
        return [c for leaf in self.d.leaves(root) if (c := self.d.value(leaf)) is not None]

    def _passing_ports(self, node: Node) -> set[int]:
        return {c.ports[0] for c in self._contexts(node) if c.applied is None}

    def _picked(self, mux: Mux) -> int:
        found = dict.fromkeys(mux.inputs)
        roots = _fitting(self.closed, [self.source[s] for s in found], mux.name)
        return choose(self.d, mux, self.closed.selectors[mux.name], dict(zip(found, roots, strict=True)))

    def _passed_on(self, node: Node) -> int:
        """The value of a node's output: the value that it computes, or that of its input if it is the
        identity.
        """
        own, ports = self.own[node.name], self._passing_ports(node)
        if not ports:
            return own
        read = [self.source[i] if p in ports else self.d.none for p, i in enumerate(node.inputs)]

        def output(context: Context | None, computed: Value, *sources: Value | None) -> Value | None:
            if context is None:
                return None
            return sources[context.ports[0]] if context.applied is None else computed

        roots = _fitting(self.closed, (self.closed.contexts[node.name], own, *read), node.name)
        return self.d.map(output, *roots)

    def _own(self, node: Node) -> int:
        """The value that a node computes; a value that no twin can compute gets the name of the node."""
        twins = self.twins.of[node.name]
        place = None if self.across_ops else node.instance
        read = [self._of_interest(self.source[i], twins) for i in node.inputs]

        def value(context: Context | None, *sources: Value | None) -> Value | None:
            if context is None or context.applied is None:
                return None
            given = tuple([sources[p] for p in context.ports])
            if None in given:
                return None  # auxiliary variables that contradict each other: in no network
            if _OTHER in given:
                return (node.name, 0)
            return self.known.setdefault((context.applied, place, given), (node.name, len(self.known) + 1))

        roots = _fitting(self.closed, (self.closed.contexts[node.name], *read), node.name)
        return self.d.map(value, *roots)

    def _of_interest(self, root: int, twins: Iterable[Node]) -> int:
        """The value of a tensor, where values that no twin can read are replaced by one common value."""
        kinds = {kind for twin in twins for kind in self.twins.read_by(twin)}

        def value(found: Value | None) -> Value | None:
            return found if found is None or self.twins.kind(found[0]) in kinds else _OTHER

        return self.d.map(value, root)


class _Twins:
    """Finds twins, nodes that may compute the same: they have the same op, and possibly equal inputs."""

    def __init__(self, closed: ClosedForm, across_ops: bool):
        self.closed = closed
        self.of: dict[str, list[Node]] = {}
        self._joined: dict[str, str] = {}
        self._possible = {i: frozenset([i]) for i in closed.graph.inputs}
        self._readers: dict[str, dict[Any, list[Node]]] = {}
        for name, item in closed.graph.nodes.items():
            if isinstance(item, Mux):
                self._possible[name] = frozenset().union(*(self._possible[s] for s in item.inputs))
                continue
            self._possible[name] = self._outputs(item)
            if ops.get(item.op).is_shared:
                self._find(item, (item.op, None if across_ops else item.instance))

    def kind(self, name: str) -> str:
        """The representative of a tensor's equivalence class under the relation of possible equality."""
        while (up := self._joined.get(name, name)) != name:
            name = up
        return name

    def read_by(self, node: Node) -> set[str]:
        """The classes of the tensors that a node may read."""
        return {self.kind(s) for i in node.inputs for s in self._possible[i]}

    def _find(self, node: Node, op: Any) -> None:
        """Finds the twins of a node among the earlier nodes with this op."""
        met: dict[str, Node] = {}
        kinds = {self.kind(s) for s in self._possible[node.inputs[0]]}
        for kind in kinds:
            met.update((other.name, other) for other in self._readers.get(kind, {}).get(op, ()))
        for other in met.values():
            if self._may_equal(node, other):
                self.of.setdefault(node.name, []).append(other)
                self.of.setdefault(other.name, []).append(node)
                self._join(node.name, other.name)
        for kind in kinds:
            self._readers.setdefault(self.kind(kind), {}).setdefault(op, []).append(node)

    def _outputs(self, node: Node) -> frozenset[str]:
        found = {node.name}
        for leaf in self.closed.diagrams.leaves(self.closed.contexts[node.name]):
            context = self.closed.diagrams.value(leaf)
            if context is not None and context.applied is None:
                found |= self._possible[node.inputs[context.ports[0]]]
        return frozenset(found)

    def _may_equal(self, a: Node, b: Node) -> bool:
        if a.optional or b.optional:
            return True
        for x, y in zip(a.inputs, b.inputs, strict=False):
            first, second = ({self.kind(s) for s in self._possible[i]} for i in (x, y))
            if not first & second:
                return False
        return True

    def _join(self, a: str, b: str) -> None:
        a, b = self.kind(a), self.kind(b)
        if a == b:
            return
        self._joined[a] = b
        for op, nodes in self._readers.pop(a, {}).items():
            self._readers.setdefault(b, {}).setdefault(op, []).extend(nodes)
