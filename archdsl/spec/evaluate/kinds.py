"""Checks the types of values: numbers and conditions."""

from __future__ import annotations

from typing import cast

from archdsl.ir import Value
from archdsl.ir.expr import kind
from archdsl.lang.ast import Spanned
from archdsl.lang.habits import string_form
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.values import (
    Builtin,
    Composition,
    Function,
    ListValue,
    PrimitiveOp,
    SetValue,
    SpecValue,
    Tensor,
    kind_of,
)  # fmt: skip


def number(value: SpecValue, node: Spanned, frame: Frame) -> Value:
    if kind(value) in ("int", "number"):
        return cast(Value, value)
    help = None
    if isinstance(value, Tensor):
        help = "the sizes of a tensor are x.c, x.h and x.w"
    elif isinstance(value, Builtin):
        help = f"write its settings in parentheses: {value.name}(…)"
    elif isinstance(value, (PrimitiveOp, Function, Composition)):
        help = "ops are applied to tensors, x -> f; a repetition is a stage: stage NAME repeat 3 {x = x -> f}"
    elif isinstance(value, (SetValue, ListValue)):
        help = "choose a member, one of SET, or read an item, LIST[1]; min and max take numbers or a set"
    elif isinstance(value, str):
        help = string_form(value, "int") or "strings are compared by == and !=, and have no arithmetic"
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
