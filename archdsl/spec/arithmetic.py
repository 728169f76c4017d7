"""Arithmetic, comparison and membership, on numbers, on values that depend on decisions, on quantities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archdsl.ir import Apply, Expr, Measure
from archdsl.ir.expr import apply
from archdsl.lang import ast
from archdsl.spec import applying
from archdsl.spec.frame import Frame
from archdsl.spec.kinds import number, truth
from archdsl.spec.units import MEASURES, Quantity
from archdsl.spec.values import ListValue, SetValue, Tensor, Undefined, kind_of

if TYPE_CHECKING:
    from archdsl.spec.evaluate import Evaluator

OPERATORS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "==": "eq", "!=": "ne",
    "<": "lt", "<=": "le", ">": "lt", ">=": "le", "and": "and", "or": "or",
}  # fmt: skip
COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}


def unary(ev: Evaluator, expr: ast.Unary, frame: Frame) -> Any:
    value = ev.evaluate(expr.operand, frame)
    if isinstance(value, Undefined):
        return value
    if expr.op == "not":
        return apply("not", truth(value, expr.operand, frame))
    if isinstance(value, Quantity):
        return Quantity(-value.amount, value.dimension, f"-{value.text}")
    return apply("sub", 0, number(value, expr.operand, frame))


def binary(ev: Evaluator, expr: ast.Binary, frame: Frame) -> Any:
    op = expr.op
    if op == "in":
        return member(ev, expr, frame)
    left = ev.evaluate(expr.left, frame)
    if op in ("and", "or"):
        left = truth(left, expr.left, frame)
        if isinstance(left, bool) and left is (op == "or"):
            return left
        return apply(op, left, truth(ev.evaluate(expr.right, frame), expr.right, frame))
    right = ev.evaluate(expr.right, frame)
    for value in (left, right):
        if isinstance(value, Undefined):
            return value
    if op == "+" and (isinstance(left, Tensor) or isinstance(right, Tensor)):
        return applying.add(ev, expr, left, right, frame)
    if isinstance(left, Quantity) or isinstance(right, Quantity):
        return measured(expr, left, right, frame)
    if op in ("==", "!=") and all(isinstance(v, int | float | str | Expr) for v in (left, right)):
        return apply(OPERATORS[op], left, right)
    return arithmetic(expr, left, right, frame)


def arithmetic(expr: ast.Binary, left: Any, right: Any, frame: Frame) -> Any:
    left, right = number(left, expr.left, frame), number(right, expr.right, frame)
    if expr.op in (">", ">="):
        left, right = right, left
    try:
        value = apply(OPERATORS[expr.op], left, right)
    except ZeroDivisionError:
        raise frame.error("ARCH211", "division by zero", expr) from None
    except TypeError:
        raise frame.error("ARCH207", f"`{expr.op}` between values of different kinds", expr) from None
    except OverflowError:
        raise frame.error("ARCH211", "this number is too large", expr) from None
    if isinstance(value, int | float) and abs(value) > 1e18:
        raise frame.error("ARCH211", "this number is too large", expr)
    return value


def measured(expr: ast.Binary, left: Any, right: Any, frame: Frame) -> Any:
    """A quantity with its own kind, or with a number where it counts."""
    dims = [dimension(v) for v in (left, right)]
    countable = all(d in ("count", "number") for d in dims)
    if dims[0] != dims[1] and not countable and not (expr.op in "*/" and "number" in dims):
        what = [
            f"{v} measures {d}" if isinstance(v, Quantity) else f"a {d}"
            for v, d in zip((left, right), dims, strict=True)
        ]
        raise frame.error(
            "ARCH212",
            f"`{expr.op}` between different units",
            expr,
            f"{what[0]}, {what[1]}",
            help="times in ns us ms s min h, rates in fps, counts in K M G T, sizes in B … TiB",
        )
    amounts = [v.amount if isinstance(v, Quantity) else v for v in (left, right)]
    value = arithmetic(expr, amounts[0], amounts[1], frame)
    if expr.op in COMPARISONS or isinstance(value, Expr) or countable:
        return value
    measures = dims[1] if dims[0] == "number" else dims[0]
    return Quantity(value, measures, f"{value} {measures}")


def dimension(value: Any) -> str:
    """What a value measures: count, time, rate, size, or a plain number."""
    if isinstance(value, Quantity):
        return value.dimension
    if isinstance(value, Measure):
        return MEASURES.get(value.name, "number")
    if isinstance(value, Apply):
        inner = {dimension(a) for a in value.args} - {"number"}
        return inner.pop() if len(inner) == 1 else "number"
    return "number"


def member(ev: Evaluator, expr: ast.Binary, frame: Frame) -> Any:
    left = ev.evaluate(expr.left, frame)
    if isinstance(left, Undefined):
        return left
    if isinstance(expr.right, ast.Range) and expr.right.step is None:
        low = ast.Binary("<=", expr.right.low, expr.left, span=expr.span)
        high = ast.Binary("<=", expr.left, expr.right.high, span=expr.span)
        return apply("and", binary(ev, low, frame), binary(ev, high, frame))
    right = ev.evaluate(expr.right, frame)
    if isinstance(right, SetValue):
        choices = [m.value for m in right.members]
    elif isinstance(right, ListValue):
        choices = list(right.items)
    else:
        raise frame.error("ARCH207", f"a set is needed after `in`, this is {kind_of(right)}", expr.right)
    result: Any = False
    for value in choices:
        if not isinstance(value, int | float | str | Expr):
            raise frame.error("ARCH207", "only numbers and strings can be looked for with `in`", expr)
        result = apply("or", result, apply("eq", left, value))
    return result
