"""Checks across the clauses of a search: settings that are set twice or have no effect; objectives."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from archdsl.configs.words import GROUPS, KINDS, listed, one
from archdsl.diagnostics import Diagnostic, Label, Location
from archdsl.spec.losses import effects
from archdsl.spec.search_values import (
    COMPARISONS,
    Clauses,
    Formula,
    Objective,
    SearchValue,
    Term,
    terms_in,
    written,
)  # fmt: skip
from archdsl.spec.units import MEASURES, Quantity

_EXAMPLES = {"minimize": "cross_entropy", "maximize": "miou"}
_LOSSES, _SCORES = ("cross_entropy", "ohem"), ("miou", "macc", "accuracy", "rate")
_SHORT_FOR = {"epochs": "strategy", "sampler": "strategy", "batch": "data"}
"""Clauses that are shorthand for a setting of another clause."""


def mistakes(clauses: Clauses) -> Iterator[Diagnostic]:
    """Yields the errors that involve several clauses or settings."""
    for key, whose in _SHORT_FOR.items():
        other = clauses.settings.get(whose)
        if key in clauses.settings and isinstance(other, Term) and key in other.settings:
            yield _twice(key, f"`{other.name}`", clauses.places[key], other.places.get(key))
    scores = declared_scores(clauses.settings.get("evaluate"))
    for part in (clauses, *clauses.groups.values()):
        for value in part.settings.values():
            for term in _nested(value):
                yield from _of_schedules(term)
        known: dict[str, Location | None] = {}
        for goal in part.objectives:
            yield from _of_objective(goal, scores)
            text = written(goal.value)
            if text in known:
                before = known[text]
                also = () if before is None else (Label(before, "also here"),)
                headline = f"the objective `{text}` appears twice"
                place = None if goal.at is None else Label(goal.at)
                yield Diagnostic("ARCH603", headline, place, secondary=also, help="remove one of them")
            known[text] = goal.at
        for requirement in part.requirements:
            at = getattr(requirement, "at", None)
            yield from _of_goal(requirement, at, scores, "requirement", "require params <= 2M")


def _of_objective(goal: Objective, scores: Collection[str]) -> Iterator[Diagnostic]:
    """Yields errors of an objective, which must be a number that differs between networks."""
    if isinstance(goal.value, Formula) and goal.value.op in COMPARISONS:
        yield from _of_formula(goal.value, goal.at, scores)
        help = "write a condition as a requirement, require params <= 2M, and one objective per line"
        yield _error("ARCH604", f"`{goal.value.op}` in an objective", goal.value.at or goal.at, help)
        return
    example = f"{goal.direction} {_EXAMPLES[goal.direction]}"
    yield from _of_goal(goal.value, goal.at, scores, "objective", example)


def doubts(clauses: Clauses) -> Iterator[Diagnostic]:
    """Yields warnings for objectives in the wrong direction (ARCH609), and for terms of objectives and
    requirements that are the same for all networks (ARCH610).
    """
    parts = (clauses, *clauses.groups.values())
    yield from (found for part in parts for goal in part.objectives for found in _reversed(goal))
    for part in parts:
        for goal in part.objectives:
            yield from _without_effect(goal.value, goal.at)
        for requirement in part.requirements:
            yield from _without_effect(requirement, getattr(requirement, "at", None))


def _without_effect(value: SearchValue, at: Location | None) -> Iterator[Diagnostic]:
    """Yields warnings for the constant parts of an objective or a requirement at `at`."""
    for constant in _constants(value):
        place = constant.at or at
        headline = f"`{written(constant)}` has no effect: it is the same for all networks"
        label = None if place is None else Label(place)
        yield Diagnostic(
            "ARCH610", headline, label, severity="warning", help="remove it, or change its weight"
        )


def _constants(value: SearchValue) -> Iterator[Formula | Term]:
    """Yields the outermost parts of a formula that name losses, scores or costs, and are constant."""
    if isinstance(value, Formula | Term):
        if _is_constant(value) and any(terms_in(value)):
            yield value
        else:
            for part in value.args:
                yield from _constants(part)


def _reversed(goal: Objective) -> Iterator[Diagnostic]:
    """Yields warnings for losses that are maximized and scores that are minimized, also in `-1 * ohem`."""
    for term, effect in effects(goal.value, 1 if goal.direction == "minimize" else -1):
        wrong = effect < 0 if term.name in _LOSSES else effect > 0 and term.name in _SCORES
        if wrong and goal.at is not None:
            headline = f"`{goal.direction} {written(goal.value)}` searches for the worst networks"
            better = "minimize" if term.name in _LOSSES else "maximize"
            help = f"write {better} {term.name}"
            yield Diagnostic("ARCH609", headline, Label(goal.at), severity="warning", help=help)


def declared_scores(evaluate: object) -> frozenset[str]:
    """The names of scores that the settings of an evaluator declare: `command(scores = ["energy"])`."""
    if not isinstance(evaluate, Term):
        return frozenset()
    settings = GROUPS["evaluators"][evaluate.name].settings
    found: list[Any] = [value for key, value in evaluate.settings.items() if settings[key].declares]
    return frozenset(name for value in found for name in value)


def _nested(value: SearchValue) -> Iterator[Term]:
    """Yields a term and all terms nested in its settings."""
    if isinstance(value, Term):
        yield value
        for inner in value.settings.values():
            yield from _nested(inner)


def _of_schedules(term: Term) -> Iterator[Diagnostic]:
    """Yields errors of the schedule of an optimizer or a sampler."""
    schedule = term.settings.get("schedule")
    if not isinstance(schedule, Term):
        return
    for key in ("lr", "end"):
        if key in term.settings and key in schedule.settings:
            yield _twice(key, f"`{term.name}`", schedule.places.get(key), term.places.get(key))
    end = schedule.settings.get("end", term.settings.get("end"))
    if end is None:
        of = f"{'tau = 3.0, end = 0.1' if term.name in GROUPS['samplers'] else 'lr = 0.05, end = 1e-3'}"
        help = f"{term.name}({of}, schedule = {schedule.name})"
        yield _error(
            "ARCH607", f"the schedule of `{term.name}` has no effect without `end`", schedule.at, help
        )
    elif schedule.name == "exponential":
        first = schedule.settings.get("lr", term.settings.get("lr", term.settings.get("tau", 1)))
        if 0 in (first, end):
            help = "write a small positive value: end = 1e-4"
            yield _error("ARCH208", "an exponential schedule must start and end above 0", schedule.at, help)


def _of_goal(
    value: SearchValue, at: Location | None, scores: Collection[str], what: str, example: str
) -> Iterator[Diagnostic]:
    """Yields errors of an objective or a requirement: of its terms, or that it is constant."""
    found = list(_of_formula(value, at, scores))
    yield from found
    if not found and _is_constant(value):
        help = f"write a loss, a score or a cost: {example}"
        yield _error("ARCH604", f"the {what} is the same for all networks", at, help)


def _is_constant(value: SearchValue) -> bool:
    """Whether a formula does not depend on losses, scores and costs: `2 * 3`, `0 * macs`, `macs - macs`."""
    if not isinstance(value, Formula | Term):
        return True
    if isinstance(value, Term):
        return bool(value.args) and all(map(_is_constant, value.args))
    alike = len({written(part) for part in value.args}) < len(value.args)
    return (
        all(map(_is_constant, value.args))
        or (value.op == "*" and 0 in value.args)
        or (value.op == "/" and value.args[0] == 0)
        or (value.op == "**" and value.args[1] == 0)
        or (value.op not in ("+", "*", "**") and alike)
    )


def _of_formula(value: SearchValue, at: Location | None, scores: Collection[str]) -> Iterator[Diagnostic]:
    """Yields errors of the terms in an objective or a requirement.

    `at` is the location for values without one, `scores` are names that the evaluator declares.
    """
    if isinstance(value, Formula):
        for part in value.args:
            yield from _of_formula(part, value.at or at, scores)
    elif isinstance(value, Term):
        words = GROUPS["objectives"]
        if value.name in scores:
            return
        if value.name not in words:
            help = f"available: {listed(words)}"
            yield _error("ARCH607", f"`{value.name}` is not {one(KINDS['objectives'])}", value.at, help)
        elif len(value.args) != words[value.name].function:
            count = words[value.name].function
            takes = "one positional argument" if count == 1 else f"{count} positional arguments"
            yield _error("ARCH604", f"`{value.name}` takes {takes}", value.at, words[value.name].example)
            return
        elif value.name == "window" and not _is_window(value.args):
            help = words["window"].example
            yield _error("ARCH604", "`window` takes a number, a cost and a range", value.at, help)
            return
        for part in value.args:
            yield from _of_formula(part, value.at, scores)
    elif isinstance(value, bool) or not isinstance(value, int | float | Quantity):
        help = "combine losses, costs and numbers: cross_entropy + 0.01 * log(macs)"
        yield _error("ARCH604", "expected a number, a loss or a cost in the objective", at, help)


def _is_window(args: tuple[SearchValue, ...]) -> bool:
    """Whether the arguments are a weight > 0, a cost, and a range."""
    weight, cost, ends = args
    if isinstance(weight, bool) or not isinstance(weight, int | float) or weight <= 0:
        return False
    if not (isinstance(cost, Term) and cost.name in MEASURES):
        return False
    if not (isinstance(ends, Formula) and ends.op == ".."):
        return False
    low, high = (end.amount if isinstance(end, Quantity) else end for end in ends.args)
    return isinstance(low, int | float) and isinstance(high, int | float) and low <= high


def _twice(key: str, whose: str, at: Location | None, other: Location | None) -> Diagnostic:
    there = (Label(other, "also set here"),) if other is not None else ()
    label = None if at is None else Label(at)
    headline = f"`{key}` is set twice: here and in {whose}"
    return Diagnostic("ARCH603", headline, label, secondary=there, help="remove one of them")


def _error(code: str, headline: str, at: Location | None, help: str) -> Diagnostic:
    return Diagnostic(code, headline, None if at is None else Label(at), help=help)
