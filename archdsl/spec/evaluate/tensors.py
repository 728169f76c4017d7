"""Arithmetic on two tensors, or a tensor and a number: adds nodes of `add`, `sub`, `mul` and `affine`."""

from __future__ import annotations

from archdsl import ops
from archdsl.ir import Expr, Value
from archdsl.ir.expr import TooLargeError, apply, kind
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.spec.evaluate import applying, reaching
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.quantities import amount, dimension
from archdsl.spec.evaluate.values import PrimitiveOp, SpecValue, Tensor, Undefined, kind_of

NAMES = {"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "div", "%": "mod", "**": "pow"}
"""The names of the nodes that operators add."""
JOINING = {"+": "add", "-": "sub", "*": "mul"}
"""The primitives that operators on two tensors apply."""


def combine(ev: Evaluator, expr: ast.Binary, left: SpecValue, right: SpecValue, frame: Frame) -> SpecValue:
    """Evaluates `a + b`, `a - b`, `a * b` or `a / b`, where at least one operand is a tensor."""
    site = frame.sites.nodes.get(id(expr), NAMES[expr.op])
    if isinstance(left, Tensor) and isinstance(right, Tensor) and expr.op in JOINING:
        op = PrimitiveOp(ops.get(JOINING[expr.op]))
        return applying.call(ev, op, [left, right], {}, expr, frame, site, False)
    if expr.op in ("//", "%", "**"):
        can = "multiply it: x * x" if expr.op == "**" else "a tensor can be divided by a number: x / 2"
        help = f"{can}; sizes are x.c, x.h and x.w"
        raise frame.error("ARCH207", f"`{expr.op}` expects numbers, got a tensor", expr, help=help)
    if isinstance(right, Tensor) and expr.op == "/":
        help = "a tensor can be divided by a number: x / 2"
        raise frame.error("ARCH207", "cannot divide by a tensor", expr.right, help=help)
    if isinstance(left, Tensor):
        tensor, number = left, _scalar(expr.op, right, expr.right, frame)
    else:
        assert isinstance(right, Tensor)
        tensor, number = right, _scalar(expr.op, left, expr.left, frame)
    try:
        if expr.op == "/":
            reaching.demand(ev, apply("ne", number, 0), "ARCH211", "division by zero", expr, frame)
        settings = _settings(expr.op, number, tensor is left)
    except ZeroDivisionError:  # in dead code
        return Undefined("division by zero")
    except TooLargeError as error:
        raise frame.error("ARCH211", str(error), expr) from None
    return _affine(ev, tensor, settings, expr, frame, site)


def negative(ev: Evaluator, expr: ast.Unary, tensor: Tensor, frame: Frame) -> SpecValue:
    """Evaluates `-x` for a tensor x."""
    return _affine(ev, tensor, {"factor": -1}, expr, frame, "neg")


def _settings(op: str, number: Value, is_left: bool) -> dict[str, SpecValue]:
    """The settings of `affine` for an operator on a tensor and a number; `is_left` means that the tensor is
    on the left.
    """
    if op == "*":
        return {"factor": number}
    if op == "/":
        return {"factor": apply("div", 1, number)}
    if op == "+":
        return {"offset": number}
    return {"offset": apply("sub", 0, number)} if is_left else {"factor": -1, "offset": number}


def _affine(
    ev: Evaluator, tensor: SpecValue, settings: dict[str, SpecValue], at: Spanned, frame: Frame, site: str
) -> SpecValue:
    return applying.call(ev, PrimitiveOp(ops.get("affine")), [tensor], settings, at, frame, site, False)


def _scalar(op: str, value: SpecValue, at: Spanned, frame: Frame) -> Value:
    found = amount(value) if dimension(value) == "count" else value
    if isinstance(found, int | float | Expr) and kind(found) in ("int", "number"):
        return found
    what = f"`{op}` expects tensors or numbers, got {kind_of(value)}"
    raise frame.error("ARCH207", what, at, help="tensors are joined by a + b, a - b, a * b and concat(a, b)")
