"""Runs a pass and checks that it keeps its contract: in tests, and by `archdsl compile --verify`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from archdsl import ops
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir import Expr, Graph, Node
from archdsl.ir.verify import violations
from archdsl.passes.analyses.computed import computed
from archdsl.passes.base import Analysis, Guarantee, Part, Pass, Transform
from archdsl.passes.transforms.bind import Binder, Bound

T = TypeVar("T")

DRAWN = 8
"""Networks of a space that are compared before and after a transform."""


def verified(run: Pass[T], graph: Graph) -> T:
    """The result of a pass, its contract checked.

    Raises SpecError (ARCH417) with what does not hold.
    """
    _report(run, graph, "is given a graph that breaks rules", map(str, violations(graph, ops.primitives())))
    given = _copy(graph)
    found = run.run(given)
    broken = [*_undeclared(run, given), *_differing(graph, given, frozenset())]
    if isinstance(run, Transform) and isinstance(found, Graph):
        broken += [f"its graph breaks a rule: {one}" for one in violations(found, ops.primitives())]
        broken += [] if broken else _broken(run, graph, found)
    _report(run, graph, "does not keep its contract", broken)
    return found


def _copy(graph: Graph) -> Graph:
    """The same graph in mappings of its own, without facts."""
    values: dict[str, Any] = {}
    for part in (f.name for f in fields(graph)):
        value = getattr(graph, part)
        values[part] = dict(value) if isinstance(value, Mapping) else value
    return Graph(**values)


def _report(run: Pass[Any], graph: Graph, what: str, broken: Iterable[str]) -> None:
    listed = list(broken)
    if listed:
        headline = f"`{run.name}` {what}, of {graph.name}: {'; '.join(listed[:3])}"
        help = f"a mistake of the pass, not of the spec: report it to the author of `{run.name}`"
        raise SpecError([Diagnostic("ARCH417", headline, run.label(""), help=help)])


def _undeclared(run: Pass[Any], graph: Graph) -> Iterator[str]:
    """Analyses that a pass asked for and does not declare."""
    for fact in graph.facts:
        if isinstance(fact, Analysis) and fact.name not in {run.name, *run.declared().uses}:
            yield f"it uses `{fact.name}`, which it does not declare"


def _differing(before: Graph, after: Graph, changes: frozenset[Part]) -> Iterator[str]:
    """Parts that differ, but for `changes`; of outputs their names, as the nodes that they read are nodes."""
    for part in (f.name for f in fields(Graph)):
        known_as = "chosen" if part == "origin" else part
        a, b = getattr(before, part), getattr(after, part)
        same = list(a) == list(b) if part == "outputs" else a == b
        if known_as not in changes and not same:
            yield f"it changes {known_as}"


def _broken(run: Transform, before: Graph, after: Graph) -> Iterator[str]:
    """What a transform declares and does not do."""
    declared = run.declared()
    yield from _differing(before, after, declared.changes)
    for guarantee in sorted(declared.guarantees):
        yield from CHECKS[guarantee](run, before, after)


# ---------------------------------------------------------------- guarantees


def _networks(run: Transform, before: Graph, after: Graph) -> Iterator[tuple[Bound, Bound]]:
    """Random networks, or the only one, as they are bound before a transform and after it."""
    rng, first = random.Random(0), {path: d.outcomes[0] for path, d in before.decisions.items()}
    binder_before, binder_after = Binder(before), Binder(after)
    for _ in range(DRAWN if after.decisions else 1):
        outcomes = {path: rng.choice(d.outcomes) for path, d in after.decisions.items()}
        same = {**first, **run.before(outcomes, before)}
        one = binder_before.bind(binder_before.outcomes(same))
        if not one.failures:  # else there is no such network
            yield one, binder_after.bind(binder_after.outcomes(outcomes))


def _where(bound: Bound) -> str:
    listed = ", ".join(f"{path} = {outcome}" for path, outcome in bound.graph.chosen.items())
    return f", where {listed}" if listed else ""


def _outputs(run: Transform, before: Graph, after: Graph) -> Iterator[str]:
    for one, other in _networks(run, before, after):
        expected, found = _computed(one), _computed(other)
        wrong = [f"output {name}" for name in found if expected.get(name) != found[name]]
        wrong += [node for node, _, _ in other.failures]
        if wrong:
            yield f"{wrong[0]} is not computed as before{_where(other)}"
            return


def _requirements(run: Transform, before: Graph, after: Graph) -> Iterator[str]:
    for one, other in _networks(run, before, after):
        if [r.condition for r in one.graph.requirements] != [r.condition for r in other.graph.requirements]:
            yield f"a requirement is another one{_where(other)}"
            return


def _computed(bound: Bound) -> dict[str, str]:
    return computed(bound.graph, bound.shapes)


def _weights(run: Transform, before: Graph, after: Graph) -> Iterator[str]:
    """Weights that are new, or of another size."""
    known = _layers(before)
    for name, (op, attrs) in _layers(after).items():
        if name not in known:
            yield f"weights {name} are new"
        elif op != known[name][0] or any(
            _disagree(value, known[name][1].get(k)) for k, value in attrs.items()
        ):
            yield f"weights {name} are those of another layer"


def _layers(graph: Graph) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Primitives with weights, and their settings, by the name of the weights."""
    nodes = (n for n in graph.nodes.values() if isinstance(n, Node) and ops.get(n.op).has_layer)
    return {node.weights: (node.op, node.attrs) for node in nodes}


def _disagree(a: Any, b: Any) -> bool:
    return not isinstance(a, Expr) and not isinstance(b, Expr) and a != b


def _no_more_nodes(run: Transform, before: Graph, after: Graph) -> Iterator[str]:
    if len(after.nodes) > len(before.nodes):
        yield f"there are {len(after.nodes)} nodes, {len(before.nodes)} before"


def _idempotent(run: Transform, before: Graph, after: Graph) -> Iterator[str]:
    if run.run(after) != after:
        yield "a second time it changes something again"


CHECKS: Mapping[Guarantee, Callable[[Transform, Graph, Graph], Iterator[str]]] = {
    "outputs": _outputs,
    "requirements": _requirements,
    "weights": _weights,
    "no more nodes": _no_more_nodes,
    "idempotent": _idempotent,
}
"""How each guarantee is checked: what is broken, from the graph before and after."""
