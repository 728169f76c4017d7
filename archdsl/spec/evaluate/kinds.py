"""Type checks of values: numbers, conditions."""

from __future__ import annotations

from typing import cast

from archdsl.ir import Value
from archdsl.ir.expr import kind
from archdsl.lang.ast import Spanned
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.values import Builtin, SpecValue, Tensor, kind_of


def number(value: SpecValue, node: Spanned, frame: Frame) -> Value:
    if kind(value) in ("int", "number"):
        return cast(Value, value)
    help = None
    if isinstance(value, Tensor):
        help = "the sizes of a tensor are x.c, x.h and x.w"
    elif isinstance(value, Builtin):
        help = f"write its settings in parentheses: {value.name}(…)"
    raise frame.error("ARCH207", f"expected a number, got {kind_of(value)}", node, help=help)


def truth(value: SpecValue, node: Spanned, frame: Frame) -> Value:
    if kind(value) == "bool":
        return cast(Value, value)
    raise frame.error(
        "ARCH207",
        f"expected a condition, got {kind_of(value)}",
        node,
        help="compare it: a == b",
    )
