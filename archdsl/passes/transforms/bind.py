"""Binds decisions: replaces muxes and picks by the chosen tensors and values, and removes dead nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from archdsl import ops
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Dim, Expr, Graph, Mux, Node, Requirement
from archdsl.ir.expr import decisions_in, nodes_in
from archdsl.ir.resolve import evaluate
from archdsl.ops.base import ADVISORY
from archdsl.passes.analyses.shapes import FixedShape, Shapes
from archdsl.passes.base import Analysis, Contract, Transform, option
from archdsl.passes.transforms.outcomes import numbers, one_of, outcome_text
from archdsl.passes.transforms.requirements import Open, met_by_some

_REMEMBERED = 1 << 17


@dataclass(frozen=True)
class Bind(Transform):
    """Fixes all decisions of a space; returns the network.

    Inactive decisions may be omitted. Raises SpecError for unknown paths and outcomes (ARCH501, ARCH502), for
    missing decisions (ARCH504), and for an ill-typed network.
    """

    name = "bind"
    summary = "fixes all decisions; returns a network"
    contract = Contract(
        uses=frozenset(("binder",)),
        changes=frozenset(("name", "nodes", "decisions", "instances", "requirements", "chosen")),
        guarantees=frozenset(("outputs", "requirements", "weights", "no more nodes")),
    )

    decisions: Mapping[str, Any] = option(
        meaning="the outcome of each decision", takes="OUTCOME", by_decision=True
    )
    called: str | None = None
    """The name of the network; by default the name of the space."""

    def run(self, graph: Graph) -> Graph:
        binder = Prepared()(graph)
        outcomes = binder.outcomes(self.decisions, self.label)
        bound = binder.bind(outcomes, self.called, self.label(""))
        if bound.failures:
            raise SpecError([_failure(bound.graph, *failure) for failure in bound.failures])
        return bound.graph

    def before(self, outcomes: Mapping[str, str], graph: Graph) -> Mapping[str, str]:
        return {path: outcome_text(outcome) for path, outcome in self.decisions.items()}


def _failure(graph: Graph, node: str, code: str, message: str) -> Diagnostic:
    item = graph.nodes.get(node)
    location = item.location if item is not None else None
    witness = tuple(graph.chosen.items()) if len(graph.chosen) <= 8 else ()
    return Diagnostic(code, message, Label(location, f"in `{node}`") if location else None, witness=witness)


@dataclass(frozen=True)
class Bound:
    """A network that was bound: its graph, the shapes of its nodes, and the constraints that it violates.

    `failures` are (node, code, message) in the order of the graph. `resolved` maps tensors of the space, as
    far as needed, to tensors of the network, or to None if undefined.
    """

    graph: Graph
    shapes: Mapping[str, FixedShape]
    failures: tuple[tuple[str, str, str], ...]
    resolved: Mapping[str, str | None]


class Binder:
    """Binds many networks of one space; results that networks have in common are cached."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self._primitives = ops.primitives()
        self._place = {name: n for n, name in enumerate(graph.nodes)}
        self._varying = {
            name: [k for k, v in item.attrs.items() if isinstance(v, Expr)]
            for name, item in graph.nodes.items()
            if isinstance(item, Node) and any(isinstance(v, Expr) for v in item.attrs.values())
        }
        self._dims = {name: tuple(found) for name in graph.nodes if (found := self._dims_of(name))}
        self._needs = {
            name: (*item.inputs, *self._dims.get(name, ()))
            for name, item in graph.nodes.items()
            if isinstance(item, Node)
        }
        self._named: dict[int, set[str]] = {}
        self._made: dict[Any, Node] = {}
        self._typed: dict[Any, tuple[FixedShape, tuple[tuple[str, str, str], ...]]] = {}
        self._shapes: dict[Any, tuple[FixedShape, tuple[tuple[str, str], ...]]] = {}

    def _dims_of(self, name: str) -> set[str]:
        item = self.graph.nodes[name]
        if isinstance(item, Mux):
            return nodes_in(item.on) if isinstance(item.on, Expr) else set()
        return {n for key in self._varying.get(name, ()) for n in nodes_in(item.attrs[key])}

    def _decisions(self, value: Any) -> set[str]:
        """The decisions that a value in the graph depends on; cached."""
        found = self._named.get(id(value))
        if found is None:
            found = self._named[id(value)] = decisions_in(value)
        return found

    def _node(self, item: Node, inputs: tuple[str, ...], values: tuple[Any, ...]) -> Node:
        """The node of a network for a node of the space, with these inputs and varying settings; cached."""
        key = (item.name, inputs, values, tuple([type(v) for v in values]))
        node = self._made.get(key)
        if node is None:
            _limit(self._made)
            attrs = item.attrs
            if varying := self._varying.get(item.name, ()):
                attrs = {**attrs, **dict(zip(varying, values, strict=True))}
                attrs = self._primitives[item.op].written(attrs)
            node = self._made[key] = Node(
                item.name, item.op, inputs, attrs,
                item.weights, frozenset(), item.instance, item.cell, item.location,
            )  # fmt: skip
        return node

    def _type(
        self, node: Node, sizes: tuple[FixedShape, ...], values: tuple[Any, ...]
    ) -> tuple[FixedShape, tuple[tuple[str, str, str], ...]]:
        """The shape of a node with inputs of these sizes, and the constraints that it violates; cached by
        node.
        """
        key = (node.name, sizes, values, tuple([type(v) for v in values]))
        typed = self._typed.get(key)
        if typed is None:
            _limit(self._typed)
            shape, failures = self._sized(node, sizes)
            typed = self._typed[key] = (shape, tuple([(node.name, *failure) for failure in failures]))
        return typed

    def _sized(
        self, node: Node, sizes: tuple[FixedShape, ...]
    ) -> tuple[FixedShape, tuple[tuple[str, str], ...]]:
        """The shape of a node and the violated constraints, cached by op, settings and input sizes."""
        values = tuple(node.attrs.values())
        key = node.op, sizes, values, tuple([type(v) for v in values])
        found = self._shapes.get(key)
        if found is None:
            _limit(self._shapes)
            failures: list[tuple[str, str]] = []

            def demand(condition: Any, code: str, message: str, /, **values: Any) -> None:
                if not condition and code not in ADVISORY:
                    failures.append((code, message.format(**values)))

            shape = self._primitives[node.op].sizes(sizes, node.attrs, demand)
            found = self._shapes[key] = shape, tuple(failures)
        return found

    def outcomes(
        self, decisions: Mapping[str, Any], label: Callable[[str], Label | None] = lambda path: None
    ) -> dict[str, int]:
        """The indices of outcomes, given as decision path -> outcome (its text, label, or integer label).

        `label` gives source locations. Raises SpecError for an unknown path or outcome.
        """
        read = numbers(self.graph, decisions, one_of, label)
        return {path: number for path, (number,) in read.items()}

    def bind(self, outcomes: Mapping[str, int], name: str | None = None, place: Label | None = None) -> Bound:
        """Binds the network given by outcome indices, which must include all active decisions.

        Raises SpecError (ARCH504) that lists missing decisions.
        """
        graph = self.graph
        run = _Run(self, outcomes)
        outputs = {out: run.resolve(node) for out, node in graph.outputs.items()}
        if run.missing:
            listed = ", ".join(f"`{p}`" for p in list(run.missing)[:5])
            raise SpecError(
                [
                    Diagnostic(
                        "ARCH504",
                        f"no outcome for {len(run.missing)} of the decisions of `{graph.name}`: {listed}",
                        place,
                        help="list the decisions of a space with `archdsl explain`",
                    )
                ]
            )
        undefined = [out for out, node in outputs.items() if node is None]
        failures = list(run.failures)
        failures += [(out, "ARCH406", f"output `{out}` is not defined") for out in undefined]
        order = sorted(run.nodes, key=self._place.__getitem__)
        nodes: dict[str, Node | Mux] = {n: run.nodes[n] for n in order}
        used = {i for node in run.nodes.values() for i in (node.instance, node.cell) if i}
        bound = Graph(
            name=name or graph.name,
            inputs=graph.inputs,
            nodes=nodes,
            outputs={out: node for out, node in outputs.items() if node is not None},
            decisions={},
            instances={path: i for path, i in graph.instances.items() if path in used},
            requirements=tuple(run.requirement(r) for r in graph.requirements),
            settings=graph.settings,
            origin=graph.origin or graph.name,
            chosen={
                **graph.chosen,
                **{p: graph.decisions[p].outcomes[o] for p, o in outcomes.items() if p in run.asked},
            },
            train_only=graph.train_only,
        )
        if not failures:
            bound.facts[Shapes()] = run.shapes
        return Bound(bound, run.shapes, tuple(failures), run.resolved)


