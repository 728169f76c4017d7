"""Rewrites requirements for the decisions that remain in a network or pruned space.

A decision that no output depends on is not part of a network. A requirement that depends on such a decision
is satisfied if some outcome of the decision satisfies it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Decision, Dim, Graph, Mux, Pick, Requirement, Value
from archdsl.ir.expr import TooLargeError, any_of, apply, decisions_in, grouped, leaves, nodes_in, pick
from archdsl.ir.resolve import rebuilt, settled, specialize
from archdsl.passes.analyses.symbolic import infer_symbolic

MOST_TRIED = 1000
"""The maximum number of combinations of free decisions to try for one requirement of one network."""


class Open(Exception):
    """Raised where a value depends on a decision without an outcome; `path` is the path of the decision."""

    def __init__(self, path: str):
        super().__init__(path)
        self.path = path


def met_by_some(
    condition: Value,
    made: Mapping[str, int],
    decisions: Mapping[str, Decision],
    size: Callable[[Mapping[str, int], Dim], int],
) -> Value:
    """Specializes a condition to the network with the outcomes `made`; other decisions are free.

    The result is the disjunction over the outcomes of the other decisions, a constant or a condition on
    measures of the network; only the first `MOST_TRIED` combinations are included. `size` gives a dimension
    under outcomes; it raises Open for a decision without an outcome, and ArithmeticError if the dimension
    does not exist.
    """
    result: Value = False
    ahead = [dict(made)]
    for _ in range(MOST_TRIED):
        if not ahead or result is True:
            break
        outcomes = ahead.pop()
        try:
            here = settled(condition, lambda leaf, outcomes=outcomes: _leaf(leaf, outcomes, size))  # type: ignore[misc]
        except Open as free:
            outcomes_of = range(decisions[free.path].size)
            ahead += [{**outcomes, free.path: outcome} for outcome in reversed(outcomes_of)]
            continue
        except ArithmeticError:
            continue
        if here is not None:
            result = apply("or", result, here)
    return result


def _leaf(leaf: Value, outcomes: Mapping[str, int], size: Callable[[Mapping[str, int], Dim], int]) -> Any:
    if isinstance(leaf, Dim):
        return size(outcomes, leaf)
    if not isinstance(leaf, Pick):
        return leaf
    if leaf.decision not in outcomes:
        raise Open(leaf.decision)
    value = leaf.values[outcomes[leaf.decision]]
    if value is None:
        raise ZeroDivisionError("the number is undefined")
    return value


def over_what_is_read(
    requirement: Requirement,
    nodes: Collection[str],
    decisions: Collection[str],
    known: Mapping[str, Decision],
    definitions: Mapping[Dim, tuple[Mux, tuple[Value | None, ...]]],
) -> Requirement:
    """Rewrites a requirement so that it refers only to `nodes` and `decisions`, on which outputs depend.

    Other decisions in `known` are eliminated by disjunction over their outcomes; dimensions of other nodes
    are replaced by their `definitions`. Raises SpecError (ARCH211) if the condition becomes too large.
    """
    try:
        condition = _over_what_is_read(requirement.condition, nodes, decisions, known, definitions)
    except TooLargeError:
        headline = f"`{requirement.text}` depends on too many unused decisions"
        place = None if requirement.location is None else Label(requirement.location, "")
        help = "use decisions that outputs depend on"
        raise SpecError([Diagnostic("ARCH211", headline, place, help=help)]) from None
    return replace(requirement, condition=condition)


def over_what_is_left(
    requirement: Requirement, graph: Graph, left: Collection[str], active: Collection[str]
) -> Requirement:
    """Rewrites a requirement so that it refers only to the remaining nodes `left` and the `active` decisions.

    Raises SpecError (ARCH211) if the condition becomes too large.
    """
    condition = requirement.condition
    if nodes_in(condition) <= set(left) and decisions_in(condition) <= set(active):
        return requirement
    shapes, definitions = infer_symbolic(graph)

    def size(leaf: Value) -> Value:
        return shapes[leaf.node][leaf.axis] if isinstance(leaf, Dim) and leaf.node not in left else leaf

    requirement = replace(requirement, condition=rebuilt(condition, size))
    return over_what_is_read(requirement, left, active, graph.decisions, definitions)


def _over_what_is_read(
    condition: Value,
    nodes: Collection[str],
    decisions: Collection[str],
    known: Mapping[str, Decision],
    definitions: Mapping[Dim, tuple[Mux, tuple[Value | None, ...]]],
) -> Value:
    condition = _without_dimensions(condition, nodes, known, definitions)
    for path in sorted(decisions_in(condition) - set(decisions)):
        each = [specialize(condition, {path: (outcome,)}) for outcome in range(known[path].size)]
        defined = [one for one in each if path not in decisions_in(one)]  # else it divides by zero there
        condition = any_of(list(dict.fromkeys(defined)))
    return condition


def _without_dimensions(
    condition: Value,
    nodes: Collection[str],
    known: Mapping[str, Decision],
    definitions: Mapping[Dim, tuple[Mux, tuple[Value | None, ...]]],
) -> Value:
    """Replaces the dimensions of nodes outside `nodes` by conditional values over their cases."""
    wanted: set[Dim] = set()
    ahead = [condition]
    while ahead:
        for leaf in leaves(ahead.pop()):
            if isinstance(leaf, Dim) and leaf.node not in nodes and leaf not in wanted:
                wanted.add(leaf)
                mux, sizes = definitions[leaf]
                ahead += [size for size in sizes if size is not None]
                ahead += [] if isinstance(mux.on, str) else [mux.on]
    instead: dict[Value, Value] = {}

    def leaf_of(leaf: Value) -> Value:
        return instead.get(leaf, leaf) if isinstance(leaf, Dim) else leaf

    for dim, (mux, sizes) in definitions.items():  # each follows those that it depends on
        if dim in wanted:
            *others, (value, _) = grouped(
                (key, rebuilt(size, leaf_of))
                for (key, _), size in zip(mux.cases, sizes, strict=True)
                if size is not None
            )
            for size, keys in reversed(others):
                value = apply("if", _is_case(mux, keys, known, leaf_of), size, value)
            instead[dim] = value
    return rebuilt(condition, leaf_of) if instead else condition


def _is_case(
    mux: Mux, keys: Sequence[Any], known: Mapping[str, Decision], leaf: Callable[[Value], Value]
) -> Value:
    """The condition that a mux selects the case with one of these keys."""
    if isinstance(mux.on, str):
        chosen = frozenset(keys)
        return pick(mux.on, tuple([outcome in chosen for outcome in range(known[mux.on].size)]))
    on = rebuilt(mux.on, leaf)
    return any_of([apply("eq", on, key) for key in keys])
