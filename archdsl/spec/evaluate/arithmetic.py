"""Arithmetic, comparison and membership on numbers, values that depend on decisions, and quantities."""

from __future__ import annotations

from typing import cast

from archdsl.diagnostics import Diagnostic, Label
from archdsl.ir import Expr, Pick, Value
from archdsl.ir.expr import LARGEST, TooLargeError, apply, both, kind
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.spec.evaluate import reaching, sets, sized, tensors
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.kinds import number, truth
from archdsl.spec.evaluate.quantities import UNITS_HELP, amount, described, dimension, with_dimension
from archdsl.spec.evaluate.values import (
    Builtin,
    ListValue,
    SetValue,
    SpecValue,
    Tensor,
    Undefined,
    Varying,
    is_set,
    kind_of,
)
from archdsl.spec.units import Quantity

OPERATORS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "**": "pow",
    "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "lt", ">=": "le", "and": "and", "or": "or",
}  # fmt: skip
COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}


def unary(ev: Evaluator, expr: ast.Unary, frame: Frame) -> SpecValue:
    value = ev.evaluate(expr.operand, frame)
    if isinstance(value, Undefined):
        return value
    if expr.op == "not":
        return apply("not", truth(value, expr.operand, frame))
    if isinstance(value, Tensor):
        return tensors.negative(ev, expr, value, frame)
    if isinstance(value, Quantity):
        return Quantity(-value.amount, value.dimension, f"-{value.text}")
    return with_dimension(apply("sub", 0, number(amount(value), expr.operand, frame)), dimension(value))


def binary(ev: Evaluator, expr: ast.Binary, frame: Frame) -> SpecValue:
    if expr.op in COMPARISONS or expr.op == "in":
        return _compared(ev, expr, frame)
    read = 0 if ev.read is None else len(ev.read)
    left = ev.evaluate(expr.left, frame)
    if expr.op in ("and", "or"):
        return _connected(ev, expr, left, frame)
    right = ev.evaluate(expr.right, frame)
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        sizes = [] if ev.read is None else ev.read[read:]
        with sized.demanding(ev, sizes, expr, frame):
            return _undefined(left, right) or tensors.combine(ev, expr, left, right, frame)
    if expr.op == "-" and (is_set(left) or is_set(right)):
        return _undefined(left, right) or sets.difference(ev, expr, left, right, frame)
    return _combined(ev, expr.op, (expr.left, left), (expr.right, right), expr, frame)


def _compared(ev: Evaluator, expr: ast.Binary, frame: Frame) -> SpecValue:
    """Evaluates a comparison; false where it reads an undefined number, such as a size of an undefined
    tensor.
    """
    with ev.reading() as sizes:
        if expr.op == "in":
            found = member(ev, expr, frame)
        else:
            sides = [(side, ev.evaluate(side, frame)) for side in (expr.left, expr.right)]
            found = _combined(ev, expr.op, sides[0], sides[1], expr, frame)
    if isinstance(found, Undefined):
        return False
    for condition in reversed(list(dict.fromkeys(sizes))):
        found = both(condition, cast(Value, found))
    return found


def _connected(ev: Evaluator, expr: ast.Binary, left: SpecValue, frame: Frame) -> SpecValue:
    """Evaluates `and` or `or`, with short-circuit evaluation."""
    if isinstance(left, Undefined):
        return left
    left = truth(left, expr.left, frame)
    if isinstance(left, bool) and left is (expr.op == "or"):
        return left
    right = ev.evaluate(expr.right, frame)
    if isinstance(right, Undefined):
        return right
    return apply(expr.op, left, truth(right, expr.right, frame))


def _undefined(*values: SpecValue) -> Undefined | None:
    return next((v for v in values if isinstance(v, Undefined)), None)


Side = tuple[ast.Expr, SpecValue]
"""An operand of an operator: its AST node and its value."""


def _combined(ev: Evaluator, op: str, left: Side, right: Side, at: Spanned, frame: Frame) -> SpecValue:
    values = (left[1], right[1])
    undefined = _undefined(*values)
    if undefined is not None:
        return undefined
    for node, value in (left, right):
        if isinstance(value, (Builtin, Tensor)):
            number(value, node, frame)  # raises
    if any(isinstance(v, Quantity | Varying) for v in values):
        return _measured(ev, op, left, right, at, frame)
    if op in ("==", "!="):
        watch(ev, at, *values, frame)
    if op in ("==", "!=") and all(isinstance(v, (int, float, str, Expr)) for v in values):
        return apply(OPERATORS[op], *cast(tuple[Value, ...], values))
    return _calculated(ev, op, left, right, at, frame)


def _calculated(ev: Evaluator, op: str, left: Side, right: Side, at: Spanned, frame: Frame) -> SpecValue:
    a, b = number(left[1], left[0], frame), number(right[1], right[0], frame)
    if op in (">", ">="):
        a, b = b, a
    try:
        if op == "**":
            return _power(ev, a, b, right[0], at, frame)
        if op in ("/", "//", "%"):
            help = "in a requirement, multiply: `a / b <= 2` is `a <= 2 * b`" if ev.measuring else None
            reaching.demand(ev, apply("ne", b, 0), "ARCH211", "division by zero", at, frame, help)
        if op == "//" and not kind(a) == kind(b) == "int":
            return apply("floor", apply("div", a, b))
        return apply(OPERATORS[op], a, b)
    except ZeroDivisionError:  # in dead code
        return Undefined("division by zero")
    except TooLargeError as error:
        raise frame.error("ARCH211", str(error), at) from None


