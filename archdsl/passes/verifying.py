"""Verifies the contracts of passes, in tests and for `archdsl compile --verify`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import islice
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
"""The number of random networks of a space that are compared before and after a transform."""


def verified(pass_: Pass[T], graph: Graph) -> T:
    """Runs a pass on a graph and verifies the contract of the pass; returns the result.

    Raises SpecError (ARCH417) that lists violations.
    """
    if wrong := violations(graph, ops.primitives()):
        what = f"the graph of {graph.name} is invalid before `{pass_.name}`"
        raise _broken_contract(
            pass_, what, map(str, wrong), "an earlier pass, or the caller, built the invalid graph"
        )
    before = _copy(graph)
    found = pass_.run(before)
    broken = [*_undeclared(pass_, before), *_differing(graph, before, frozenset())]
    if isinstance(pass_, Transform) and isinstance(found, Graph):
        broken += [f"the resulting graph is invalid: {one}" for one in violations(found, ops.primitives())]
        broken += [] if broken else _broken(pass_, graph, found)
    if broken:
        what = f"`{pass_.name}` violates its contract on {graph.name}"
        help = f"this is a bug in the pass: report it to the author of `{pass_.name}`"
        raise _broken_contract(pass_, what, broken, help)
    return found


def _copy(graph: Graph) -> Graph:
    """A copy of a graph with copied mappings and without cached facts."""
    values: dict[str, Any] = {}
    for part in (f.name for f in fields(graph)):
        value = getattr(graph, part)
        values[part] = dict(value) if isinstance(value, Mapping) else value
    return Graph(**values)


def _broken_contract(pass_: Pass[Any], what: str, broken: Iterable[str], help: str) -> SpecError:
    headline = f"{what}: {'; '.join(islice(broken, 3))}"
    return SpecError([Diagnostic("ARCH417", headline, pass_.label(""), help=help)])


def _undeclared(pass_: Pass[Any], graph: Graph) -> Iterator[str]:
    """Yields the analyses that a pass used without declaring them."""
    for fact in graph.facts:
        if isinstance(fact, Analysis) and fact.name not in {pass_.name, *pass_.declared().uses}:
            yield f"it uses `{fact.name}` without declaring it"


def _differing(before: Graph, after: Graph, changes: frozenset[Part]) -> Iterator[str]:
    """Yields the parts that differ but are not in `changes`. Of outputs, only the names are compared."""
    for part in (f.name for f in fields(Graph)):
        known_as = "chosen" if part == "origin" else part
        a, b = getattr(before, part), getattr(after, part)
        same = list(a) == list(b) if part == "outputs" else a == b
        if known_as not in changes and not same:
            yield f"it changes {known_as}"


def _broken(pass_: Transform, before: Graph, after: Graph) -> Iterator[str]:
    """Yields the declared guarantees that a transform violates."""
    declared = pass_.declared()
    yield from _differing(before, after, declared.changes)
    for guarantee in sorted(declared.guarantees):
        yield from CHECKS[guarantee](pass_, before, after)


# ---------------------------------------------------------------- guarantees


def _networks(pass_: Transform, before: Graph, after: Graph) -> Iterator[tuple[Bound, Bound]]:
    """Yields pairs of a network before a transform and the corresponding network after it: DRAWN random
    networks of a space, or the network itself.
    """
    rng, first = random.Random(0), {path: d.outcomes[0] for path, d in before.decisions.items()}
    binder_before, binder_after = Binder(before), Binder(after)
    for _ in range(DRAWN if after.decisions else 1):
        outcomes = {path: rng.choice(d.outcomes) for path, d in after.decisions.items()}
        same = {**first, **pass_.before(outcomes, before)}
        one = binder_before.bind(binder_before.outcomes(same))
        if not one.failures:  # otherwise the network does not exist
            yield one, binder_after.bind(binder_after.outcomes(outcomes))


def _where(bound: Bound) -> str:
    listed = ", ".join(f"{path} = {outcome}" for path, outcome in bound.graph.chosen.items())
    return f", where {listed}" if listed else ""


def _outputs(pass_: Transform, before: Graph, after: Graph) -> Iterator[str]:
    for one, other in _networks(pass_, before, after):
        expected, found = _computed(one), _computed(other)
        wrong = [f"output {name}" for name in after.outputs if expected.get(name) != found.get(name)]
        wrong += [node for node, _, _ in other.failures]
        if wrong:
            yield f"{wrong[0]} computes a different result{_where(other)}"
            return


def _requirements(pass_: Transform, before: Graph, after: Graph) -> Iterator[str]:
    for one, other in _networks(pass_, before, after):
        if [r.condition for r in one.graph.requirements] != [r.condition for r in other.graph.requirements]:
            yield f"a requirement changed{_where(other)}"
            return


def _computed(bound: Bound) -> dict[str, str]:
    return computed(bound.graph, bound.shapes)


def _weights(pass_: Transform, before: Graph, after: Graph) -> Iterator[str]:
    """Yields weights that are new or belong to a different layer."""
    known = _layers(before)
    for name, (op, attrs) in _layers(after).items():
        if name not in known:
            yield f"weights {name} are new"
        elif op != known[name][0] or any(
            _disagree(value, known[name][1].get(k)) for k, value in attrs.items()
        ):
            yield f"weights {name} belong to another layer"


def _layers(graph: Graph) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """The primitives with weights and their settings, by the name of the weights."""
    nodes = (n for n in graph.nodes.values() if isinstance(n, Node) and ops.get(n.op).has_layer)
    return {node.weights: (node.op, node.attrs) for node in nodes}


def _disagree(a: Any, b: Any) -> bool:
    return not isinstance(a, Expr) and not isinstance(b, Expr) and a != b


def _no_more_nodes(pass_: Transform, before: Graph, after: Graph) -> Iterator[str]:
    if len(after.nodes) > len(before.nodes):
        yield f"{len(after.nodes)} nodes, {len(before.nodes)} before"


def _idempotent(pass_: Transform, before: Graph, after: Graph) -> Iterator[str]:
    if pass_.run(after) != after:
        yield "it is not idempotent"


CHECKS: Mapping[Guarantee, Callable[[Transform, Graph, Graph], Iterator[str]]] = {
    "outputs": _outputs,
    "requirements": _requirements,
    "weights": _weights,
    "no more nodes": _no_more_nodes,
    "idempotent": _idempotent,
}
"""For each guarantee, the function that yields violations, given the transform and the graphs before and
after.
"""
