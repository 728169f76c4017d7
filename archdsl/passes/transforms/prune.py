"""Prunes a space: some candidates are ruled out, and what only they needed is dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir import Apply, Decision, Dim, Expr, Graph, Mux, Node, Pick, Value
from archdsl.ir.expr import apply, decisions_in, pick
from archdsl.passes.analyses.liveness import live_nodes


def prune(graph: Graph, kept: Mapping[str, Sequence[str]]) -> Graph:
    """The space in which each decision named in `kept` (path -> outcomes) comes out as one of those.

    A decision with one outcome left is made, and counts among `chosen`.  Raises SpecError for paths and
    outcomes that do not exist, and for a decision with no outcome left.
    """
    return _Pruner(graph, _numbers(graph, kept)).run()


def _numbers(graph: Graph, kept: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, ...]]:
    numbers: dict[str, tuple[int, ...]] = {}
    errors = []
    for path, outcomes in kept.items():
        decision = graph.decisions.get(path)
        if decision is None:
            errors.append(Diagnostic("ARCH501", f"`{graph.name}` has no decision `{path}`"))
            continue
        wrong = [o for o in outcomes if o not in decision.index]
        if wrong or not outcomes:
            what = f"`{wrong[0]}`" if wrong else "nothing"
            errors.append(Diagnostic("ARCH502", f"`{path}` cannot be {what}"))
            continue
        numbers[path] = tuple(sorted({decision.index[o] for o in outcomes}))
    if errors:
        raise SpecError(errors)
    return numbers


class _Pruner:
    def __init__(self, graph: Graph, kept: Mapping[str, tuple[int, ...]]):
        self.graph, self.kept = graph, kept
        self.instead: dict[str, str | None] = {}

    def run(self) -> Graph:
        nodes: dict[str, Node | Mux] = {}
        for name, item in self.graph.nodes.items():
            found = self._mux(item) if isinstance(item, Mux) else self._node(item)
            if found is not None:
                nodes[name] = found
        outputs = {out: self._source(node) for out, node in self.graph.outputs.items()}
        undefined = [out for out, node in outputs.items() if node is None]
        if undefined:
            raise SpecError([Diagnostic("ARCH406", f"output `{undefined[0]}` is not defined")])
        alive = live_nodes(nodes, [node for node in outputs.values() if node is not None])
        nodes = {name: item for name, item in nodes.items() if name in alive}
        used = {i for n in nodes.values() if isinstance(n, Node) for i in (n.instance, n.cell) if i}
        read = self._read(nodes)
        made = {p: self.graph.decisions[p].outcomes[o[0]] for p, o in self.kept.items() if len(o) == 1}
        return replace(
            self.graph,
            nodes=nodes,
            outputs={out: node for out, node in outputs.items() if node is not None},
            decisions={p: self._decision(d, read) for p, d in self.graph.decisions.items() if p in read},
            instances={path: i for path, i in self.graph.instances.items() if path in used},
            requirements=tuple(
                replace(r, condition=self._value(r.condition)) for r in self.graph.requirements
            ),
            origin=self.graph.origin or (self.graph.name if made else None),
            chosen={**self.graph.chosen, **made},
        )

    @staticmethod
    def _read(nodes: Mapping[str, Node | Mux]) -> set[str]:
        read: set[str] = set()
        for item in nodes.values():
            if isinstance(item, Mux):
                read |= {item.on} if isinstance(item.on, str) else decisions_in(item.on)
            else:
                read |= {d for value in item.attrs.values() for d in decisions_in(value)}
        return read

    def _decision(self, decision: Decision, read: set[str]) -> Decision:
        """Fewer candidates; where several are chosen at once, each combination left is one candidate."""
        if decision.under is not None:
            path, outcome = decision.under
            left = self.kept.get(path)
            if path not in read or (left is not None and outcome not in left):
                decision = replace(decision, under=None)
            elif left is not None:
                decision = replace(decision, under=(path, left.index(outcome)))
        outcomes = self.kept.get(decision.path)
        if outcomes is None:
            return decision
        return replace(decision, candidates=tuple(decision.outcomes[o] for o in outcomes), count=1)

    def _source(self, name: str | None) -> str | None:
        return self.instead.get(name, name) if name is not None else None

    def _mux(self, mux: Mux) -> Mux | None:
        on: Any = mux.on
        cases = [(key, self._source(source)) for key, source in mux.cases]
        if isinstance(on, str) and on in self.kept:
            outcomes = self.kept[on]
            cases = [(outcomes.index(int(key)), source) for key, source in cases if int(key) in outcomes]
        elif not isinstance(on, str):
            on = self._value(on)
            if not isinstance(on, Expr):
                cases = [(key, source) for key, source in cases if key == on]
        if len({source for _, source in cases}) <= 1 and (len(cases) <= 1 or cases[0][1] is not None):
            self.instead[mux.name] = cases[0][1] if cases else None
            return None
        return replace(mux, on=on, cases=tuple(cases))

    def _node(self, node: Node) -> Node | None:
        inputs = [self._source(i) for i in node.inputs]
        missing = [port for port, source in enumerate(inputs) if source is None]
        optional = node.optional
        if any(port not in optional for port in missing) or len(missing) == len(inputs):
            self.instead[node.name] = None
            return None
        if missing:
            left = [port for port in range(len(inputs)) if port not in missing]
            optional = frozenset(n for n, port in enumerate(left) if port in optional)
        attrs = {key: self._value(value) for key, value in node.attrs.items()}
        return replace(node, inputs=tuple(i for i in inputs if i is not None), attrs=attrs, optional=optional)

    def _value(self, value: Value) -> Value:
        if isinstance(value, Pick):
            outcomes = self.kept.get(value.decision)
            return (
                value if outcomes is None else pick(value.decision, tuple(value.values[o] for o in outcomes))
            )
        if isinstance(value, Dim):
            source = self._source(value.node)
            return value if source is None or source == value.node else Dim(source, value.axis)
        if isinstance(value, Apply):
            return apply(value.fn, *(self._value(a) for a in value.args))
        return value
