"""Quantities: times, rates and sizes, their amounts and dimensions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from archdsl.ir import Expr, Measure, Value
from archdsl.ir.expr import kind
from archdsl.spec.evaluate.values import SpecValue, Varying, kind_of
from archdsl.spec.units import MEASURES, Quantity

UNITS_HELP = "times in ns us ms s min h, rates in fps, counts in K M G T, sizes in B … TiB"


def dimension(value: SpecValue) -> str:
    """The dimension of a value: "count", "time", "rate", "size" or "number"."""
    if isinstance(value, Quantity | Varying):
        return value.dimension
    return MEASURES[value.name] if isinstance(value, Measure) else "number"


def amount(value: SpecValue) -> SpecValue:
    """The amount of a quantity in base units; any other value unchanged."""
    return value.amount if isinstance(value, Quantity | Varying) else value


def is_amount(value: SpecValue) -> bool:
    """Whether a value is a number or a quantity, including those that depend on decisions."""
    return isinstance(value, Quantity | Varying) or kind(value) in ("int", "number")


def common_dimension(values: Iterable[SpecValue]) -> str | None:
    """The dimension of all of these values, of which a function such as `max` returns one; None if they
    differ.
    """
    found = {dimension(value) for value in values}
    if found <= {"count", "number"}:
        return "number"
    return found.pop() if len(found) == 1 else None


def with_dimension(value: Value, dimension_: str) -> SpecValue:
    """A number as a quantity of this dimension; unchanged if the dimension is "count"."""
    if dimension_ in ("number", "count"):
        return value
    if isinstance(value, Expr):
        return Varying(value, dimension_)
    return Quantity(cast(float, value), dimension_, f"{value} {dimension_}")


def described(values: Sequence[SpecValue]) -> str:
    """A text that lists values with their dimensions, for messages."""
    return ", ".join(f"{_text(value)} is a {dimension(value)}" for value in values)


def _text(value: SpecValue) -> str:
    return str(value) if isinstance(value, Quantity) else kind_of(value)
