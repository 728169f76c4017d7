"""The abstract syntax of `.arch` files: frozen records with spans.

A span is (start, end) in characters of the file's text. Equality ignores spans, so two ASTs are equal if
their texts mean the same. Comments are listed beside the tree, in `File.comments`, and are ignored by
equality as well; `archdsl.lang.comments` places them when a file is formatted.
"""

from __future__ import annotations

from dataclasses import field
from typing import Protocol, Union

from archdsl.lang.node import node

Span = tuple[int, int]


def _span() -> Span:
    return field(default=(0, 0), compare=False, repr=False, kw_only=True)


class Spanned(Protocol):
    """A record with a location in the text."""

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
    """A member of a set, `label: value`."""

    label: str | None
    value: Expr
    span: Span = _span()


@node
class Set:
    members: tuple[Candidate, ...]
    span: Span = _span()


@node
class Named:
    """`path = value` in a record, `name = value` in a call (there `path` is a `Name`).

    In a record the path may be longer, `n1.1 = sep3`: an `Attribute` whose name is "1".
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
    """fn(inputs; settings): `args` are positional, `settings` are named."""

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
    """`*` as a subscript: every entry."""

    span: Span = _span()


@node
class Attribute:
    base: Expr
    name: str
    span: Span = _span()


@node
class Optional:
    """`x?`: undefined, instead of an error, if x is not defined."""

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
    """`op` is "-" or "not"."""

    op: str
    operand: Expr
    span: Span = _span()


@node
class Binary:
    """`op` is one of + - * / // % ** == != < <= > >= in and or."""

    op: str
    left: Expr
    right: Expr
    span: Span = _span()


@node
class Chain:
    """`source -> op`."""

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
    """`some of SET`: each member is on or off."""

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
    """`a, b = value`; a target is a Name, an Index over a Name, or (in rows and clauses) a path."""

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
    """`stage NAME for i in A, r in B {…}` (binders) or `stage NAME repeat n {…}` (repeat) or neither."""

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
    """`output NAME = value`, or `output NAME train = value` for an output that is used in training only."""

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
    """`return value`, or `return a, b`, whose value is a List."""

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
    """A declared setting `name: type = default`; `type` is one of int float bool str op, or None."""

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
    """`op` NAME(…) = expr, or with a block."""

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
    """`network` NAME(; settings) {…}, or `network` NAME `from` SPACE(settings = …) {rows}."""

    name: Name
    signature: Signature
    origin: Name | None
    origin_settings: tuple[Named, ...]
    body: Block
    span: Span = _span()


@node
class Goal:
    """`minimize` or `maximize` an expression."""

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
    """`NAME {clauses}` or `NAME LABEL {clauses}` inside a search."""

    kind: str
    label: str | None
    clauses: tuple[Clause, ...]
    span: Span = _span()


Clause = Union[Assign, Goal, Require, Communicate, Group]


@node
class Search:
    """`search` NAME(; settings) `for` SPACE {clauses}."""

    name: Name
    signature: Signature
    space: Name
    clauses: tuple[Clause, ...]
    span: Span = _span()


Declaration = Union[Import, Constant, Op, Cell, Space, Network, Search]


@node
class Comment:
    """A comment with its `#`, and its location.

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