def _power(ev: Evaluator, base: Value, exponent: Value, at: Spanned, whole: Spanned, frame: Frame) -> Value:
    """Evaluates `a ** n`: for a and n that depend on one decision by outcome, otherwise as products.

    The graph has no powers of values, only of picks.
    """
    if kind(exponent) != "int":
        raise frame.error("ARCH207", "the exponent of `**` must be an integer", at)
    if isinstance(base, Expr) and not isinstance(base, Pick) and isinstance(exponent, int):
        return _product(ev, base, exponent, whole, frame)
    varying = [a for a in (base, exponent) if isinstance(a, Expr)]
    if any(not isinstance(a, Pick) or a.decision != getattr(varying[0], "decision", "") for a in varying):
        help = "multiply instead: a * a; or assign the choice of the result to a name"
        raise frame.error("ARCH207", "an exponent may depend on one decision only", at, help=help)
    least = apply("if", apply("lt", exponent, 0), base, 1)  # 0 ** -1 divides
    reaching.demand(ev, apply("ne", least, 0), "ARCH211", "division by zero", whole, frame)
    return apply("pow", base, exponent)


def _product(ev: Evaluator, base: Value, exponent: int, at: Spanned, frame: Frame) -> Value:
    if abs(exponent) > LARGEST.bit_length():
        raise TooLargeError("number too large")
    total: Value = base if exponent else 1
    for _ in range(abs(exponent) - 1):
        total = apply("mul", total, base)
    if exponent >= 0:
        return total
    reaching.demand(ev, apply("ne", base, 0), "ARCH211", "division by zero", at, frame)
    return apply("div", 1, total)


def _measured(ev: Evaluator, op: str, left: Side, right: Side, at: Spanned, frame: Frame) -> SpecValue:
    """Evaluates an operator on quantities of one dimension, or on counts and numbers."""
    values = (left[1], right[1])
    dims = [dimension(v) for v in values]
    countable = all(d in ("count", "number") for d in dims)
    scaled = (op == "*" and "number" in dims) or (op == "/" and dims[1] == "number")
    if not countable and not scaled and (dims[0] != dims[1] or op in ("*", "**")):
        raise frame.error("ARCH212", f"incompatible units in `{op}`", at, described(values), help=UNITS_HELP)
    a, b = (amount(v) for v in values)
    is_ratio = op in ("/", "//") and dims[0] == dims[1]
    if is_ratio and op == "/" and b == 1:  # of `latency() / 1 ms`
        return a
    value = _calculated(ev, op, (left[0], a), (right[0], b), at, frame)
    if op in COMPARISONS or isinstance(value, Undefined) or countable or is_ratio:
        return value
    return with_dimension(cast(Value, value), dims[1] if dims[0] in ("number", "count") else dims[0])


def member(ev: Evaluator, expr: ast.Binary, frame: Frame) -> SpecValue:
    """Evaluates `a in {…}` or `a in low..high`."""
    left = ev.evaluate(expr.left, frame)
    if isinstance(left, Undefined):
        return left
    if isinstance(expr.right, ast.Range) and expr.right.step is None:
        return _between(ev, (expr.left, left), expr.right, expr, frame)
    if not isinstance(left, (int, float, str, Expr)):
        what = f"expected a number or string before `in`, got {kind_of(left)}"
        raise frame.error("ARCH207", what, expr.left)
    right = ev.evaluate(expr.right, frame)
    if isinstance(right, SetValue):
        choices = [m.value for m in right.members]
    elif isinstance(right, ListValue):
        choices = list(right.items)
    else:
        raise frame.error("ARCH207", f"expected a set after `in`, got {kind_of(right)}", expr.right)
    undefined = _undefined(*choices)
    if undefined is not None:
        return undefined
    result: Value = False
    places = [m.value for m in expr.right.members] if isinstance(expr.right, ast.Set) else []
    for n, value in enumerate(choices):
        watch(ev, places[n] if len(places) == len(choices) else expr.right, left, value, frame)
        if not isinstance(value, (int, float, str, Expr)):
            raise frame.error("ARCH207", "`in` tests numbers and strings only", expr)
        result = apply("or", result, apply("eq", left, value))
    return result


def watch(ev: Evaluator, at: Spanned, a: SpecValue, b: SpecValue, frame: Frame) -> None:
    """Records whether an equality compares an integer with a fraction, which is never true, for
    `fractional_warnings`.
    """
    never = any(isinstance(x, float) and not x.is_integer() and kind(y) == "int" for x, y in ((a, b), (b, a)))
    before = ev.fractional.get(id(at))
    if before is None:
        ev.fractional[id(at)] = (never, a if isinstance(a, float) else b, at, frame)
    elif before[0] and not never:
        ev.fractional[id(at)] = (False, *before[1:])


def fractional_warnings(ev: Evaluator) -> list[Diagnostic]:
    """A warning for each equality that compares an integer with a fraction in every evaluation."""
    return [
        Diagnostic(
            "ARCH229",
            f"an integer is never equal to {value:.6g}",
            Label(frame.location(at), "this comparison is always false"),
            severity="warning",
            help="round it: floor(a / b) or round(a / b)",
        )
        for never, value, at, frame in ev.fractional.values()
        if never
    ]


def _between(ev: Evaluator, side: Side, limits: ast.Range, at: Spanned, frame: Frame) -> SpecValue:
    low = _combined(ev, "<=", (limits.low, ev.evaluate(limits.low, frame)), side, at, frame)
    high = _combined(ev, "<=", side, (limits.high, ev.evaluate(limits.high, frame)), at, frame)
    return _undefined(low, high) or apply("and", cast(Value, low), cast(Value, high))
