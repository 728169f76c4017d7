"""What an expression of a spec evaluates to.

Numbers, booleans and strings stand for themselves; numbers that depend on decisions are
`archdsl.ir.Expr`; tensors are named by their node.  Everything else that depends on a decision, an op,
a cell or a set, is a `Choice`.
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
class Undefined:
    """What a marked (`?`) reading of nothing gives; whatever is computed from it is undefined too."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Poison:
    """Stands for a value whose computation was already reported as an error."""


@dataclass(frozen=True)
class PrimitiveOp:
    """A primitive with some of its settings given."""

    primitive: Primitive
    settings: Mapping[str, SpecValue] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.primitive.name


@dataclass(frozen=True)
class Function:
    """A declared op or cell with some of its settings given.

    `shared` is the path under which `once` decides its inner choices; None: at each use anew.
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
class Builtin:
    """A function of the language itself."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a set: its label, its value, and whether the author gave the label."""

    label: str
    value: SpecValue


@dataclass(frozen=True)
class SetValue:
    """Members that are defined; `labels` are those of all that were written, in order, if more were."""

    members: tuple[Member, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class ListValue:
    items: tuple[SpecValue, ...]


@dataclass(frozen=True)
class RecordValue:
    entries: Mapping[str, SpecValue]


@dataclass
class Family:
    """An indexed name: `x[1]`, `keep[l, r]`.  Grows while its declaration is evaluated."""

    name: str
    entries: dict[Key, SpecValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """A value other than a number or tensor, one for each outcome of a decision (None: cannot be).

    `depth` counts the choices inside it.
    """

    decision: str
    values: tuple[SpecValue | None, ...]
    depth: int = field(default=1, compare=False)


@dataclass(frozen=True)
class Either:
    """A value other than a number or tensor that depends on a condition over several decisions."""

    condition: Expr
    then: SpecValue
    otherwise: SpecValue
    depth: int = field(default=1, compare=False)


SpecValue = Union[
    bool, int, float, str, Expr, Quantity, Tensor, Undefined, Poison, PrimitiveOp, Function, Builtin,
    SetValue, ListValue, RecordValue, Family, Choice, Either,
]  # fmt: skip
"""Whatever an expression can be."""

Key = tuple[SpecValue, ...]
"""The subscripts of an entry."""


_EXPR_KINDS = {
    "int": "a whole number that depends on decisions",
    "number": "a number that depends on decisions",
    "bool": "a truth value that depends on decisions",
    "str": "a string that depends on decisions",
    "mixed": "of one kind or another by decisions",
}


def kind_of(value: SpecValue | None) -> str:
    """What a value is, in the words of the language."""
    match value:
        case bool():
            return "a truth value"
        case int():
            return "a whole number"
        case float():
            return "a number"
        case str():
            return "a string"
        case Tensor():
            return "a tensor"
        case PrimitiveOp():
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


def _first(value: SpecValue | None) -> SpecValue | None:
    """One of the things that a value can be."""
    while isinstance(value, Choice | Either):
        parts = value.values if isinstance(value, Choice) else (value.then, value.otherwise)
        value = next((v for v in parts if v is not None and not isinstance(v, Undefined)), None)
    return value
