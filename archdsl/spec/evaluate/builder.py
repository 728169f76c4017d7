"""Builds the graph of a space or network: nodes, muxes, decisions, shapes and proof obligations.

Shapes are inferred as nodes are added: integers where all networks agree, values over decisions elsewhere.
Constraints of primitives are checked immediately on constants, and otherwise kept as an `Obligation` for
`archdsl.spec.prove.prover`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from archdsl.diagnostics import Location
from archdsl.ir import Apply, Decision, Instance, Mux, Node, Requirement, Shape, Value
from archdsl.ir.expr import LARGEST, Scalar, TooLargeError, any_of, apply, both, grouped, pick
from archdsl.ops.base import Demand, Primitive, at_least_one
from archdsl.passes.analyses.symbolic import Definitions, input_shapes, mux_shape
from archdsl.spec.evaluate.calls import Allowed, MuxCall, NodeCall, Place, Trace, Typing


@dataclass(frozen=True, slots=True)
class Obligation:
    """A condition that must hold in every network that contains `node`, to be proved after evaluation.

    `allowed` are the outcomes under which the condition was evaluated, `conditions` are further assumptions.
    """

    condition: Value
    code: str
    message: str
    values: Mapping[str, Value]
    node: str
    location: Location
    trace: Trace | None
    allowed: Mapping[str, tuple[int, ...]]
    conditions: tuple[Value, ...]


@dataclass
class Builder:
    """A graph under construction of at most `budget` nodes, beyond which methods raise Exhausted."""

    budget: int
    inputs: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    nodes: dict[str, Node | Mux] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    present: dict[str, Value] = field(default_factory=dict)
    """For nodes that are not always defined, the condition under which they are."""
    definitions: Definitions = field(default_factory=dict)
    """For each dimension that is represented by a mux, the sizes in its cases."""
    decisions: dict[str, Decision] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    train_only: set[str] = field(default_factory=set)
    output_locations: dict[str, Location] = field(default_factory=dict)
    requirements: list[Requirement] = field(default_factory=list)
    obligations: list[Obligation] = field(default_factory=list)
    decided: dict[str, int] = field(default_factory=dict)
    """The outcome indices of fixed decisions."""
    made: dict[str, str] = field(default_factory=dict)
    """The choices that are constant in this space, by path, with their outcomes."""
    ties: dict[str, str] = field(default_factory=dict)
    known: tuple[Value, ...] = ()
    """The conditions that hold at the point of evaluation where the next node is added."""
    settled: int = 0
    """The number of constraints that held immediately."""
    work: int = 0
    """The work spent on joining conditions."""
    calls: list[NodeCall | MuxCall] | None = None
    """The list to which calls that add nodes are appended while an op is recorded; otherwise None."""
    _muxes: dict[tuple[object, ...], str] = field(default_factory=dict)
    _sources: dict[str, dict[Scalar, str | None]] = field(default_factory=dict)
    """For each mux, its inputs by the key of their case."""
    _typings: dict[tuple[object, ...], Typing] = field(default_factory=dict)
    _node_numbers: dict[str, int] = field(default_factory=dict)
    """The last suffix that was used for each name, so that finding a unique name takes constant time."""
    _instance_numbers: dict[str, int] = field(default_factory=dict)

    def instance(self, path: str, kind: Literal["op", "cell"], declared: str) -> Instance:
        """Adds an application of an op or cell; a repeated path gets a numeric suffix."""
        taken = self.instances
        name = path if path not in taken else self._numbered(path, taken, self._instance_numbers)
        made = self.instances[name] = Instance(name, kind, declared)
        return made

    def unique(self, name: str) -> str:
        """A name that is not taken: `name`, with a numeric suffix if necessary."""
        if name not in self.nodes and name not in self.inputs:
            return name
        return self._numbered(name, self.nodes, self._node_numbers)

    def _numbered(self, name: str, taken: Container[str], numbers: dict[str, int]) -> str:
        n = numbers.get(name, 1) + 1
        while f"{name}_{n}" in taken:
            n += 1
        numbers[name] = n
        return f"{name}_{n}"

    def add_input(self, name: str, shape: tuple[int, int, int]) -> str:
        self.inputs[name] = shape
        self.shapes[name] = shape
        return name

    def add_node(
        self,
        primitive: Primitive,
        name: str,
        inputs: tuple[str, ...],
        attrs: Mapping[str, Value],
        place: Place,
        allowed: Allowed,
        conditions: tuple[Value, ...],
        optional: frozenset[int] = frozenset(),
        typed_with: Mapping[str, Value] | None = None,
        typing: Typing | None = None,
    ) -> str:
        """Adds an application of a primitive; returns the name of the node.

        `typed_with` replaces `attrs` in shape inference if these are out of range; `typing` is the result of
        shape inference, if already known.
        """
        if len(self.nodes) >= self.budget:
            raise Exhausted(place.location, self.budget)
        name = self.unique(name)
        shapes, present = self._inputs_of(primitive, inputs, optional)

        typing = typing or self._typed(primitive, tuple(shapes), typed_with or attrs)
        attrs = primitive.written(attrs)
        self.settled += typing.settled
        if typing.demands:
            demand = self.demand_of(name, place, allowed, conditions)
            for condition, code, message, values in typing.demands:
                demand(condition, code, message, **values)
        self.shapes[name] = typing.shape
        if present is not True:
            self.present[name] = present
        self.nodes[name] = Node(
            name, primitive.name, inputs, attrs, name, optional, place.instance, place.cell, place.location
        )
        if self.calls is not None:
            self.calls.append(
                NodeCall(name, primitive, inputs, attrs, place, allowed, conditions, optional, typing)
            )
        return name

    def _typed(self, primitive: Primitive, shapes: tuple[Shape, ...], attrs: Mapping[str, Value]) -> Typing:
        """The shape and constraints of an application of a primitive; cached by input shapes and settings."""
        key = primitive, shapes, tuple([(name, type(value), value) for name, value in attrs.items()])
        known = self._typings.get(key)
        if known is not None:
            return known
        settled, demands = 0, []

        def demand(condition: Value, code: str, message: str, /, **values: Value) -> None:
            nonlocal settled
            if condition is True:
                settled += 1
            else:
                demands.append((condition, code, message, values))

        shape = at_least_one(primitive.shape(shapes, attrs, demand))
        for size in shape:
            if isinstance(size, int) and size > LARGEST:
                raise TooLargeError("this tensor is too large")
        found = self._typings[key] = Typing(shape, settled, demands)
        return found

    def demand_of(self, node: str, place: Place, allowed: Allowed, conditions: tuple[Value, ...]) -> Demand:
        """A function that adds constraints which must hold in every network that contains the node."""

        def demand(condition: Value, code: str, message: str, /, **values: Value) -> None:
            if condition is True:
                self.settled += 1
                return
            self.obligations.append(
                Obligation(
                    condition, code, message, values, node, place.location, place.trace,
                    dict(allowed), conditions,
                )
            )  # fmt: skip

        return demand

    def _inputs_of(
        self, primitive: Primitive, inputs: tuple[str, ...], optional: frozenset[int]
    ) -> tuple[list[Shape], Value]:
        """The shapes of the inputs, and the condition under which the node is defined."""
        if not optional and self.present.keys().isdisjoint(inputs):
            return [self.shapes[source] for source in inputs], True
        here = [self._here(source) for source in inputs]
        present: Value = any_of(here) if len(optional) == len(inputs) else True
        for port, defined in enumerate(here):
            if defined is not True and port not in optional:
                present = both(present, defined)
        return input_shapes(primitive, [self.shapes[i] for i in inputs], here, optional), present

    def add_mux(
        self, on: str | Value, name: str, cases: Sequence[tuple[Scalar, str | None]], location: Location
    ) -> str:
        """Adds a mux over tensors; returns its name, or the tensor if all cases are the same tensor."""
        made = self._mux(on, name, cases, location)
        if self.calls is not None:
            self.calls.append(MuxCall(name, made, on, cases, location))
        return made

    def _mux(
        self, on: str | Value, name: str, cases: Sequence[tuple[Scalar, str | None]], location: Location
    ) -> str:
        sources = {source for _, source in cases}
        if len(sources) == 1 and None not in sources:
            return next(iter(sources))  # type: ignore[return-value]
        partial = any(source in self.present for source in sources)
        key = (on, tuple(cases), self.known if partial else ())
        if key in self._muxes:
            return self._muxes[key]
        if len(self.nodes) >= self.budget:
            raise Exhausted(location, self.budget)
        name = self.unique(name)
        mux = Mux(name, on, tuple(cases), location)
        self.nodes[name] = mux
        self._muxes[key] = name
        self.shapes[name] = mux_shape(mux, self.shapes, self.decisions, self.definitions)
        present = self._present(on, cases)
        if present is not True:
            self.present[name] = present
        return name

    def _present(self, on: str | Value, cases: Sequence[tuple[Scalar, str | None]]) -> Value:
        """The condition under which a mux is defined: its selected input is defined."""
        here = [(key, False if s is None else self._here(s)) for key, s in cases]
        if all(value is True for _, value in here):
            return True
        result = here[-1][1]
        if isinstance(on, str) and on not in self.decided and all(isinstance(v, bool) for _, v in here):
            table = [result] * self.decisions[on].size
            for key, value in here:
                table[int(key)] = value
            return pick(on, tuple(table))
        *others, (result, _) = grouped(here)
        for value, keys in reversed(others):
            size = self.decisions[on].size if isinstance(on, str) else 1
            self.work += size + (result.terms if isinstance(result, Apply) else 1)
            result = apply("if", self.is_case(on, keys), value, result)
        return result

    def is_case(self, on: str | Value, keys: Sequence[Scalar]) -> Value:
        """The condition that a decision, or a value, selects the case of one of these keys."""
        if isinstance(on, str):
            return self.is_outcome(on, *map(int, keys))
        return on if keys[0] is True else any_of([apply("eq", on, key) for key in keys])

    def _here(self, source: str) -> Value:
        """The condition under which a node is defined, given the conditions at this point of evaluation."""
        present = self.present.get(source, True)
        return True if present in self.known else present

    def is_outcome(self, decision: str, *outcomes: int) -> Value:
        """The condition that a decision has one of these outcomes."""
        if decision in self.decided:
            return self.decided[decision] in outcomes
        size = self.decisions[decision].size
        self.work += size
        table = [False] * size
        for outcome in outcomes:
            table[outcome] = True
        return pick(decision, tuple(table))

    def case(self, node: str, allowed: Allowed) -> str | None:
        """The tensor that a mux selects under these outcomes; None if undefined, the mux itself if it is
        open.
        """
        while True:
            item = self.nodes.get(node)
            if not isinstance(item, Mux) or not isinstance(item.on, str):
                return node
            outcomes = allowed.get(item.on)
            if outcomes is None:
                return node
            sources = self._sources.get(node)
            if sources is None:
                sources = self._sources[node] = dict(item.cases)
            left = {sources[key] for key in outcomes if key in sources}
            if len(left) != 1:
                return node
            (only,) = left
            if only is None:
                return None
            node = only

    def tie(self, first: str, other: str) -> None:
        """Makes the second node, and the nodes tied to it, share the weights of the first."""
        kept, dropped = self.weights_of(first), self.weights_of(other)
        if kept != dropped:
            self.ties[dropped] = kept

    def weights_of(self, node: str) -> str:
        """The node that owns the weights of a node: the node itself, unless it is tied."""
        while node in self.ties:
            node = self.ties[node]
        return node


class Exhausted(Exception):
    """Raised if the graph exceeds its node budget, with the location of the node."""

    def __init__(self, location: Location, budget: int):
        super().__init__(f"more than {budget} nodes at {location}")
        self.location, self.budget = location, budget
