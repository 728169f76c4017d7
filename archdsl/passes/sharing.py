"""Equal nodes: which nodes of a space compute what another one computes already, and in which networks.

Two candidates that begin with the same activation of one tensor compute it once.  Simplification finds
that in each network (`archdsl.passes.simplify`); here it is found for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archdsl import ops
from archdsl.ir import Mux, Node
from archdsl.passes.closed_form import MOST_CELLS, ClosedForm, Context, choose, joint_cells


def computed_nodes(closed: ClosedForm, across_ops: bool = True) -> dict[str, int]:
    """In which networks each node lives and no node before it computes the same.

    With `across_ops=False` nodes of different applications of declared ops stay apart.
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
        found[name] = live if again == d.false else _without(closed, live, again, name)
    return found


def _both(closed: ClosedForm, a: int, b: int, name: str) -> int:
    return closed.diagrams.both(*_fitting(closed, (a, b), name))


def _combined(closed: ClosedForm, a: int, b: int, name: str) -> int:
    return closed.diagrams.either(*_fitting(closed, (a, b), name))


def _without(closed: ClosedForm, live: int, again: int, name: str) -> int:
    return closed.diagrams.map(lambda p, q: p and not q, *_fitting(closed, (live, again), name))


def _fitting(closed: ClosedForm, roots: Iterable[int], name: str) -> list[int]:
    """The functions, cut to variables of their own where a table over all of them were too large."""
    d, fitting = closed.diagrams, list(roots)
    while joint_cells(d, fitting) > MOST_CELLS:
        n = max(range(len(fitting)), key=lambda n: d.cells(fitting[n]))
        cut = closed.cutter.cut(fitting[n], name, d.level[fitting[n]])
        if cut == fitting[n]:
            break
        fitting[n] = cut
    return fitting


Value = tuple[str, int]
"""What a node computes: its own name and 0, or, where others may compute the same, a name and a number."""


class _Values:
    """What each node computes, as a function of decisions: equal where nodes compute the same."""

    def __init__(self, closed: ClosedForm, across_ops: bool):
        self.closed, self.d = closed, closed.diagrams
        self.twins = _Twins(closed, across_ops)
        self.across_ops = across_ops
        self.own: dict[str, int] = {}
        self.source = {name: self.d.leaf((name, 0)) for name in closed.graph.inputs}
        self.known: dict[Any, Value] = {}

    def run(self) -> dict[str, int]:
        for name, item in self.closed.graph.nodes.items():
            if isinstance(item, Mux):
                found = dict.fromkeys(item.inputs)
                roots = _fitting(self.closed, [self.source[s] for s in found], name)
                cases = dict(zip(found, roots, strict=True))
                self.source[name] = choose(self.d, item, self.closed.selectors[name], cases)
            else:
                self._node(item)
        return self.own

    def _node(self, node: Node) -> None:
        twins = self.twins.of.get(node.name, ())
        root = self.closed.contexts[node.name]
        contexts = [c for leaf in self.d.leaves(root) if (c := self.d.value(leaf)) is not None]
        if not twins:
            self.own[node.name] = self.source[node.name] = self.d.leaf((node.name, 0))
            if all(c.applied is not None for c in contexts):
                return
        ports = {p for c in contexts if twins or c.applied is None for p in c.ports}
        read = [self.source[i] if p in ports else self.d.none for p, i in enumerate(node.inputs)]
        root, *read = _fitting(self.closed, (root, *read), node.name)

        def value(context: Context | None, *sources: Value | None) -> Value | None:
            if context is None:
                return None
            if context.applied is None:
                return sources[context.ports[0]]
            if not twins:
                return (node.name, 0)
            return self._value(node, twins, context, tuple([sources[p] for p in context.ports]))

        def own(context: Context | None, found: Value | None) -> Value | None:
            return None if context is None or context.applied is None else found

        found = self.source[node.name] = self.d.map(value, root, *read)
        if twins:
            self.own[node.name] = self.d.map(own, *_fitting(self.closed, (root, found), node.name))

    def _value(
        self, node: Node, twins: Iterable[Node], context: Context, sources: tuple[Value | None, ...]
    ) -> Value | None:
        """What a node computes of these tensors; not told apart where no twin may compute it too."""
        given = [source for source in sources if source is not None]
        if len(given) < len(sources):
            return None  # auxiliary variables that contradict each other: in no network
        read = {self.twins.kind(name) for name, _ in given}
        if not any(self.twins.may_read(twin, read) for twin in twins):
            return (node.name, 0)
        place = None if self.across_ops else node.instance
        key = (context.applied, place, sources)
        return self.known.setdefault(key, (node.name, len(self.known) + 1))


class _Twins:
    """Nodes that may compute the same as another: the same op, and inputs that may be the same."""

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
            if not ops.get(item.op).has_layer:
                self._find(item, (item.op, None if across_ops else item.instance))

    def kind(self, name: str) -> str:
        """A name for all nodes that may compute the same as this one."""
        while (up := self._joined.get(name, name)) != name:
            name = up
        return name

    def may_read(self, node: Node, kinds: Iterable[str]) -> bool:
        """Whether a node may read tensors of all these kinds."""
        possible = {self.kind(s) for i in node.inputs for s in self._possible[i]}
        return possible.issuperset(kinds)

    def _find(self, node: Node, op: Any) -> None:
        """Notes the twins of a node among those before it."""
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
