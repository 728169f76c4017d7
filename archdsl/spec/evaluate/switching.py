"""Evaluates `some of SET`: for every member, a decision whether it is on or off."""

from __future__ import annotations

from archdsl.ir import Decision
from archdsl.lang import ast
from archdsl.spec.evaluate import choosing
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame, below
from archdsl.spec.evaluate.values import SetMember, SetValue, SpecValue, Tensor, Undefined, kind_of

STATES = ("on", "off")
"""The outcomes of the decision of each member."""


def some_of(ev: Evaluator, expr: ast.SomeOf, frame: Frame) -> SpecValue:
    """The set of all members, each of which is defined in the networks in which its decision is `on`."""
    source = choosing.candidates(ev, expr, frame)
    if isinstance(source, Undefined):
        return source
    path = frame.decision_path(frame.sites.choices[id(expr)])
    members = []
    for member in source.members:
        if not isinstance(member.value, Tensor):
            what = f"`some of` expects a set of tensors, got {kind_of(member.value)} in it"
            help = "choose a number of them: any 2 of {a, b, c}"
            raise frame.error("ARCH207", what, expr.source, help=help)
        value = _switched(ev, below(path, member.label), member.value, expr, frame)
        if not isinstance(value, Undefined):
            members.append(SetMember(member.label, value))
    labels = source.labels or tuple(m.label for m in source.members)
    for label in labels:
        _note_given(ev, below(path, label), expr, frame)
    if not members:
        return Undefined("no member is defined")
    return SetValue(tuple(members), labels if len(labels) > len(members) else ())


def _switched(ev: Evaluator, path: str, tensor: Tensor, expr: ast.SomeOf, frame: Frame) -> SpecValue:
    """The tensor where the decision `path` is `on`, undefined elsewhere."""
    found = Decision(path, STATES, 1, choosing.under(ev, frame), frame.location(expr))
    decision = choosing.register(ev, found, expr, frame)
    off = Undefined(f"`{path}` is off")
    if path in ev.given:
        outcome = ev.builder.decided[path] = decision.number(ev.given[path]) or 0
        ev.taken.add(path)
        return off if outcome else tensor
    cases: list[tuple[int, SpecValue]] = []
    for outcome in ev.outcomes(path):
        with ev.assuming(path, (outcome,)):
            cases.append((outcome, off if outcome else ev.refine(tensor)))
    return choosing.merge(ev, path, cases, expr, frame)


def _note_given(ev: Evaluator, path: str, expr: ast.SomeOf, frame: Frame) -> None:
    """Marks the fixed outcome of an undefined member as used; it has no effect."""
    if path in ev.given and path not in ev.taken:
        ev.taken.add(path)
        decision = Decision(path, STATES, 1, choosing.under(ev, frame), frame.location(expr))
        ev.builder.decisions.setdefault(path, decision)
