"""The abstract syntax tree of `.arch` files: frozen records with spans.

A span is (start, end), character offsets in the text of the file. Equality ignores spans, so two ASTs are
equal if their texts mean the same. Comments are stored apart from the tree, in `File.comments`, and are also
ignored by equality; `archdsl.lang.comments` assigns them to lines when a file is formatted.
"""

from __future__ import annotations

from dataclasses import field
from typing import Protocol, Union

from archdsl.lang.node import node

Span = tuple[int, int]


def _span() -> Span:
    return field(default=(0, 0), compare=False, repr=False, kw_only=True)


class Spanned(Protocol):
    """A record with a span in the text."""

    @property
    def span(self) -> Span: ...


# ---------------------------------------------------------------- expressions


@node
class Name:
    id: str
    span: Span = _span()


@node
class Number:
    """An integer or a decimal number without a unit."""

    value: int | float
    span: Span = _span()


@node
class Quantity:
    """A number with its unit, `9 ms`, `2.5M`; `value` is the number as written."""

    value: int | float
    unit: str
    span: Span = _span()


@node
class String:
    value: str
    span: Span = _span()


@node
class Bool:
    value: bool
    span: Span = _span()


@node
class List:
    items: tuple[Expr, ...]
    span: Span = _span()


@node
class Candidate:
    """A member of a set, `value` or `label: value`."""

    label: str | None
    value: Expr
    span: Span = _span()


@node
class Set:
    members: tuple[Candidate, ...]
    span: Span = _span()


@node
class Named:
    """A key and its value: `path = value` in a record, `name = value` in a call, where `path` is a `Name`.

    In a record, the key may be a path such as `n1.1 = sep3`: an `Attribute` whose name is "1".
    """

    path: Expr
    value: Expr
    span: Span = _span()


@node
class Record:
    entries: tuple[Named, ...]
    span: Span = _span()


@node
class Call:
    """A call `fn(inputs; settings)`: `args` are the inputs, by position, `settings` have names."""

    fn: Expr
    args: tuple[Expr, ...]
    settings: tuple[Named, ...]
    span: Span = _span()


@node
class Index:
    base: Expr
    subscripts: tuple[Expr, ...]
    span: Span = _span()


@node
class Every:
    """The subscript `*`, for all entries."""

    span: Span = _span()


@node
class Attribute:
    base: Expr
    name: str
    span: Span = _span()


@node
class Optional:
    """The operator in `x?`, which is undefined, instead of an error, if x is undefined."""

    base: Expr
    span: Span = _span()


@node
class Range:
    low: Expr
    high: Expr
    step: Expr | None
    span: Span = _span()


@node
class Unary:
    """A unary operator: `op` is "-" or "not"."""

    op: str
    operand: Expr
    span: Span = _span()


@node
class Binary:
    """A binary operator: `op` is one of + - * / // % ** == != < <= > >= in and or."""

    op: str
    left: Expr
    right: Expr
    span: Span = _span()


@node
class Chain:
    """The application of an op to a value, `source -> op`."""

    source: Expr
    op: Expr
    span: Span = _span()


@node
class Conditional:
    then: Expr
    condition: Expr
    otherwise: Expr
    span: Span = _span()


@node
class OneOf:
    source: Expr
    span: Span = _span()


@node
class AnyOf:
    count: Expr
    source: Expr
    span: Span = _span()


@node
class SomeOf:
    """A choice of a subset, `some of SET`: each member is included or not."""

    source: Expr
    span: Span = _span()


@node
class Once:
    source: Expr
    span: Span = _span()


Expr = Union[
    Name, Number, Quantity, String, Bool, List, Set, Record, Call, Index, Every, Attribute, Optional,
    Range, Unary, Binary, Chain, Conditional, OneOf, AnyOf, SomeOf, Once,
]  # fmt: skip


# ---------------------------------------------------------------- statements


@node
class Assign:
    """An assignment `a, b = value`; a target is a Name, an Index of a Name, or (in rows, clauses) a path."""

    targets: tuple[Expr, ...]
    value: Expr
    span: Span = _span()


@node
class Binder:
    name: str
    domain: Expr
    span: Span = _span()


@node
class Stage:
    """A loop, `stage NAME for i in A, r in B {…}` (binders) or `stage NAME repeat n {…}` (repeat), or
    neither.
    """

    name: str
    binders: tuple[Binder, ...]
    repeat: Expr | None
    body: Block
    span: Span = _span()


@node
class Input:
    name: str
    shape: Expr
    span: Span = _span()


@node
class Output:
    """An output, `output NAME = value`, or one for training only, `output NAME train = value`."""

    name: str
    value: Expr
    train_only: bool = False
    span: Span = _span()


@node
class Require:
    condition: Expr
    span: Span = _span()


@node
class Tie:
    members: tuple[Expr, ...]
    span: Span = _span()


@node
class Return:
    """The statement `return value`; for `return a, b`, the value is a List."""

    value: Expr
    span: Span = _span()


Statement = Union[Assign, Stage, Input, Output, Require, Tie, Return]


@node
class Block:
    statements: tuple[Statement, ...]
    span: Span = _span()


# ---------------------------------------------------------------- declarations


@node
class Import:
    names: tuple[Name, ...]
    path: String
    span: Span = _span()


@node
class Constant:
    name: Name
    value: Expr
    span: Span = _span()


@node
class Setting:
    """A declared setting, `name: type = default`; `type` is int, float, bool, str, op, or None if omitted."""

    name: str
    type: str | None
    default: Expr | None
    span: Span = _span()


@node
class Signature:
    inputs: tuple[Name, ...]
    settings: tuple[Setting, ...]
    span: Span = _span()


@node
class Op:
    """A declared op, `op NAME(…) = expression`, or with a block."""

    name: Name
    signature: Signature
    body: Expr | Block
    span: Span = _span()


@node
class Cell:
    name: Name
    signature: Signature
    body: Block
    span: Span = _span()


@node
class Space:
    name: Name
    signature: Signature
    body: Block
    span: Span = _span()


@node
class Network:
    """A network, `network NAME(; settings) {…}`, or `network NAME from SPACE(settings = …) {rows}`."""

    name: Name
    signature: Signature
    origin: Name | None
    origin_settings: tuple[Named, ...]
    body: Block
    span: Span = _span()


@node
class Goal:
    """An objective of a search: `minimize` or `maximize` with an expression."""

    direction: str
    value: Expr
    span: Span = _span()


@node
class Communicate:
    what: Expr
    how: Expr
    span: Span = _span()


@node
class Group:
    """A group of clauses in a search, `NAME {clauses}` or `NAME LABEL {clauses}`."""

    kind: str
    label: str | None
    clauses: tuple[Clause, ...]
    span: Span = _span()


Clause = Union[Assign, Goal, Require, Communicate, Group]


@node
class Search:
    """A declared search, `search NAME(; settings) for SPACE {clauses}`."""

    name: Name
    signature: Signature
    space: Name
    clauses: tuple[Clause, ...]
    span: Span = _span()


Declaration = Union[Import, Constant, Op, Cell, Space, Network, Search]


@node
class Comment:
    """A comment, including its `#`, and its location.

    `own_line` is True if only white space precedes it on its line.
    """

    text: str
    span: Span
    own_line: bool


@node
class File:
    version: int
    items: tuple[Declaration, ...]
    comments: tuple[Comment, ...] = field(default=(), compare=False)
    span: Span = _span()
