"""Evaluates expressions to values (`archdsl.spec.evaluate.values`), which adds nodes to the graph.

This module assembles the evaluation functions of all kinds of expressions, and contains the short ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from archdsl import ops
from archdsl.ir import Expr
from archdsl.ir.expr import AXES
from archdsl.lang import ast
from archdsl.lang.habits import attribute_form, name_form
from archdsl.spec.evaluate import applying, arithmetic, chaining, choosing, indexing, sets, switching
from archdsl.spec.evaluate.builder import Builder
from archdsl.spec.evaluate.constants import Constants
from archdsl.spec.evaluate.evaluator import Evaluator, Language
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.kinds import truth
from archdsl.spec.evaluate.names import knows, lookup
from archdsl.spec.evaluate.values import (
    Choice,
    Either,
    ListValue,
    RecordValue,
    SetValue,
    SpecValue,
    Tensor,
    Undefined,
    kind_of,
)
from archdsl.spec.units import UNITS, quantity


def evaluator(
    builder: Builder,
    *,
    given: Mapping[str, str] | None = None,
    inputs: Mapping[str, tuple[int, int, int]] | None = None,
    constants: Constants | None = None,
) -> Evaluator:
    """An evaluator that adds nodes to the graph of `builder`.

    `given` are the outcomes of fixed decisions by path, `inputs` the overridden shapes of inputs.
    """
    return Evaluator(LANGUAGE, builder, given or {}, inputs or {}, constants=constants or Constants())


def _name(ev: Evaluator, expr: ast.Name, frame: Frame) -> SpecValue:
    if ev.read is not None:
        ev.read += frame.sized.get(expr.id, ())
    return lookup(ev, expr.id, frame, expr)


def _literal(ev: Evaluator, expr: ast.Number | ast.String | ast.Bool, frame: Frame) -> SpecValue:
    return expr.value


def _quantity(ev: Evaluator, expr: ast.Quantity, frame: Frame) -> SpecValue:
    if expr.unit not in UNITS:
        raise frame.error(
            "ARCH212", f"unknown unit `{expr.unit}`", expr, help=f"available: {', '.join(UNITS)}"
        )
    return quantity(expr.value, expr.unit)


def _list(ev: Evaluator, expr: ast.List, frame: Frame) -> SpecValue:
    return ListValue(tuple(ev.evaluate(item, frame) for item in expr.items))


def _record(ev: Evaluator, expr: ast.Record, frame: Frame) -> SpecValue:
    entries: dict[str, SpecValue] = {}
    for entry in expr.entries:
        if not isinstance(entry.path, ast.Name):
            raise frame.error("ARCH207", "fields of a record must be plain names", entry.path)
        entries[entry.path.id] = ev.evaluate(entry.value, frame)
    return RecordValue(entries)


def _every(ev: Evaluator, expr: ast.Every, frame: Frame) -> SpecValue:
    raise frame.error("ARCH207", "`*` is allowed only in brackets: x[*]", expr)


def _optional(ev: Evaluator, expr: ast.Optional, frame: Frame) -> SpecValue:
    if isinstance(expr.base, ast.Index):
        return indexing.index(ev, expr.base, frame, marked=True)
    if isinstance(expr.base, ast.Name) and not knows(expr.base.id, frame):
        return Undefined(f"`{expr.base.id}` is not defined")
    return ev.evaluate(expr.base, frame)


def _conditional(ev: Evaluator, expr: ast.Conditional, frame: Frame) -> SpecValue:
    condition = ev.evaluate(expr.condition, frame)
    if isinstance(condition, Undefined):
        return condition
    condition = truth(condition, expr.condition, frame)
    if not isinstance(condition, Expr):
        return ev.note_selected(ev.evaluate(expr.then if condition else expr.otherwise, frame))
    return choosing.conditional(ev, expr, condition, frame)


def _attribute(ev: Evaluator, expr: ast.Attribute, frame: Frame) -> SpecValue:
    base = ev.evaluate(expr.base, frame)
    if isinstance(base, Undefined):
        if ev.read is not None and expr.name in AXES:
            ev.read.append(False)
        return base
    if isinstance(base, Tensor) and expr.name in AXES:
        ev.note_size(base.node)
        return ev.refine(ev.builder.shapes[base.node][AXES.index(expr.name)])
    if isinstance(base, RecordValue) and expr.name in base.entries:
        return base.entries[expr.name]
    if isinstance(base, (Choice, Either)):
        return choosing.each(ev, base, lambda value: _attribute_of(ev, value, expr, frame), expr, frame)
    return _attribute_of(ev, base, expr, frame)


def _attribute_of(ev: Evaluator, base: SpecValue, expr: ast.Attribute, frame: Frame) -> SpecValue:
    if isinstance(base, RecordValue) and expr.name in base.entries:
        return base.entries[expr.name]
    known = (
        list(base.entries)
        if isinstance(base, RecordValue)
        else list(AXES)
        if isinstance(base, Tensor)
        else []
    )
    raise frame.error(
        "ARCH221",
        f"{kind_of(base)} has no attribute `{expr.name}`",
        expr,
        help=_attribute_help(base, expr.name, known),
    )


def _one_of(ev: Evaluator, expr: ast.OneOf, frame: Frame) -> SpecValue:
    return choosing.decide(ev, expr, 1, frame)


def _any_of(ev: Evaluator, expr: ast.AnyOf, frame: Frame) -> SpecValue:
    return choosing.decide(ev, expr, sets.whole(ev, expr.count, frame), frame)


def _attribute_help(base: SpecValue, name: str, known: list[str]) -> str | None:
    there = f"available: {', '.join(known)}" if known else None
    if isinstance(base, (SetValue, ListValue)):
        return "choose a member, one of SET, or read an item, LIST[1]"
    if not isinstance(base, Tensor):
        return there or "only tensors (.c, .h, .w) and records have attributes"
    if name in ops.primitives():
        return f"apply an op by `->`: x -> {name}"
    form = attribute_form(name) or name_form(name, list(ops.primitives()))
    return f"{form}; {there}" if form else there


LANGUAGE = Language(
    expressions={
        ast.Name: _name,
        ast.Number: _literal,
        ast.String: _literal,
        ast.Bool: _literal,
        ast.Quantity: _quantity,
        ast.List: _list,
        ast.Set: sets.set_,
        ast.Record: _record,
        ast.Every: _every,
        ast.Optional: _optional,
        ast.Range: sets.range_,
        ast.Unary: arithmetic.unary,
        ast.Binary: arithmetic.binary,
        ast.Conditional: _conditional,
        ast.Attribute: _attribute,
        ast.Index: indexing.index,
        ast.Call: applying.call_expression,
        ast.Chain: chaining.chain_expression,
        ast.OneOf: _one_of,
        ast.AnyOf: _any_of,
        ast.SomeOf: switching.some_of,
        ast.Once: choosing.once,
    },
    apply=applying.call,
)
