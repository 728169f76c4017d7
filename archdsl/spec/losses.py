"""Weighted sums of losses on the outputs of a network: `ohem(logits) + 0.4 * bce(edge)`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from archdsl.diagnostics import Diagnostic, Label, Location, SpecError, closest
from archdsl.spec.search_values import Formula, SearchValue, Term, terms_in, written

if TYPE_CHECKING:
    from archdsl.configs.word import LossKind


def loss_kinds() -> dict[str, LossKind]:
    """The losses, by name."""
    from archdsl.configs.word import LossKind  # imported late: most files have no search
    from archdsl.configs.words import OBJECTIVES

    return {name: word for name, word in OBJECTIVES.items() if isinstance(word, LossKind)}


def loss_terms(*values: SearchValue) -> list[Term]:
    """The distinct losses in formulas, in order of appearance."""
    known = loss_kinds()
    found = {written(term): term for value in values for term in terms_in(value) if term.name in known}
    return list(found.values())


def class_rule(loss: Term) -> str | None:
    """The rule for the class weights of a loss, in the form of `archdsl.train.class_weights`, or None.

    Read from `cross_entropy(class_weights = "median")`, or from a list of numbers.
    """
    rule = loss.settings.get("class_weights")
    if rule is None:
        return None
    return ",".join(map(str, rule)) if isinstance(rule, tuple) else str(rule)


def demand_losses(value: SearchValue, at: Location | None) -> None:
    """Raises SpecError (ARCH839) if a value is not a weighted sum of losses."""
    known = loss_kinds()
    for term in terms_in(value):
        if term.name not in known:
            raise SpecError([_not_losses(term.at or at, f"`{term.name}` is not a loss")])
    if not loss_terms(value):
        raise SpecError([_not_losses(at)])
    _demand_arithmetic(value, at)


def demand_minimized(value: SearchValue) -> None:
    """Raises SpecError (ARCH839) if a loss in a sum of losses has a weight of 0 or below."""
    for term, effect in effects(value):
        if effect < 1:
            weight = "a negative weight" if effect else "the weight 0"
            where = None if term.at is None else Label(term.at)
            help = "losses are minimized: write a weight above 0, or leave the loss out"
            raise SpecError([Diagnostic("ARCH839", f"`{written(term)}` has {weight}", where, help=help)])


def effects(value: SearchValue, sign: int = 1) -> Iterator[tuple[Term, int]]:
    """Yields each term of a formula and the sign of its effect on the formula, 0 for none.

    Terms that multiply another are taken as positive. A `window` is a weight above 0, whatever the cost that
    it depends on.
    """
    if isinstance(value, Term) and (not value.args or value.name == "window"):
        yield value, sign
    elif isinstance(value, Term | Formula):
        first, *others = value.args
        op = value.op if isinstance(value, Formula) else "+"
        by_first, by_other = _sign(first), _sign(others[0]) if others else 1
        signs = {
            "+": (1, 1), "-": (1, -1) if others else (-1,), "*": (by_other, by_first),
            "/": (by_other, -by_first), "**": (by_other, 0),
        }.get(op, ())  # fmt: skip
        for part, own in zip(value.args, signs, strict=False):
            yield from effects(part, sign * own)


def _sign(value: SearchValue) -> int:
    return (value > 0) - (value < 0) if isinstance(value, int | float) else 1


def unknown_output(name: str, outputs: Collection[str], at: Location | None) -> Diagnostic:
    """The error (ARCH836) for an output that the network does not have."""
    guess = closest(name, list(outputs))
    there = f"outputs: {', '.join(outputs)}"
    help = f"did you mean `{guess}`? {there}" if guess else there
    return Diagnostic("ARCH836", f"unknown output `{name}`", None if at is None else Label(at), help=help)


def _demand_arithmetic(value: SearchValue, at: Location | None) -> None:
    if isinstance(value, Formula):
        if value.op not in ("+", "-", "*", "/"):
            raise SpecError([_not_losses(value.at or at, f"`{value.op}` cannot be trained")])
        for part in value.args:
            _demand_arithmetic(part, value.at or at)
    elif isinstance(value, bool) or not isinstance(value, int | float | Term):
        raise SpecError([_not_losses(at)])


def _not_losses(at: Location | None, headline: str = "expected a sum of losses") -> Diagnostic:
    help = f"combine losses and numbers: ohem(logits) + 0.4 * ohem(aux); losses: {', '.join(loss_kinds())}"
    return Diagnostic("ARCH839", headline, None if at is None else Label(at), help=help)
