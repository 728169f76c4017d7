"""Evaluates subscripts of indexed names and lists, including slices and those that depend on decisions."""

from __future__ import annotations

from itertools import product

from archdsl.ir import Expr, Pick
from archdsl.ir.expr import kind
from archdsl.ir.resolve import specialize
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.spec.evaluate import choosing, reaching, sets
from archdsl.spec.evaluate.control import Poisoned
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.names import knows
from archdsl.spec.evaluate.values import (
    Choice,
    Either,
    Family,
    Key,
    ListValue,
    Poison,
    SetMember,
    SetValue,
    SpecValue,
    Tensor,
    Undefined,
    kind_of,
)


def index(ev: Evaluator, expr: ast.Index, frame: Frame, marked: bool = False) -> SpecValue:
    if isinstance(expr.base, ast.Name) and marked and not knows(expr.base.id, frame):
        return Undefined(f"`{expr.base.id}` has no defined entries")
    base = ev.evaluate(expr.base, frame)
    if isinstance(base, (Choice, Either)):
        return choosing.each(ev, base, lambda b: _index(ev, b, expr, frame, marked), expr, frame)
    return _index(ev, base, expr, frame, marked)


def _index(ev: Evaluator, base: SpecValue, expr: ast.Index, frame: Frame, marked: bool) -> SpecValue:
    if isinstance(base, Undefined):
        return base
    if not isinstance(base, (Family, ListValue)):
        help = None
        if isinstance(base, SetValue):
            help = (
                "use a set as a whole: concat(SET), one of SET; only indexed names, x[1] = …, "
                "x[2] = …, have entries"
            )
        elif isinstance(base, Tensor):
            help = "tensors cannot be sliced; their sizes are x.c, x.h and x.w"
        raise frame.error("ARCH207", f"{kind_of(base)} cannot be subscripted", expr, help=help)
    written = expr.subscripts
    if len(written) == 1 and type(written[0]) is ast.Number:  # the common case
        return entry(ev, base, (written[0].value,), expr, frame, marked)
    subscripts: list[list[SpecValue]] = []
    several = False
    for position, subscript in enumerate(expr.subscripts):
        if isinstance(subscript, ast.Every):
            several = True
            subscripts.append(_every(base, position))
            continue
        value = ev.evaluate(subscript, frame)
        if isinstance(value, Undefined):
            return value
        if isinstance(value, SetValue):
            several = True
            subscripts.append([m.value for m in value.members])
        elif isinstance(value, (int, float, str, Expr)) and kind(value) != "bool":
            subscripts.append([value])
        else:
            raise frame.error("ARCH207", f"expected a number as subscript, got {kind_of(value)}", subscript)
    if not several:
        return ev.note_selected(entry(ev, base, tuple(s[0] for s in subscripts), expr, frame, marked))
    return _entries(ev, base, subscripts, expr, frame, marked)


def _every(base: Family | ListValue, position: int) -> list[SpecValue]:
    if isinstance(base, ListValue):
        return list(range(1, len(base.items) + 1))
    return list(dict.fromkeys(key[position] for key in base.entries if position < len(key)))


def _entries(
    ev: Evaluator,
    base: Family | ListValue,
    subscripts: list[list[SpecValue]],
    expr: ast.Index,
    frame: Frame,
    marked: bool,
) -> SetValue:
    name = base.name if isinstance(base, Family) else "item"
    members: list[SetMember] = []
    labels: list[str] = []
    for key in product(*subscripts):
        if any(isinstance(part, Expr) for part in key):
            raise frame.error("ARCH217", "a range of subscripts cannot depend on decisions", expr)
        sets.bounded(ev, len(members), expr, frame)
        ev.spend(1, expr, frame)
        value = entry(ev, base, key, expr, frame, marked)
        labels.append(f"{name}[{', '.join(map(str, key))}]")
        if not isinstance(value, Undefined):
            members.append(SetMember(labels[-1], value))
    return SetValue(tuple(members), tuple(labels) if len(labels) > len(members) else ())


def entry(
    ev: Evaluator, base: Family | ListValue, key: Key, expr: ast.Index, frame: Frame, marked: bool
) -> SpecValue:
    for position, subscript in enumerate(key):
        if isinstance(subscript, Expr):
            return _picked_entry(ev, base, key, position, expr, frame, marked)
    if isinstance(base, ListValue):
        return _item(ev, base, key, expr, frame, marked)
    value = base.entries.get(key)
    if isinstance(value, Poison):
        raise Poisoned
    if isinstance(value, Undefined):
        return value
    if value is None:
        text = f"{base.name}[{', '.join(map(str, key))}]"
        if marked:
            return Undefined(f"`{text}` is not defined")
        return _missing(ev, base, text, expr, frame)
    if ev.read is not None:
        ev.read += frame.sized.get((base.name, key), ())
    return ev.refine(value)


