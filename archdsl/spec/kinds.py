"""Values that must be of one kind: numbers, conditions."""

from __future__ import annotations

from typing import Any

from archdsl.ir.expr import kind
from archdsl.spec.frame import Frame
from archdsl.spec.values import kind_of


def number(value: Any, node: Any, frame: Frame) -> Any:
    if kind(value) in ("int", "number"):
        return value
    raise frame.error("ARCH207", f"a number is needed here, this is {kind_of(value)}", node)


def truth(value: Any, node: Any, frame: Frame) -> Any:
    if kind(value) == "bool":
        return value
    raise frame.error(
        "ARCH207",
        f"a condition is needed here, this is {kind_of(value)}",
        node,
        help="compare it: a == b",
    )
