"""Evaluates chains: `x -> f` and `x -> f(y)` apply an op to tensors, `f -> g` is an anonymous op."""

from __future__ import annotations

from archdsl.lang import ast
from archdsl.spec.evaluate import applying, sized
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.values import (
    Builtin,
    Choice,
    Composition,
    Either,
    Function,
    PrimitiveOp,
    RecordValue,
    SpecValue,
    Tensor,
    Undefined,
    is_op,
    kind_of,
)


def chain_expression(ev: Evaluator, expr: ast.Chain, frame: Frame) -> SpecValue:
    """Evaluates `x -> f` or `x -> f(y)` for a tensor x, or `f -> g` for two ops."""
    source, step = ev.evaluate(expr.source, frame), expr.op
    site, whole = frame.sites.nodes.get(id(expr), ""), id(expr) in frame.sites.whole
    if type(step) is ast.Call and step.args:
        fn = ev.evaluate(step.fn, frame)
        if takes(fn, 1 + len(step.args)):
            return _filled(ev, expr, source, fn, step, frame)
        _demand_named(ev, fn, step, frame)
        op, sizes = applying.call_of(ev, fn, step, frame), []
    else:
        with ev.reading() as sizes:
            op = ev.evaluate(step, frame)
    if not isinstance(op, (PrimitiveOp, Function, Composition, Choice, Either, Builtin, Undefined)):
        raise frame.error(
            "ARCH209",
            f"expected an op after `->`, got {kind_of(op)}",
            step,
            help=(
                "write an op with its settings but without its first input: x -> conv(c = 8), "
                "x -> concat(y); chain ops as x -> conv -> bn"
            ),
        )
    if type(source) is not Tensor and is_op(source) and is_op(op):
        first, then = _steps(source), _steps(op)
        ev.spend(len(first) + len(then), expr, frame)
        return Composition((*first, *then))
    with sized.demanding(ev, sizes, step, frame):
        return applying.call(ev, op, [source], {}, step, frame, site, whole)


def takes(fn: SpecValue, inputs: int) -> bool:
    """Whether an op or cell accepts this number of tensors; if it depends on decisions, in every case."""
    match fn:
        case PrimitiveOp():
            most = fn.primitive.arity[1]
            return most is None or most >= inputs
        case Function():
            return len(fn.declared.signature.inputs) >= inputs
        case Composition():
            return takes(fn.steps[0], inputs)
        case Choice():
            return all(takes(case, inputs) for case in fn.values if case is not None)
        case Either():
            return takes(fn.then, inputs) and takes(fn.otherwise, inputs)
    return False


def _demand_named(ev: Evaluator, fn: SpecValue, step: ast.Call, frame: Frame) -> None:
    """Raises SpecError (ARCH207) if a record is passed to a declared op as an input."""
    if not isinstance(fn, Function) or not isinstance(step.args[0], ast.Name | ast.Index | ast.Record):
        return
    record = ev.evaluate(step.args[0], frame)
    if isinstance(record, RecordValue):
        shown = frame.unit.source.text[slice(*step.args[0].span)] if type(step.args[0]) is ast.Name else "r"
        named = ", ".join(f"{name} = {shown}.{name}" for name in record.entries)
        help = f"settings are passed by name: {fn.name}({named})"
        raise frame.error("ARCH207", f"`{fn.name}` has no input for a record", step.args[0], help=help)


def _filled(
    ev: Evaluator, expr: ast.Chain, source: SpecValue, fn: SpecValue, step: ast.Call, frame: Frame
) -> SpecValue:
    """Evaluates `x -> f(y)` as `f(x, y)`."""
    if is_op(source):
        raise frame.error(
            "ARCH209",
            "an anonymous op consists of ops without inputs",
            step,
            help="declare an op: op NAME(x, y) = x -> f -> g(y)",
        )
    args = [ev.evaluate(arg, frame) for arg in step.args]
    with ev.reading() as sizes:
        settings = applying.settings_of(ev, step, frame)
    call = ast.Call(step.fn, (expr.source, *step.args), step.settings, span=step.span)
    site, whole = frame.sites.nodes.get(id(expr), ""), id(expr) in frame.sites.whole
    with sized.demanding(ev, sizes, step, frame):
        return applying.call(ev, fn, [source, *args], settings, call, frame, site, whole)


def _steps(op: SpecValue) -> tuple[SpecValue, ...]:
    return op.steps if isinstance(op, Composition) else (op,)
