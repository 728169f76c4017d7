"""The values of expressions.

Numbers, booleans and strings are Python's; numbers that depend on decisions are `archdsl.ir.Expr`; tensors
are names of nodes. Ops, cells and sets that depend on a decision are a `Choice`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union

from archdsl.ir import Expr
from archdsl.ir.expr import kind
from archdsl.lang import ast
from archdsl.lang.loader import Unit
from archdsl.ops.base import Primitive
from archdsl.spec.units import Quantity


@dataclass(frozen=True, slots=True)
class Tensor:
    node: str


@dataclass(frozen=True, slots=True)
class Varying:
    """A quantity that depends on decisions or on costs: its amount in base units, and its dimension."""

    amount: Expr
    dimension: str


@dataclass(frozen=True, slots=True)
class Undefined:
    """The value of an optional (`?`) reference to an undefined entry; it makes results undefined."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Poison:
    """A placeholder for a value whose error has already been reported."""


@dataclass(frozen=True)
class PrimitiveOp:
    """A primitive with the settings that have been given so far."""

    primitive: Primitive
    settings: Mapping[str, SpecValue] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.primitive.name


@dataclass(frozen=True)
class Function:
    """A declared op or cell with the settings that have been given so far.

    `shared` is the path of its choices under `once`; if None, each use has choices of its own.
    """

    declared: ast.Op | ast.Cell
    unit: Unit
    settings: Mapping[str, SpecValue] = field(default_factory=dict)
    shared: str | None = None

    @property
    def name(self) -> str:
        return self.declared.name.id

    @property
    def is_cell(self) -> bool:
        return isinstance(self.declared, ast.Cell)


@dataclass(frozen=True)
class Composition:
    """An anonymous op, `f -> g`: ops to be applied one after another."""

    steps: tuple[SpecValue, ...]

    @property
    def names(self) -> list[str]:
        """The names of the ops, numbered if they are repeated."""
        seen: dict[str, int] = {}
        found = []
        for step in self.steps:
            name = step.name if isinstance(step, (PrimitiveOp, Function)) else "op"
            seen[name] = seen.get(name, 0) + 1
            found.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
        return found


@dataclass(frozen=True)
class Builtin:
    """A built-in function, with its settings, if it has any."""

    name: str
    settings: Mapping[str, SpecValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetMember:
    """A member of a set: its label and its value."""

    label: str
    value: SpecValue


@dataclass(frozen=True)
class SetValue:
    """The defined members of a set; `labels` are the labels of all members if some members are undefined."""

    members: tuple[SetMember, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class ListValue:
    items: tuple[SpecValue, ...]


@dataclass(frozen=True)
class RecordValue:
    entries: Mapping[str, SpecValue]


@dataclass
class Family:
    """An indexed name with its entries, such as `x[1]` or `keep[l, r]`; evaluation adds entries."""

    name: str
    entries: dict[Key, SpecValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """A value other than a number or tensor for each outcome of a decision; None where impossible.

    `depth` is its nesting depth.
    """

    decision: str
    values: tuple[SpecValue | None, ...]
    depth: int = field(default=1, compare=False)


@dataclass(frozen=True)
class Either:
    """A value, other than a number or tensor, that depends on a condition over several decisions."""

    condition: Expr
    then: SpecValue
    otherwise: SpecValue
    depth: int = field(default=1, compare=False)


SpecValue = Union[
    bool, int, float, str, Expr, Quantity, Varying, Tensor, Undefined, Poison, PrimitiveOp, Function,
    Composition, Builtin, SetValue, ListValue, RecordValue, Family, Choice, Either,
]  # fmt: skip
"""The type of the values of expressions."""

WITHOUT_OPS = (bool, int, float, str, Expr, Quantity, Varying, Tensor, Undefined)
"""The types of values that neither are ops nor contain any."""

Key = tuple[SpecValue, ...]
"""The subscripts of an entry of an indexed name."""


_EXPR_KINDS = {
    "int": "an integer that depends on decisions",
    "number": "a number that depends on decisions",
    "bool": "a boolean that depends on decisions",
    "str": "a string that depends on decisions",
    "mixed": "a value whose type depends on decisions",
}


def kind_of(value: SpecValue | None) -> str:
    """The type of a value in words, for messages."""
    match value:
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return "a string"
        case Tensor():
            return "a tensor"
        case PrimitiveOp() | Composition():
            return "an op"
        case Function():
            return "a cell" if value.is_cell else "an op"
        case Builtin():
            return "a function"
        case SetValue():
            return "a set"
        case ListValue():
            return "a list"
        case RecordValue():
            return "a record"
        case Family():
            return "an indexed name"
        case Expr():
            return _EXPR_KINDS[kind(value)]
        case Choice() | Either():
            return f"{kind_of(_first(value))} that depends on decisions"
        case Undefined():
            return "undefined"
    return "a quantity"


def is_op(value: SpecValue | None) -> bool:
    """Whether a value is an op or cell, which can be applied to tensors; it may depend on decisions."""
    return isinstance(_first(value), (PrimitiveOp, Function, Composition))


def is_set(value: SpecValue | None) -> bool:
    """Whether a value is a set, or a set that depends on decisions."""
    return isinstance(_first(value), SetValue)


def _first(value: SpecValue | None) -> SpecValue | None:
    """The first defined case of a value that depends on decisions, or None; any other value itself."""
    while isinstance(value, Choice | Either):
        parts = value.values if isinstance(value, Choice) else (value.then, value.otherwise)
        value = next((v for v in parts if v is not None and not isinstance(v, Undefined)), None)
    return value
