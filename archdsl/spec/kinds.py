"""Values that must be of one kind: numbers, conditions."""

from __future__ import annotations

from typing import Any

from archdsl.ir import Expr
from archdsl.spec.frame import Frame
from archdsl.spec.values import kind_of


def number(value: Any, node: Any, frame: Frame) -> Any:
    if isinstance(value, int | float | Expr) and not isinstance(value, bool):
        return value
    raise frame.error("ARCH207", f"a number is needed here, this is {kind_of(value)}", node)


def truth(value: Any, node: Any, frame: Frame) -> Any:
    if isinstance(value, bool | Expr):
        return value
    raise frame.error(
        "ARCH207",
        f"a condition is needed here, this is {kind_of(value)}",
        node,
        help="compare it: a == b",
    )
