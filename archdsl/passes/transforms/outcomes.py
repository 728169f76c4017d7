"""Converts outcomes of decisions between values, texts and indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from archdsl.diagnostics import Diagnostic, Label, SpecError, closest
from archdsl.ir import Decision, Graph

MOST_LISTED = 10_000
"""The maximum number of outcomes of a decision among which the help searches for a similar one."""
MOST_NAMED = 8
"""The maximum number of decisions that the help lists."""


def outcome_text(outcome: Any) -> str:
    """The text of an outcome: the label, or `{a, b}` for several labels chosen together."""
    if isinstance(outcome, set | frozenset | tuple | list):
        return "{" + ", ".join(map(str, outcome)) + "}"
    if isinstance(outcome, bool):
        return "true" if outcome else "false"
    return str(outcome)


def one_of(decision: Decision, written: Any) -> Sequence[str]:
    """Reads a value as the text of one outcome: a label, an integer label, or several labels."""
    return (outcome_text(written),)


def some_of(decision: Decision, written: Any) -> Sequence[str]:
    """Reads a value as the texts of one or more outcomes.

    For a decision that chooses several candidates, several labels are one outcome.
    """
    if isinstance(written, str):
        return (written,)
    together = outcome_text(written)
    return (together,) if decision.count > 1 and decision.number(together) is not None else list(written)


def numbers(
    graph: Graph,
    written: Mapping[str, Any],
    read: Callable[[Decision, Any], Sequence[str]],
    label: Callable[[str], Label | None],
) -> dict[str, tuple[int, ...]]:
    """The indices of outcomes by decision path.

    `read` converts a value to texts of outcomes; `label` gives its source location. Raises SpecError for
    unknown paths and outcomes (ARCH501, ARCH502).
    """
    found: dict[str, tuple[int, ...]] = {}
    errors: list[Diagnostic] = []
    for path, value in written.items():
        decision = graph.decisions.get(path)
        if decision is None:
            errors.append(_no_decision(graph, path, label(path)))
            continue
        outcomes = read(decision, value)
        given = [decision.number(outcome) for outcome in outcomes]
        if None in given:
            errors.append(_no_outcome(decision, outcomes[given.index(None)], label(path)))
        elif not given:
            errors.append(
                Diagnostic("ARCH502", f"no outcome of `{path}` remains", label(path), help=_listed(decision))
            )
        found[path] = tuple(sorted({number for number in given if number is not None}))
    if errors:
        raise SpecError(errors)
    return found


def _no_decision(graph: Graph, path: str, place: Label | None) -> Diagnostic:
    guess = closest(path, list(graph.decisions))
    more = ", …: `archdsl explain` lists them" if len(graph.decisions) > MOST_NAMED else ""
    named = f"its decisions are {', '.join(islice(graph.decisions, MOST_NAMED))}{more}"
    help = f"did you mean `{guess}`?" if guess else named if graph.decisions else "it has no decisions"
    return Diagnostic("ARCH501", f"`{graph.name}` has no decision `{path}`", place, help=help)


def _no_outcome(decision: Decision, outcome: str, place: Label | None) -> Diagnostic:
    guess = closest(outcome, decision.outcomes) if decision.size <= MOST_LISTED else None
    help = f"did you mean `{guess}`?" if guess else _listed(decision)
    return Diagnostic("ARCH502", f"`{decision.path}` has no candidate `{outcome}`", place, help=help)


def _listed(decision: Decision) -> str:
    labels = decision.outcomes if decision.size <= MOST_LISTED else decision.candidates
    return f"candidates: {', '.join(labels[:12])}"
