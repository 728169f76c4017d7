"""Decides whether some network reaches the current point of evaluation, and under which decisions."""

from __future__ import annotations

from archdsl.ir import Value
from archdsl.ir.expr import apply
from archdsl.lang.ast import Spanned
from archdsl.spec.deciding.searcher import Undecided
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame

Witness = tuple[tuple[str, str], ...]


def reached(ev: Evaluator, unless: Value = False) -> Witness | None:
    """Decisions under which evaluation reaches this point and `unless` is false; None if they do not exist.

    Raises Undecided if the budget is exhausted.
    """
    ev.particular += 1
    formula = unless
    for condition in ev.conditions:
        formula = apply("or", formula, apply("not", condition))
    found = ev.searcher.counterexample(formula, ev.allowed)
    if found is None:
        return None
    decisions = ev.builder.decisions
    for path, outcomes in ev.allowed.items():
        if len(outcomes) < decisions[path].size:
            found.setdefault(path, outcomes[0])
    return tuple((path, decisions[path].outcomes[outcome]) for path, outcome in found.items())


def demand(
    ev: Evaluator,
    condition: Value,
    code: str,
    headline: str,
    node: Spanned,
    frame: Frame,
    help: str | None = None,
) -> None:
    """Raises SpecError if `condition` is false in some network that reaches this point of evaluation."""
    if condition is True:  # the common case
        return
    try:
        witness = reached(ev, condition)
    except Undecided:
        raise frame.error(code, f"{headline}, or that cannot be determined", node, help=help) from None
    if witness is not None:
        raise frame.error(code, headline, node, help=help, witness=witness)