def _missing(ev: Evaluator, base: Family, text: str, expr: ast.Index, frame: Frame) -> Undefined:
    """Handles a missing entry: Undefined if no network reads it. Raises SpecError otherwise."""
    known = [f"{base.name}[{', '.join(map(str, k))}]" for k in list(base.entries)[:6]]
    more = ", …" if len(base.entries) > 6 else ""
    help = f"defined: {', '.join(known)}{more}; " if known else ""
    help += "append `?` if it may be undefined"
    reaching.demand(ev, False, "ARCH202", f"`{text}` is not defined", expr, frame, help)
    return Undefined(f"no network reads `{text}`")


def _item(ev: Evaluator, base: ListValue, key: Key, expr: ast.Index, frame: Frame, marked: bool) -> SpecValue:
    (position,) = key if len(key) == 1 else (None,)
    if isinstance(position, int) and 1 <= position <= len(base.items):
        return ev.refine(base.items[position - 1])
    if marked:
        return Undefined("no such item")
    text = f"list index {', '.join(map(str, key))} out of range: the list has {len(base.items)} items"
    reaching.demand(ev, False, "ARCH222", text, expr, frame, "list indices start at 1")
    return Undefined("no network reads it")


def _picked_entry(
    ev: Evaluator,
    base: Family | ListValue,
    key: Key,
    position: int,
    expr: ast.Index,
    frame: Frame,
    marked: bool,
) -> SpecValue:
    """Evaluates an index of which the subscript at `position` depends on decisions, such as `x[depth]`: a
    choice among the entries.
    """
    subscript = key[position]
    assert isinstance(subscript, Expr)

    def at(value: SpecValue) -> SpecValue:
        return entry(ev, base, (*key[:position], value, *key[position + 1 :]), expr, frame, marked)

    if isinstance(subscript, Pick):
        return choosing.by_pick(ev, subscript, at, expr, frame)
    return choosing.by_value(ev, subscript, at, expr, frame)


# ---------------------------------------------------------------- defined


def is_defined(ev: Evaluator, call: ast.Call, frame: Frame) -> SpecValue:
    """Evaluates `defined(x[i])`: whether an entry or name is defined; the argument needs no `?`."""
    if len(call.args) != 1 or call.settings:
        raise frame.error("ARCH206", "`defined` expects one value", call, help="write defined(x[i])")
    expr = call.args[0]
    if isinstance(expr, ast.Optional):
        expr = expr.base
    if isinstance(expr, ast.Index):
        return _is_entry_defined(ev, expr, frame)
    if isinstance(expr, ast.Name) and not knows(expr.id, frame):
        return False
    return presence(ev, ev.evaluate(expr, frame), expr, frame)


def _is_entry_defined(ev: Evaluator, expr: ast.Index, frame: Frame) -> SpecValue:
    if isinstance(expr.base, ast.Name) and not knows(expr.base.id, frame):
        return False
    base = ev.evaluate(expr.base, frame)
    key = tuple(ev.evaluate(subscript, frame) for subscript in expr.subscripts)
    if any(isinstance(part, Undefined) for part in (base, *key)):
        return False
    if not isinstance(base, (Family, ListValue)):
        return presence(ev, _index(ev, base, expr, frame, marked=True), expr, frame)
    for part, subscript in zip(key, expr.subscripts, strict=True):
        if not isinstance(part, (int, float, str, Expr)) or kind(part) == "bool":
            what = f"expected a number as subscript, got {kind_of(part)}"
            raise frame.error("ARCH207", what, subscript, help="`defined` tests one entry: defined(x[i])")
    return _at(ev, base, key, expr, frame)


def _at(ev: Evaluator, base: Family | ListValue, key: Key, expr: ast.Index, frame: Frame) -> SpecValue:
    """The condition that an entry is defined; the subscripts may depend on decisions."""
    for position, subscript in enumerate(key):
        if isinstance(subscript, Expr):

            def at(value: SpecValue, position: int = position) -> SpecValue:
                return _at(ev, base, (*key[:position], value, *key[position + 1 :]), expr, frame)

            if isinstance(subscript, Pick):
                return choosing.by_pick(ev, subscript, at, expr, frame)
            return choosing.by_value(ev, subscript, at, expr, frame)
    return presence(ev, entry(ev, base, key, expr, frame, marked=True), expr, frame)


def presence(ev: Evaluator, value: SpecValue, at: Spanned, frame: Frame) -> SpecValue:
    """The condition that a value is defined."""
    if isinstance(value, Undefined):
        return False
    if isinstance(value, Tensor):
        return specialize(ev.builder.present.get(value.node, True), ev.allowed)
    if isinstance(value, Choice):
        cases = []
        for outcome in ev.outcomes(value.decision):
            inner = value.values[outcome]
            if inner is not None:
                with ev.assuming(value.decision, (outcome,)):
                    cases.append((outcome, presence(ev, inner, at, frame)))
        return choosing.merge(ev, value.decision, cases, at, frame)
    if isinstance(value, Either):
        sides = [(True, value.then), (False, value.otherwise)]
        parts = [(key, presence(ev, side, at, frame)) for key, side in sides]
        return choosing.merge(ev, value.condition, parts, at, frame)
    return True
