"""Evaluates sets and ranges, and determines the labels of their members."""

from __future__ import annotations

from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Expr
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.lang.habits import string_form
from archdsl.spec.evaluate import choosing
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.values import (
    Choice,
    Either,
    Function,
    ListValue,
    PrimitiveOp,
    SetMember,
    SetValue,
    SpecValue,
    Undefined,
    kind_of,
)
from archdsl.spec.units import Quantity

SET_BUDGET = 10_000
"""The maximum number of members of a set, and of iterations of a stage."""


def set_(ev: Evaluator, expr: ast.Set, frame: Frame) -> SpecValue:
    members: list[SetMember] = []
    labels: list[str] = []
    first: dict[str, ast.Candidate] = {}
    for candidate in expr.members:
        value = ev.evaluate(candidate.value, frame)
        if isinstance(value, Undefined):
            labels.append(_absent_label(ev, candidate, value, frame))
            continue
        if isinstance(value, SetValue) and candidate.label is None:
            new = value.members
            labels += value.labels or (m.label for m in new)
        else:
            label = candidate.label or label_of(ev, candidate.value, value, frame)
            new = (SetMember(label, value),)
            labels.append(label)
        for member in new:
            if member.label in first:
                raise frame.error(
                    "ARCH214",
                    f"duplicate candidate label `{member.label}`",
                    candidate,
                    secondary=(Label(frame.location(first[member.label]), "first used here"),),
                    help="label one of them: {first: …, second: …}",
                )
            first[member.label] = candidate
        members += new
        ev.spend(len(new), candidate, frame)
        bounded(ev, len(members), candidate, frame)
    return SetValue(tuple(members), tuple(labels) if len(labels) > len(members) else ())


def difference(ev: Evaluator, expr: ast.Binary, left: SpecValue, right: SpecValue, frame: Frame) -> SpecValue:
    """Evaluates `A - B`: the members of A whose labels are not in B."""
    for value, side in ((left, expr.left), (right, expr.right)):
        if isinstance(value, Choice | Either):

            def use(inner: SpecValue, value: SpecValue = value) -> SpecValue:
                sides = [inner if v is value else ev.refine(v) for v in (left, right)]
                return difference(ev, expr, sides[0], sides[1], frame)

            return choosing.each(ev, value, use, expr, frame)
        if not isinstance(value, SetValue):
            help = "write the members to remove in braces: SET - {a}; choose from it as one of (SET - {a})"
            what = f"expected a set to subtract from, or to subtract, got {kind_of(value)}"
            raise frame.error("ARCH207", what, side, help=help)
    assert isinstance(left, SetValue)
    assert isinstance(right, SetValue)
    removed = {*right.labels, *(m.label for m in right.members)}
    labels = left.labels or tuple(m.label for m in left.members)
    ev.spend(len(labels) + len(removed), expr, frame)
    unchanged = bool(removed) and removed.isdisjoint(labels)
    ev.unchanged[id(expr)] = (ev.unchanged.get(id(expr), (True,))[0] and unchanged, expr, frame)
    members = tuple(m for m in left.members if m.label not in removed)
    kept = tuple(label for label in labels if label not in removed)
    return SetValue(members, kept if len(kept) > len(members) else ())


def difference_warnings(ev: Evaluator) -> list[Diagnostic]:
    """A warning for each difference of sets that removes no member in any evaluation."""
    return [
        Diagnostic(
            "ARCH234",
            "this difference removes nothing",
            Label(frame.location(expr), "no label is in both sets"),
            severity="warning",
            help="members are removed by their labels: {keep: f, drop: g} - {drop: g}",
        )
        for unchanged, expr, frame in ev.unchanged.values()
        if unchanged
    ]


def _absent_label(ev: Evaluator, candidate: ast.Candidate, value: Undefined, frame: Frame) -> str:
    """The label that an undefined candidate has where it is defined; "" if it cannot be determined."""
    if candidate.label is not None:
        return candidate.label
    try:
        return label_of(ev, candidate.value, value, frame)
    except SpecError:
        return ""


