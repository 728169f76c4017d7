"""Evaluates choices, and values that depend on a decision or a condition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import cast

from archdsl.diagnostics import Diagnostic, Label
from archdsl.ir import Decision, Expr, Pick, Value
from archdsl.ir.expr import Scalar, apply, grouped, kind, pick
from archdsl.ir.resolve import specialize
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.spec.deciding.possible import Possible, Unbounded
from archdsl.spec.evaluate import reaching
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame, below, join
from archdsl.spec.evaluate.quantities import (
    UNITS_HELP,
    amount,
    common_dimension,
    dimension,
    is_amount,
    with_dimension,
)
from archdsl.spec.evaluate.values import (
    WITHOUT_OPS,
    Choice,
    Composition,
    Either,
    Function,
    ListValue,
    PrimitiveOp,
    SetMember,
    SetValue,
    SpecValue,
    Tensor,
    Undefined,
    Varying,
    kind_of,
)
from archdsl.spec.units import Quantity

OUTCOME_BUDGET = 10_000
CHOICE_BUDGET = 60
DECISION_BUDGET = 10_000
"""Maximum number of decisions of a space: what is proved and priced grows faster than their number."""


def decide(ev: Evaluator, expr: ast.OneOf | ast.AnyOf, count: int, frame: Frame) -> SpecValue:
    """Evaluates `one of` or `any n of`: adds a decision; a constant if there is only one outcome."""
    source = candidates(ev, expr, frame)
    if isinstance(source, Undefined):
        return source
    members = source.members
    path = frame.decision_path(frame.sites.choices[id(expr)])
    if path in ev.given and source.labels:
        absent = _given_absent(ev, path, source, count, expr, frame)
        if absent is not None:
            return absent
    if not members:
        return Undefined("no candidate is defined")
    if count > len(members) or count < 1:
        raise frame.error("ARCH405", f"cannot choose {count} of {len(members)} candidates", expr)
    if count == len(members):
        labels = [m.label for m in members]
        ev.builder.made[path] = labels[0] if count == 1 else "{" + ", ".join(labels) + "}"
        return members[0].value if count == 1 else source
    decision = Decision(path, tuple(m.label for m in members), count, under(ev, frame), frame.location(expr))
    if decision.size > OUTCOME_BUDGET:
        ev.stop(frame.error("ARCH712", f"a decision with more than {OUTCOME_BUDGET:,} outcomes", expr))
    decision = register(ev, decision, expr, frame)
    _warn_of_twins(ev, members, expr, frame)
    values = [m.value for m in members]
    if count > 1:
        values = [SetValue(chosen) for chosen in combinations(members, count)]
    if path in ev.given:
        return _given(ev, decision, values)
    cases = []
    for outcome in ev.outcomes(path):
        with ev.assuming(path, (outcome,)):
            cases.append((outcome, ev.refine(values[outcome])))
    return merge(ev, path, cases, expr, frame)


def candidates(ev: Evaluator, expr: ast.OneOf | ast.AnyOf | ast.SomeOf, frame: Frame) -> SetValue | Undefined:
    """Evaluates the set to choose from. Raises SpecError (ARCH215) where choices are not allowed."""
    if frame.instance is not None:
        raise frame.error(
            "ARCH215", "choices are not allowed inside an op", expr, help="declare the op as a cell"
        )
    source = ev.evaluate(expr.source, frame)
    if isinstance(source, Undefined):
        return source
    if not isinstance(source, SetValue):
        raise frame.error(
            "ARCH207", f"expected a set to choose from, got {kind_of(source)}", expr.source,
            help="write one of {a, b, c}",
        )  # fmt: skip
    if id(expr) not in frame.sites.choices:
        raise frame.error(
            "ARCH215",
            "a choice must be assigned to a name",
            expr,
            help="assign it in a separate statement first",
        )
    return source


def _warn_of_twins(ev: Evaluator, members: tuple[SetMember, ...], expr: Spanned, frame: Frame) -> None:
    """Warns of candidates that are equal but have different labels."""
    location = frame.location(expr)
    first: dict[object, SetMember] = {}
    for member in members:
        twin = first.setdefault(_identity(member.value), member)
        if twin is member or any(w.primary and w.primary.location == location for w in ev.warnings):
            continue
        ev.warnings.append(
            Diagnostic(
                "ARCH407",
                f"candidates `{twin.label}` and `{member.label}` are identical",
                Label(location, "this choice"),
                severity="warning",
                help="remove one of them",
            )
        )


def _identity(value: SpecValue) -> object:
    """A key that is equal exactly for identical candidates."""
    if isinstance(value, (int, float, str, Expr, Tensor)):
        return type(value), value
    if isinstance(value, (PrimitiveOp, Function)):
        settings = frozenset((name, _identity(v)) for name, v in value.settings.items())
        of = value.primitive if isinstance(value, PrimitiveOp) else (id(value.declared), value.shared)
        return of, settings
    if isinstance(value, Composition):
        return tuple(_identity(step) for step in value.steps)
    return id(value)


def under(ev: Evaluator, frame: Frame) -> tuple[str, int] | None:
    """The innermost decision, with its outcome, on which the current point of evaluation is conditional.

    None under `once`, where choices may be conditional on several decisions.
    """
    if frame.shared:
        return None
    single = [(d, o[0]) for d, o in ev.allowed.items() if len(o) == 1]
    return single[-1] if single else None


def register(ev: Evaluator, decision: Decision, expr: Spanned, frame: Frame) -> Decision:
    """Adds a decision to the graph; under `once`, returns the decision of the first use."""
    before = ev.builder.decisions.get(decision.path)
    if before is None:
        if len(ev.builder.decisions) >= DECISION_BUDGET:
            ev.stop(frame.error("ARCH710", f"a space with more than {DECISION_BUDGET:,} decisions", expr))
        ev.builder.decisions[decision.path] = decision
        return decision
    assert before.location is not None
    if not frame.shared:
        raise frame.error(
            "ARCH401",
            f"duplicate decision path `{decision.path}`",
            expr,
            secondary=(Label(before.location, "first defined here"),),
            help="assign one of them to a different name: kind = one of …",
        )
    if (before.candidates, before.count) != (decision.candidates, decision.count):
        raise frame.error(
            "ARCH411",
            f"the candidates of `{decision.path}`, decided `once`, differ between uses",
            expr,
            f"here {', '.join(decision.candidates)}; before {', '.join(before.candidates)}",
        )
    return before


def _given(
    ev: Evaluator, decision: Decision, values: Sequence[SpecValue] | Mapping[int, SpecValue]
) -> SpecValue:
    """The value of a fixed decision; its first one if the outcome does not exist, which is reported later.

    A value that may be or contain an op remains a choice with one outcome, so that paths are those of the
    whole space.
    """
    ev.taken.add(decision.path)
    outcome = decision.number(ev.given[decision.path]) or 0
    ev.builder.decided[decision.path] = outcome
    value = ev.refine(values[outcome])
    if isinstance(value, WITHOUT_OPS):
        return value
    return Choice(decision.path, tuple(value if o == outcome else None for o in range(decision.size)))


def _given_absent(
    ev: Evaluator, path: str, source: SetValue, count: int, expr: Spanned, frame: Frame
) -> SpecValue | None:
    """The value of a fixed outcome if some of its candidates, or all other candidates, are undefined.

    Otherwise None. Whether a candidate is undefined depends on the other fixed outcomes.
    """
    decision = Decision(path, source.labels, count, under(ev, frame), frame.location(expr))
    number = None if decision.size > OUTCOME_BUDGET else decision.number(ev.given[path])
    if number is None:
        return None
    defined = {m.label: m for m in source.members}
    chosen = list(combinations(source.labels, count))[number]
    whole = all(label in defined for label in chosen)
    if whole and len(defined) > count:
        return None
    members = tuple(defined[label] for label in chosen if label in defined)
    if whole:
        value = members[0].value if count == 1 else SetValue(members)
        return _given(ev, register(ev, decision, expr, frame), {number: value})
    ev.taken.add(path)
    ev.builder.decisions.setdefault(path, decision)
    return SetValue(members, chosen) if members else Undefined(f"`{', '.join(chosen)}` is not defined")


def once(ev: Evaluator, expr: ast.Once, frame: Frame) -> SpecValue:
    value = ev.evaluate(expr.source, frame)
    if isinstance(value, Undefined):
        return value
    if not isinstance(value, Function) or not value.is_cell:
        raise frame.error("ARCH209", f"expected a cell after `once`, got {kind_of(value)}", expr.source)
    own = "" if id(expr) in frame.sites.whole else value.name
    path = join(frame.decisions, frame.decision_name, own)
    first = ev.shared.setdefault(path, expr)
    if first is not expr:
        raise frame.error(
            "ARCH401",
            f"two `once` cells have the same decision path `{path}…`",
            expr,
            secondary=(Label(frame.location(first), "first defined here"),),
            help="assign one of them to a different name first",
        )
    return Function(value.declared, value.unit, value.settings, path)


def conditional(ev: Evaluator, expr: ast.Conditional, condition: Expr, frame: Frame) -> SpecValue:
    """Evaluates `a if c else b` where c depends on decisions: each branch under the outcomes of its case."""
    if isinstance(condition, Pick):
        cases = []
        path = condition.decision
        for wanted, branch in ((True, expr.then), (False, expr.otherwise)):
            here = tuple(o for o in ev.outcomes(path) if condition.values[o] is wanted)
            if not here:
                continue
            with ev.assuming(path, here):
                value = ev.evaluate(branch, frame)
            for outcome in here:
                with ev.assuming(path, (outcome,)):
                    cases.append((outcome, ev.refine(value)))
        return merge(ev, path, sorted(cases, key=lambda c: c[0]), expr, frame)
    with ev.where(condition):
        then = ev.evaluate(expr.then, frame)
    with ev.where(apply("not", condition)):
        otherwise = ev.evaluate(expr.otherwise, frame)
    return merge(ev, condition, [(True, then), (False, otherwise)], expr, frame)


def by_pick(
    ev: Evaluator, subscript: Pick, at: Callable[[SpecValue], SpecValue], expr: Spanned, frame: Frame
) -> SpecValue:
    """Evaluates `at` for each value that a decision picks; returns a value that depends on the decision."""
    cases = []
    for outcome in ev.outcomes(subscript.decision):
        value = subscript.values[outcome]
        if value is not None:
            with ev.assuming(subscript.decision, (outcome,)):
                cases.append((outcome, at(value)))
    return merge(ev, subscript.decision, cases, expr, frame)


def by_value(
    ev: Evaluator, subscript: Expr, at: Callable[[SpecValue], SpecValue], expr: Spanned, frame: Frame
) -> SpecValue:
    """Evaluates `at` for each possible value of a number that depends on several decisions."""
    ev.particular += 1
    try:
        values = sorted(Possible(ev.builder.definitions, ev.allowed).of(subscript))
    except Unbounded:
        raise frame.error(
            "ARCH217", "cannot determine the possible values of this subscript", expr,
            help="index by one decision: x[depth]",
        ) from None  # fmt: skip
    cases = []
    for value in values:
        with ev.where(apply("eq", subscript, value)):
            cases.append((value, at(value)))
    return merge(ev, subscript, cases, expr, frame)


def each(
    ev: Evaluator, value: Choice | Either, use: Callable[[SpecValue], SpecValue], expr: Spanned, frame: Frame
) -> SpecValue:
    """Evaluates `use` for each case of a value that depends on decisions."""
    ev.height += 5
    if isinstance(value, Either):
        with ev.where(value.condition):
            then = _used(use, ev.refine(value.then))
        with ev.where(apply("not", value.condition)):
            otherwise = _used(use, ev.refine(value.otherwise))
        ev.height -= 5
        return merge(ev, value.condition, [(True, then), (False, otherwise)], expr, frame)
    cases = []
    for outcome in ev.outcomes(value.decision):
        inner = value.values[outcome]
        if inner is not None:
            with ev.assuming(value.decision, (outcome,)):
                cases.append((outcome, _used(use, ev.refine(inner))))
    ev.height -= 5
    return ev.note_selected(merge(ev, value.decision, cases, expr, frame))


def spread(
    ev: Evaluator,
    value: Choice | Either,
    use: Callable[[SpecValue, str], SpecValue],
    expr: Spanned,
    frame: Frame,
    site: str,
) -> SpecValue:
    """Evaluates `use`, a function that adds nodes, for each case of a value that depends on decisions.

    `use` also gets a site for the names of the nodes, which includes the outcome.
    """
    if isinstance(value, Either):
        return each(ev, value, lambda inner: use(inner, site), expr, frame)
    outcomes = ev.builder.decisions[value.decision].outcomes
    ev.height += 5
    cases = []
    for outcome in ev.outcomes(value.decision):
        inner = value.values[outcome]
        if inner is not None:
            with ev.assuming(value.decision, (outcome,)):
                inner = ev.refine(inner)
                here = below(site, outcomes[outcome])
                cases.append((outcome, inner if isinstance(inner, Undefined) else use(inner, here)))
    ev.height -= 5
    return merge(ev, value.decision, cases, expr, frame)


def _used(use: Callable[[SpecValue], SpecValue], value: SpecValue) -> SpecValue:
    return value if isinstance(value, Undefined) else use(value)


def merge(
    ev: Evaluator, on: str | Expr, cases: Sequence[tuple[Scalar, SpecValue]], expr: Spanned, frame: Frame
) -> SpecValue:
    """The value that equals the case selected by `on`, a decision or a condition."""
    ev.spend(len(cases), expr, frame)
    defined = [value for _, value in cases if not isinstance(value, Undefined)]
    if not defined:
        return cases[0][1] if len(cases) == 1 else Undefined("not defined for any outcome")
    if len(cases) == 1:
        return cases[0][1]
    if all(isinstance(v, Tensor) for v in defined):
        name = frame.node_path(frame.sites.nodes.get(id(expr), "") or "mux")
        keyed = [(k, v.node if isinstance(v, Tensor) else None) for k, v in cases]
        return Tensor(ev.builder.add_mux(on, name, keyed, frame.location(expr)))
    if any(isinstance(v, Quantity | Varying) for v in defined) and all(map(is_amount, defined)):
        return _merge_quantities(ev, on, cases, expr, frame)
    if all(isinstance(v, (int, float, str, Expr)) for v in defined):
        return _merge_scalars(ev, on, cases, expr, frame)
    lists = [v for v in defined if isinstance(v, ListValue)]
    if len(lists) == len(defined) and len({len(v.items) for v in lists}) == 1:
        items = (
            merge(ev, on, [(k, v.items[n] if isinstance(v, ListValue) else v) for k, v in cases], expr, frame)
            for n in range(len(lists[0].items))
        )
        return ListValue(tuple(items))
    plain = (Tensor, float) if lists else (Tensor, int, float, str, Expr)  # pairs go with numbers and words
    if any(isinstance(v, plain) for v in defined):
        kinds = sorted({kind_of(v) for v in defined})
        what = f"candidates have different types: {' and '.join(kinds)}"
        reaching.demand(ev, False, "ARCH207", what, expr, frame)
        return Undefined("no network reaches this")
    if all(v == defined[0] for v in defined[1:]) and len(defined) == len(cases):
        return defined[0]
    if isinstance(on, str):
        return choice(ev, on, cases, expr, frame)
    by_key = dict(cases)
    if set(by_key) == {True, False}:
        depth = _depth(ev, by_key.values(), expr, frame)
        return Either(on, by_key[True], by_key[False], depth)
    raise frame.error(
        "ARCH217", "this value depends on several decisions at once", expr,
        help="select by one decision, or by conditions: a if n == 1 else b",
    )  # fmt: skip


def choice(
    ev: Evaluator, on: str, cases: Sequence[tuple[Scalar, SpecValue]], expr: Spanned, frame: Frame
) -> Choice:
    """The Choice that equals the case of the decision's outcome."""
    table: list[SpecValue | None] = [None] * ev.builder.decisions[on].size
    for outcome, value in cases:
        table[int(outcome)] = value
    return Choice(on, tuple(table), _depth(ev, table, expr, frame))