@dataclass(frozen=True)
class Prepared(Analysis[Binder]):
    """The analysis that prepares a `Binder` for a space, once for all of its networks."""

    name = "binder"
    summary = "a space, prepared for binding many networks"

    def run(self, graph: Graph) -> Binder:
        return Binder(graph)


def _limit(remembered: dict[Any, Any]) -> None:
    """Clears a full cache: a space with so many different nodes does not profit from caching."""
    if len(remembered) >= _REMEMBERED:
        remembered.clear()


class _Run:
    """Binds one network; resolves nodes on demand, so that dead nodes are not computed."""

    def __init__(self, binder: Binder, outcomes: Mapping[str, int]):
        self.binder, self.given = binder, outcomes
        self.shapes: dict[str, FixedShape] = dict(binder.graph.inputs)
        self.nodes: dict[str, Node] = {}
        self.missing: dict[str, None] = {}
        self.asked: set[str] = set()
        self.failures: list[tuple[str, str, str]] = []
        self.resolved: dict[str, str | None] = {name: name for name in binder.graph.inputs}
        self._sources: dict[str, str | None] = {}  # what each mux picks
        self._known: dict[int, Any] = {}  # what deep values are, which share nearly all of their parts

    def resolve(self, wanted: str) -> str | None:
        """The node or input of the network for a tensor of the space; None if the tensor is undefined."""
        resolved, of_nodes, stack = self.resolved, self.binder._needs, [wanted]
        while stack:
            name = stack[-1]
            if name in resolved:
                stack.pop()
                continue
            needs = of_nodes.get(name)
            if needs is None:
                needs = self._needs_of_mux(name)
            missing = [n for n in needs if n not in resolved]
            if missing:
                missing.reverse()
                stack += missing
                continue
            stack.pop()
            resolved[name] = self._finish(name)
        return resolved[wanted]

    def _needs_of_mux(self, name: str) -> tuple[str, ...]:
        """The nodes to resolve before a mux: those whose dimensions its condition reads, then the selected
        input.
        """
        dims = self.binder._dims.get(name, ())
        if any(d not in self.resolved for d in dims):
            return dims
        mux = self.binder.graph.nodes[name]
        assert isinstance(mux, Mux)
        if name not in self._sources:
            self._sources[name] = self._picked(mux)
        source = self._sources[name]
        return () if source is None else (source,)

    def _picked(self, mux: Mux) -> str | None:
        if isinstance(mux.on, str):
            self.asked.add(mux.on)
            key: Any = self.given.get(mux.on)
            if key is None:
                self.missing[mux.on] = None
                key = mux.cases[0][0]
        else:
            key = self._value(mux.on)
        for case, source in mux.cases:
            if case == key:
                return source
        return None

    def _finish(self, name: str) -> str | None:
        binder, resolved = self.binder, self.resolved
        item = binder.graph.nodes[name]
        if isinstance(item, Mux):
            source = self._sources[name]
            return None if source is None else resolved[source]
        found = tuple([resolved[i] for i in item.inputs])
        if None in found:
            found = tuple([i for port, i in enumerate(found) if i is not None or port not in item.optional])
            if None in found or not found:
                return None
        inputs = cast(tuple[str, ...], found)
        varying = binder._varying.get(name)
        values = tuple([self._setting(item, key) for key in varying]) if varying else ()
        if inputs != item.inputs or varying or item.optional:
            item = binder._node(item, inputs, values)
        self.nodes[name] = item
        shapes = self.shapes
        shape, failures = binder._type(item, tuple([shapes[i] for i in inputs]), values)
        shapes[name] = shape
        if failures:
            self.failures += failures
        return name

    def _setting(self, node: Node, key: str) -> Any:
        try:
            value = self._value(node.attrs[key])
        except ArithmeticError as error:
            value, why = None, str(error)
        else:
            why = "an input is ill-typed"
        if value is None:
            self.failures.append((node.name, "ARCH211", f"`{key}` of `{node.op}` has no value: {why}"))
            return 1
        return value

    def _value(self, value: Any) -> Any:
        self.asked |= self.binder._decisions(value)
        try:
            return evaluate(value, self.given, self._dim, self._known)
        except KeyError as error:
            (path,) = error.args
            self.missing[path] = None
            first = dict.fromkeys(self.binder.graph.decisions, 0)
            return evaluate(value, {**first, **self.given}, self._dim)

    def requirement(self, requirement: Requirement) -> Requirement:
        """Specializes a requirement to this network, after the outputs are resolved."""
        condition = requirement.condition
        if not decisions_in(condition) and not nodes_in(condition):
            return requirement
        made = {path: self.given[path] for path in self.asked if path in self.given}
        here = met_by_some(condition, made, self.binder.graph.decisions, self._size)
        return replace(requirement, condition=here)

    def _size(self, outcomes: Mapping[str, int], dim: Dim) -> int:
        """A dimension of a tensor, which may be outside of this network. Raises Open and ArithmeticError."""
        run = self
        if dim.node not in self.resolved:
            run = _Run(self.binder, outcomes)
            run.resolve(dim.node)
            if run.missing:
                raise Open(next(iter(run.missing)))
        source = run.resolved[dim.node]
        if source is None:
            raise ZeroDivisionError("an undefined tensor has no size")
        return run.shapes[source][dim.axis]

    def _dim(self, node: str, axis: int) -> int:
        source = self.resolved[node]
        return self.shapes[source][axis] if source is not None else 0