def bounded(ev: Evaluator, size: int, node: Spanned, frame: Frame) -> None:
    if size > SET_BUDGET:
        ev.stop(frame.error("ARCH712", f"a set or range has more than {SET_BUDGET:,} members", node))


def text_of(value: SpecValue) -> str:
    """A number, string or boolean as source text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def label_of(ev: Evaluator, expr: ast.Expr, value: SpecValue, frame: Frame) -> str:
    """The label of a candidate without an explicit one: its source text, if that is short and simple."""
    if isinstance(value, int | float | str | Quantity):
        return text_of(value)
    match expr:
        case ast.Name():
            return expr.id
        case ast.List() if isinstance(value, ListValue) and all(type(item) is int for item in value.items):
            return plain(ev, expr, frame)
        case ast.Optional():
            return label_of(ev, expr.base, value, frame)
        case ast.Attribute():
            return expr.name
        case ast.Index(base=ast.Name(id=base)):
            return f"{base}[{', '.join(plain(ev, s, frame) for s in expr.subscripts)}]"
        case ast.Call(fn=ast.Name(id=base)) if not expr.args:
            parts = [base]
            for s in expr.settings:
                parts.append(f"{s.path.id}{plain(ev, s.value, frame)}")  # type: ignore[union-attr]
            return "_".join(parts)
    raise frame.error(
        "ARCH213",
        "this candidate needs a label",
        expr,
        help="write {name: …}: outcomes are identified by label",
    )


def plain(ev: Evaluator, expr: ast.Expr, frame: Frame) -> str:
    value = ev.evaluate(expr, frame)
    if isinstance(value, ListValue) and all(type(item) is int for item in value.items):
        return "x".join(map(text_of, value.items))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | str | Quantity):
        return str(value).replace(" ", "")
    if isinstance(value, PrimitiveOp | Function):
        return value.name
    raise frame.error(
        "ARCH213",
        "this candidate needs a label",
        expr,
        help="write {name: …}: outcomes are identified by label",
    )


def range_(ev: Evaluator, expr: ast.Range, frame: Frame) -> SpecValue:
    low, high = ev.evaluate(expr.low, frame), ev.evaluate(expr.high, frame)
    if isinstance(low, Undefined) or isinstance(high, Undefined):
        return low if isinstance(low, Undefined) else high
    low, high = _whole(low, expr.low, frame), _whole(high, expr.high, frame)
    step = 1 if expr.step is None else whole(ev, expr.step, frame)
    if expr.step is not None and step < 1:
        raise frame.error("ARCH208", f"the step of a range must be >= 1, got {step}", expr.step)
    numbers = range(low, high + 1, step)
    bounded(ev, len(numbers), expr, frame)
    ev.spend(len(numbers), expr, frame)
    return SetValue(tuple(SetMember(str(n), n) for n in numbers))


def whole(ev: Evaluator, expr: ast.Expr, frame: Frame) -> int:
    """Evaluates an expression that must be an integer and not depend on decisions. Raises SpecError
    otherwise.
    """
    return _whole(ev.evaluate(expr, frame), expr, frame)


def _whole(value: SpecValue, expr: ast.Expr, frame: Frame) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Expr | Choice | Either):
        raise frame.error(
            "ARCH217",
            "expected a constant, got a number that depends on decisions",
            expr,
            help="unroll to the maximum and pick the result: x[depth]",
        )
    help = "a stage over a range is written for i in 1..4" if isinstance(value, SetValue) else None
    if isinstance(value, float):
        help = "write floor(a), round(a) or a // b"
    elif isinstance(value, str):
        help = string_form(value, "int")
    raise frame.error("ARCH207", f"expected an integer, got {kind_of(value)}", expr, help=help)
