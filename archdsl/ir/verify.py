"""Checks the invariants of graphs.

A violation is a bug in the code that built the graph, never a user error. Each rule is a generator that
yields violations; `RULES` lists them. The constraints of primitives are defined in `archdsl.ops`, above this
package, so `verify` takes the primitives as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from archdsl.ir.expr import AXES, FUNCTIONS, Apply, Dim, Expr, Measure, Pick, Value
from archdsl.ir.graph import Decision, Graph, Mux, Node


@dataclass(frozen=True)
class Violation:
    """A violated invariant: the name of the rule, the node, decision or other item, and a message."""

    rule: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: {self.what}"


class IRError(Exception):
    """The error that a graph violates invariants of the IR; `violations` is never empty."""

    def __init__(self, graph: str, violations: tuple[Violation, ...]):
        super().__init__(f"the graph of {graph} violates rules:\n" + "\n".join(map(str, violations)))
        self.graph, self.violations = graph, violations


class SettingRule(Protocol):
    """What `verify` reads of a setting of a primitive (`archdsl.ops.base.Setting`)."""

    @property
    def name(self) -> str: ...
    @property
    def optional(self) -> bool: ...


class PrimitiveRule(Protocol):
    """What `verify` reads of a primitive (`archdsl.ops.base.Primitive`)."""

    @property
    def arity(self) -> tuple[int, int | None]: ...
    @property
    def settings(self) -> Sequence[SettingRule]: ...
    @property
    def tensor_settings(self) -> Collection[str]: ...


def verify(graph: Graph, primitives: Mapping[str, PrimitiveRule] | None = None) -> None:
    """Raises IRError with all violations if the graph violates invariants.

    With `primitives` (`archdsl.ops.primitives()`), the settings and the numbers of inputs of nodes are
    checked as well.
    """
    found = violations(graph, primitives)
    if found:
        raise IRError(graph.name, found)


def violations(graph: Graph, primitives: Mapping[str, PrimitiveRule] | None = None) -> tuple[Violation, ...]:
    """All violations of a graph."""
    found = [v for rule in RULES for v in rule(graph)]
    if primitives is not None:
        found += _primitives(graph, primitives)
    return tuple(found)


def _names(graph: Graph) -> Iterator[Violation]:
    """Checks that items are stored under their own names, and that no node has the name of an input."""
    filed: list[tuple[str, str, str]] = [
        *(("node", key, n.name) for key, n in graph.nodes.items()),
        *(("decision", key, d.path) for key, d in graph.decisions.items()),
        *(("instance", key, i.path) for key, i in graph.instances.items()),
    ]
    for what, key, name in filed:
        if key != name:
            yield Violation("names", key, f"the {what} under this key is named {name}")
    for name in sorted(graph.nodes.keys() & graph.inputs.keys()):
        yield Violation("names", name, "both an input and a node have this name")


def _inputs(graph: Graph) -> Iterator[Violation]:
    for name, shape in graph.inputs.items():
        if len(shape) != 3 or not all(type(n) is int and n > 0 for n in shape):
            yield Violation("inputs", name, f"invalid input shape {shape}")


def _order(graph: Graph) -> Iterator[Violation]:
    """Checks that nodes are in topological order, and that optional inputs exist."""
    before = set(graph.inputs)
    for name, item in graph.nodes.items():
        for source in item.inputs:
            if source not in before:
                why = "comes after it" if source in graph.nodes else "does not exist"
                yield Violation("order", name, f"its input {source} {why}")
        if isinstance(item, Node) and not all(0 <= p < len(item.inputs) for p in item.optional):
            yield Violation("order", name, f"optional inputs {set(item.optional)} of {len(item.inputs)}")
        before.add(name)


def _outputs(graph: Graph) -> Iterator[Violation]:
    if not graph.outputs:
        yield Violation("outputs", graph.name, "the graph has no outputs")
    for name, source in graph.outputs.items():
        if source not in graph.nodes and source not in graph.inputs:
            yield Violation("outputs", name, f"it is read from {source}, which does not exist")
    for name in graph.train_only - set(graph.outputs):
        yield Violation("outputs", name, "it is marked as train-only, and does not exist")
    marks = [name in graph.train_only for name in graph.outputs]
    if marks != sorted(marks) or (marks and marks[0]):
        yield Violation(
            "outputs",
            graph.name,
            "a deployed output follows a train-only one, or the network has no deployed output",
        )


def _decisions(graph: Graph) -> Iterator[Violation]:
    """Checks that decisions have candidates, and that the outcomes on which they are conditional exist."""
    for path, decision in graph.decisions.items():
        if not 1 <= decision.count <= len(decision.candidates):
            yield Violation("decisions", path, f"{decision.count} of {len(decision.candidates)} candidates")
        if len(set(decision.candidates)) < len(decision.candidates):
            yield Violation("decisions", path, f"two candidates have one label: {decision.candidates}")
        if decision.under is None:
            continue
        parent, outcome = decision.under
        if parent not in graph.decisions:
            yield Violation("under", path, f"it is conditional on {parent}, which is not a decision")
        elif not _is_outcome(graph.decisions[parent], outcome):
            yield Violation(
                "under", path, f"it is conditional on {parent} = {outcome!r}, which is not an outcome"
            )
        elif _hangs_under_itself(graph, path):
            yield Violation("under", path, "it is conditional on itself")


def _hangs_under_itself(graph: Graph, path: str) -> bool:
    at, steps = graph.decisions.get(path), 0
    while at is not None and at.under is not None and steps <= len(graph.decisions):
        if at.under[0] == path:
            return True
        at, steps = graph.decisions.get(at.under[0]), steps + 1
    return False


def _is_outcome(decision: Decision, key: object) -> bool:
    return type(key) is int and 0 <= key < decision.size


def _muxes(graph: Graph) -> Iterator[Violation]:
    """Checks that a mux has distinct cases, and that they are outcomes of an existing decision."""
    for name, item in graph.nodes.items():
        if not isinstance(item, Mux):
            continue
        keys = [key for key, _ in item.cases]
        if not keys:
            yield Violation("mux", name, "it has no cases")
        if len({(type(k), k) for k in keys}) < len(keys):
            yield Violation("mux", name, f"duplicate case: {keys}")
        if not isinstance(item.on, str):
            continue
        decision = graph.decisions.get(item.on)
        if decision is None:
            yield Violation("mux", name, f"it is selected by {item.on}, which is not a decision")
        elif not all(_is_outcome(decision, k) for k in keys):
            yield Violation("mux", name, f"cases {keys} are not outcomes of {item.on}")


def _values(graph: Graph) -> Iterator[Violation]:
    """Checks that values refer to existing decisions, and to dimensions of earlier nodes."""
    before = set(graph.inputs)
    for name, item in graph.nodes.items():
        if isinstance(item, Node):
            for key, value in item.attrs.items():
                yield from _value(graph, f"{name}.{key}", value, before)
        elif not isinstance(item.on, str):
            yield from _value(graph, name, item.on, before)
        before.add(name)
    for requirement in graph.requirements:
        yield from _value(graph, requirement.text, requirement.condition, before)
    for key, setting in graph.settings.items():
        yield from _value(graph, key, setting, before)


def _value(graph: Graph, where: str, value: object, before: Collection[str]) -> Iterator[Violation]:
    if type(value) in (int, float, bool, str):
        return
    seen: set[int] = set()
    open_ = [value]
    while open_:
        part: Any = open_.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        what = _part(graph, part, before)
        if what:
            yield Violation("values", where, what)
        if isinstance(part, Apply):
            open_ += part.args
        elif isinstance(part, tuple):
            open_ += part
        elif isinstance(part, Pick):
            open_ += [v for v in part.values if v is not None]


def _part(graph: Graph, part: object, before: Collection[str]) -> str | None:
    """The message about an invalid part of a value; None if the part is valid."""
    if isinstance(part, Pick):
        decision = graph.decisions.get(part.decision)
        if decision is None:
            return f"it is selected by {part.decision}, which is not a decision"
        if len(part.values) != decision.size:
            return f"its {len(part.values)} values are not one for each outcome of {part.decision}"
    elif isinstance(part, Dim):
        if part.node not in before:
            return f"it reads a dimension of {part.node}, which does not precede it"
        if not 0 <= part.axis < len(AXES):
            return f"{part.node} has no axis {part.axis}"
    elif isinstance(part, Apply):
        if part.fn not in FUNCTIONS:
            return f"{part.fn} is not a function of values"
        if not any(isinstance(a, Expr) for a in part.args):
            return f"{part.fn} of constants should be a constant"
    elif not isinstance(part, (int, float, str, tuple, Measure)):
        return f"{part!r} is not a value"
    return None


def _weights(graph: Graph) -> Iterator[Violation]:
    """Checks that nodes that share weights are applications of the same primitive with the same settings."""
    first: dict[str, Node] = {}
    for name, item in graph.nodes.items():
        if not isinstance(item, Node):
            continue
        other = first.setdefault(item.weights, item)
        if other.op != item.op:
            yield Violation("weights", name, f"{item.op} shares {item.weights} with {other.op}")
            continue
        different = [k for k in other.attrs if not _may_agree(other.attrs[k], item.attrs.get(k))]
        if different:
            yield Violation("weights", name, f"shares {item.weights} with {other.name}, not {different}")


def _may_agree(a: Value, b: Value | None) -> bool:
    """Whether two values may be equal: constants if they are equal, values over decisions always."""
    return isinstance(a, Expr) or isinstance(b, Expr) or (a == b and type(a) is type(b))


def _instances(graph: Graph) -> Iterator[Violation]:
    for name, item in graph.nodes.items():
        if not isinstance(item, Node):
            continue
        for path, kind in ((item.instance, "op"), (item.cell, "cell")):
            if path is None:
                continue
            instance = graph.instances.get(path)
            if instance is None or instance.kind != kind:
                yield Violation("instances", name, f"it belongs to {path}, which is not a known {kind}")


def _origin(graph: Graph) -> Iterator[Violation]:
    """Checks that only a network bound from a named space has fixed decisions, which are no longer open."""
    if graph.chosen and graph.origin is None:
        yield Violation("origin", graph.name, "it has fixed decisions of an unnamed space")
    for path in sorted(graph.chosen.keys() & graph.decisions.keys()):
        yield Violation("origin", path, "it is both fixed and open")


def _primitives(graph: Graph, primitives: Mapping[str, PrimitiveRule]) -> Iterator[Violation]:
    """Checks that nodes have exactly the settings of their primitive, and a valid number of inputs."""
    for name, item in graph.nodes.items():
        if not isinstance(item, Node):
            continue
        primitive = primitives.get(item.op)
        if primitive is None:
            yield Violation("primitives", name, f"{item.op} is not a primitive")
            continue
        yield from _node_of(primitive, item)


def _node_of(primitive: PrimitiveRule, node: Node) -> Iterator[Violation]:
    known = {s.name for s in primitive.settings}
    missing = {s.name for s in primitive.settings if not s.optional} - node.attrs.keys()
    if missing:
        yield Violation("primitives", node.name, f"{node.op} without its settings {sorted(missing)}")
    if node.attrs.keys() - known:
        yield Violation(
            "primitives", node.name, f"{node.op} with settings {sorted(node.attrs.keys() - known)}"
        )
    least, most = primitive.arity
    count = len(node.inputs)
    if count < least or (most is not None and count > most + len(primitive.tensor_settings)):
        yield Violation("primitives", node.name, f"{node.op} of {count} tensors")


RULES: tuple[Callable[[Graph], Iterator[Violation]], ...] = (
    _names,
    _inputs,
    _order,
    _outputs,
    _decisions,
    _muxes,
    _values,
    _weights,
    _instances,
    _origin,
)
