"""Checks requirements: whether some network satisfies them, and which candidates they exclude."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import cast

from archdsl.diagnostics import Diagnostic, Label, Location, Severity
from archdsl.ir import Apply, Expr, Measure, Requirement, Value
from archdsl.ir.expr import apply, leaves
from archdsl.ir.resolve import settled
from archdsl.passes.costs.bounds import least_cost
from archdsl.passes.costs.cost import costs, total
from archdsl.passes.transforms.bind import Binder, Bound
from archdsl.passes.transforms.deployed import Deploy
from archdsl.passes.transforms.simplify import simplify
from archdsl.spec.deciding.possible import Possible, Unbounded
from archdsl.spec.deciding.searcher import Searcher, Undecided, support
from archdsl.spec.elaborate import Elaborated

MOST_OUTCOMES, SHOWN = 64, 12
"""The maximum number of outcomes of a decision that are tested one by one, and of excluded outcomes that are
listed.
"""
TRIES = 20
"""The number of networks, the cheapest and random ones, that are tested before a requirement is reported."""


def check_requirements(found: Elaborated, budget: int) -> Iterator[Diagnostic]:
    excluded: dict[Location | None, tuple[Requirement, list[str]]] = {}  # one in a cell excludes at each use
    searcher = Searcher(found.graph.decisions, found.definitions, budget)
    tried = _Tried(found)
    for place, requirement in enumerate(found.graph.requirements):
        if measures_in(requirement.condition):
            yield from _measured(tried, place)
        else:
            _, outcomes = excluded.setdefault(requirement.location, (requirement, []))
            yield from _decided(found, requirement, searcher, outcomes)
    yield from (
        _never_chosen(requirement, outcomes) for requirement, outcomes in excluded.values() if outcomes
    )


def measures_in(value: Value) -> set[str]:
    """The network-wide measures, such as `params`, that occur in a condition."""
    return {part.name for part in leaves(value) if isinstance(part, Measure)}


def _finding(
    requirement: Requirement, code: str, headline: str, severity: Severity, help: str | None = None
) -> Diagnostic:
    assert requirement.location is not None
    return Diagnostic(code, headline, Label(requirement.location, ""), severity=severity, help=help)


# ---------------------------------------------------------------- on decisions and sizes


def _decided(
    found: Elaborated, requirement: Requirement, searcher: Searcher, excluded: list[str]
) -> Iterator[Diagnostic]:
    """Yields a diagnostic if no network satisfies the requirement; adds the outcomes that it excludes to
    `excluded`.
    """
    broken = apply("not", requirement.condition)
    try:
        met = searcher.counterexample(broken, {})
    except Undecided:
        yield _finding(
            requirement,
            "ARCH409",
            f"cannot decide whether any network satisfies `{requirement.text}`",
            "note",
        )
        return
    if met is None:
        who = "no network" if found.graph.decisions else f"`{found.graph.name}` does not"
        text = (
            f"{who} can satisfy `{requirement.text}`"
            if found.graph.decisions
            else f"{who} satisfy `{requirement.text}`"
        )
        yield _finding(requirement, "ARCH404", text, "error")
        return
    asked = [
        path
        for path in support(requirement.condition, found.definitions)
        if path in found.graph.decisions and found.graph.decisions[path].size <= MOST_OUTCOMES
    ]
    kept = searcher.refuting(broken, asked, met)
    excluded += [
        f"`{path} = {text}`"
        for path in asked
        for outcome, text in enumerate(found.graph.decisions[path].outcomes)
        if outcome not in kept[path]
    ]


def _never_chosen(requirement: Requirement, excluded: list[str]) -> Diagnostic:
    more = f" and {len(excluded) - SHOWN} more" if len(excluded) > SHOWN else ""
    these = "the candidate" if len(excluded) == 1 else "these candidates"
    return _finding(
        requirement,
        "ARCH403",
        f"{', '.join(excluded[:SHOWN])}{more} can never be chosen",
        "warning",
        help=f"ruled out by `{requirement.text}`: remove {these}",
    )


# ---------------------------------------------------------------- on costs


class _Tried:
    """The cheapest network of a space and random networks, each bound once for all requirements."""

    def __init__(self, found: Elaborated):
        self.found = found
        self._rng = random.Random(0)
        self._known: list[tuple[tuple[Requirement, ...], dict[str, int]]] = []

    def networks(self) -> Iterator[tuple[tuple[Requirement, ...], dict[str, int]]]:
        """Yields for each network its requirements, and its measures such as `params` by name."""
        graph = self.found.graph
        for n in range(TRIES if graph.decisions else 1):
            if n == len(self._known):
                outcomes = {p: self._rng.randrange(d.size) for p, d in graph.decisions.items()}
                if n == 0:
                    outcomes.update(_cheapest(self.found))
                network = self._binder.bind(outcomes)
                self._known.append((network.graph.requirements, _sums(network)))
            yield self._known[n]

    @cached_property
    def _binder(self) -> Binder:
        return Binder(self.found.graph)


def _measured(tried: _Tried, place: int) -> Iterator[Diagnostic]:
    found = tried.found
    requirement = found.graph.requirements[place]
    names = measures_in(requirement.condition)
    if names & {"latency", "rate"}:
        return  # checked where a latency table is available
    graph = found.graph
    sums: Mapping[str, int] = {}
    for requirements, sums in tried.networks():
        if _holds(requirements[place].condition, sums):
            return
    if not graph.decisions:
        text = f"`{graph.name}` does not satisfy `{requirement.text}`"
        yield _finding(requirement, "ARCH404", text, "error", help=_measured_text(sums, names))
        return
    least = _least_of_limit(found, requirement.condition)
    if least is not None:
        name, bound, limit = least
        yield _finding(
            requirement,
            "ARCH404",
            f"no network can satisfy `{requirement.text}`",
            "error",
            help=f"every network has {name} of at least {bound:,}, and the limit is {limit:,}",
        )
        return
    yield _finding(
        requirement,
        "ARCH409",
        f"no network found that satisfies `{requirement.text}`",
        "note",
        help=f"not proved infeasible; tried the cheapest network and {TRIES - 1} random ones",
    )


def unmet(bound: Bound) -> Iterator[Requirement]:
    """Yields the requirements that a network violates, except those on latency and rate."""
    for requirement in bound.graph.requirements:
        timed = measures_in(requirement.condition) & {"latency", "rate"}
        if not timed and not holds(requirement.condition, bound):
            yield requirement


def holds(condition: Value, bound: Bound) -> bool:
    """Whether a network satisfies a condition over `params`, `macs` and `flops`.

    False if the condition divides by zero or overflows.
    """
    return _holds(condition, _sums(bound) if isinstance(condition, Expr) else {})


def _holds(condition: Value, sums: Mapping[str, int]) -> bool:
    if not isinstance(condition, Expr):
        return condition is True
    try:
        return settled(condition, lambda leaf: sums[leaf.name] if isinstance(leaf, Measure) else leaf) is True
    except ArithmeticError:
        return False


def _sums(bound: Bound) -> dict[str, int]:
    graph = simplify(Deploy()(bound.graph), bound.shapes)
    whole = total(costs(graph, bound.shapes).values())
    return {"params": whole.params, "macs": whole.macs, "flops": 2 * whole.macs}


def _measured_text(sums: Mapping[str, int], names: set[str]) -> str:
    return "it has " + ", ".join(f"{value:,} {name}" for name, value in sums.items() if name in names)


def _bounds(found: Elaborated, what: str) -> tuple[int, dict[str, int]]:
    known = Possible(found.definitions, {})

    def least(value: Value) -> int:
        if not isinstance(value, Expr):
            return cast(int, value)
        try:
            return int(known.least(value))
        except Unbounded:
            return 0

    return least_cost(Deploy()(found.graph), found.shapes, least, what)


def _cheapest(found: Elaborated) -> dict[str, int]:
    return _bounds(found, "params")[1] if found.graph.decisions else {}


def _least_of_limit(found: Elaborated, condition: Value) -> tuple[str, int, int] | None:
    """A lower bound that contradicts a condition `measure <= limit`: (measure, bound, limit); None if there
    is none.
    """
    if not isinstance(condition, Apply):
        return None
    if condition.fn == "and":
        return _least_of_limit(found, condition.args[0]) or _least_of_limit(found, condition.args[1])
    left, right = condition.args[0], condition.args[-1]
    if condition.fn not in ("le", "lt") or not isinstance(left, Measure) or isinstance(right, Expr):
        return None
    what = "macs" if left.name == "flops" else left.name
    bound = _bounds(found, what)[0] * (2 if left.name == "flops" else 1)
    limit = right
    assert isinstance(limit, int | float)
    beyond = bound > limit if condition.fn == "le" else bound >= limit
    return (left.name, bound, int(limit)) if beyond else None