def _depth(ev: Evaluator, values: Iterable[SpecValue | None], expr: Spanned, frame: Frame) -> int:
    """The nesting depth of a choice of these values; limited, since choices are traversed recursively."""
    depth = 1 + max((v.depth for v in values if isinstance(v, (Choice, Either))), default=0)
    if depth > CHOICE_BUDGET:
        ev.stop(frame.error("ARCH711", f"choices nested more than {CHOICE_BUDGET} levels deep", expr))
    return depth


def _merge_quantities(
    ev: Evaluator, on: str | Expr, cases: Sequence[tuple[Scalar, SpecValue]], expr: Spanned, frame: Frame
) -> SpecValue:
    defined = [value for _, value in cases if not isinstance(value, Undefined)]
    common = common_dimension(defined)
    if common is None:
        what = " and ".join(sorted({dimension(v) for v in defined}))
        raise frame.error(
            "ARCH212",
            f"candidates have different units: {what}",
            expr,
            help=f"give all candidates units of one kind: {UNITS_HELP}",
        )
    amounts = [(key, amount(value)) for key, value in cases]
    return with_dimension(cast(Value, _merge_scalars(ev, on, amounts, expr, frame)), common)


def _merge_scalars(
    ev: Evaluator, on: str | Expr, cases: Sequence[tuple[Scalar, SpecValue]], expr: Spanned, frame: Frame
) -> SpecValue:
    keyed: list[tuple[Scalar, Value]] = []
    for key, case in cases:
        if isinstance(case, Undefined):
            what, help = "this number is not defined in every network", f"{case.why}; define it there"
            elsewhere = apply("not", ev.builder.is_case(on, [key]))
            reaching.demand(ev, elsewhere, "ARCH228", what, expr, frame, help)
        else:
            keyed.append((key, cast(Value, case)))
    kinds = {kind(v) for _, v in keyed}
    if len(kinds) > 1 and kinds != {"int", "number"}:
        what = " and ".join(sorted({kind_of(v) for _, v in keyed}))
        raise frame.error("ARCH207", f"candidates have different types: {what}", expr)
    if isinstance(on, str):
        table: list[Value | None] = [None] * ev.builder.decisions[on].size
        for outcome, value in keyed:
            table[int(outcome)] = specialize(value, {on: (int(outcome),)})
        if not any(isinstance(v, Expr) for v in table):
            return pick(on, tuple(table))
    *others, (result, _) = grouped(keyed)
    for value, keys in reversed(others):
        result = apply("if", ev.builder.is_case(on, keys), value, result)
        ev.spend(1, expr, frame)
    return result
