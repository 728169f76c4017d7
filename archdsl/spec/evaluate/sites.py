"""Names the choices and op applications (sites) within a statement.

Paths must not depend on the order of evaluation, so the names derive from the source text only: choices
nested in an expression are numbered in reading order; op applications get the name of the op, with a number
if it is repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from operator import attrgetter
from typing import Union

from archdsl.lang import ast


@dataclass(frozen=True)
class Sites:
    """The names of the choices and nodes of a statement, by id of the AST node; "" is the name of the
    statement itself.
    """

    choices: dict[int, str]
    nodes: dict[int, str]
    whole: frozenset[int]
    """The ids of the calls that are the entire value of the statement."""


_PLAIN = ("str", "int", "bool", "int | float", "str | None")
"""The types of fields of AST nodes that contain no expressions."""


Part = Union[ast.Spanned, tuple["Part", ...], None]
"""The types of fields of AST nodes that contain expressions."""


def _children() -> dict[type, tuple[str, ...]]:
    """The fields of each AST class that contain expressions, in reading order."""
    found = {
        kind: tuple(f.name for f in fields(kind) if f.name != "span" and f.type not in _PLAIN)
        for kind in vars(ast).values()
        if isinstance(kind, type) and is_dataclass(kind)
    }
    found[ast.Conditional] = ("then", "condition", "otherwise")
    leaves = (ast.Name, ast.Number, ast.Quantity, ast.String, ast.Bool, ast.Every)
    return {**found, **dict.fromkeys(leaves, ())}


CHILDREN = _children()


def _parts(names: tuple[str, ...]) -> Callable[[ast.Spanned], tuple[Part, ...]]:
    """A function that returns the expressions in these fields of an AST node, in reverse order."""
    get = attrgetter(*names[::-1]) if names else None
    return get if get is not None and len(names) > 1 else lambda node: () if get is None else (get(node),)


LAST_FIRST = {kind: _parts(names) for kind, names in CHILDREN.items()}
"""For each AST class, a function that returns the child expressions of a node, in reverse reading order."""
_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div"}
_CHOICES = (ast.OneOf, ast.AnyOf, ast.SomeOf)
_MARKED = frozenset(
    (ast.Chain, ast.Call, ast.Index, ast.Conditional, ast.OneOf, ast.AnyOf, ast.SomeOf, ast.Binary)
)
BELOW = {kind: parts for kind, parts in LAST_FIRST.items() if CHILDREN[kind]}
"""`LAST_FIRST` without the AST classes that have no child expressions."""


def walk(expr: Part) -> list[ast.Spanned]:
    """All AST nodes of an expression, including the expression itself, in reading order."""
    found: list[ast.Spanned] = []
    ahead = [expr]
    while ahead:
        here = ahead.pop()
        kind = type(here)
        if isinstance(here, tuple):
            ahead += here[::-1]
        elif here is not None and kind in LAST_FIRST:
            found.append(here)
            ahead += LAST_FIRST[kind](here)
    return found


def _marked(expr: Part) -> list[ast.Spanned]:
    """The AST nodes of an expression that can be named by `sites`, in reading order."""
    found: list[ast.Spanned] = []
    ahead = [expr]
    while ahead:
        here = ahead.pop()
        kind = type(here)
        if isinstance(here, tuple):
            ahead += here[::-1]
        elif here is not None and kind in BELOW:
            if kind in _MARKED:
                found.append(here)
            ahead += BELOW[kind](here)
    return found


def sites(value: ast.Expr) -> Sites:
    """The names of the choices and nodes in the value of a statement."""
    if type(value) is ast.Chain and _is_plain(value):
        nodes = {id(value): "", id(value.source): "mux"}
        return Sites({}, nodes, frozenset((id(value),)))
    exprs = _marked(value)
    named = set(map(id, _direct(value)))
    choices: dict[int, str] = {}
    applied: list[tuple[int, int, str]] = []
    joined: list[tuple[int, str]] = []
    inside_chain: set[int] = set()
    chosen: list[ast.Chain] = []
    unnamed = 0
    for expr in exprs:
        if isinstance(expr, ast.Chain):
            inside_chain.add(id(expr.op))
            applied.append((expr.op.span[0], id(expr), _op_name(expr.op)))
            if isinstance(expr.op, _CHOICES):
                chosen.append(expr)
        elif isinstance(expr, ast.Call):
            if expr.args and id(expr) not in inside_chain:
                applied.append((expr.span[0], id(expr), _op_name(expr.fn)))
        elif isinstance(expr, (ast.Index, ast.Conditional)):
            joined.append((id(expr), "mux"))
        elif isinstance(expr, _CHOICES):
            unnamed += id(expr) not in named
            choices[id(expr)] = "" if id(expr) in named else str(unnamed)
            joined.append((id(expr), "mux"))
        elif isinstance(expr, ast.Binary) and expr.op in _ARITHMETIC:
            joined.append((id(expr), _ARITHMETIC[expr.op]))
    if len(applied) == 1:
        nodes = {applied[0][1]: ""}
    else:
        nodes = _numbered([(key, name) for _, key, name in sorted(applied, key=lambda a: a[0])])
    nodes.update(_numbered(joined))
    for expr in chosen:
        nodes[id(expr)] = choices[id(expr.op)]
    return Sites(choices, nodes, frozenset(map(id, _whole(value))))


def _is_plain(chain: ast.Chain) -> bool:
    """Whether a chain has the form `x[i] -> f(c = 8)`, the most common one, in which nothing is numbered."""
    source, op = chain.source, chain.op
    if type(source) is ast.Index:
        if not all(type(s) is ast.Number or type(s) is ast.Name for s in source.subscripts):
            return False
    elif type(source) is not ast.Name:
        return False
    if type(op) is ast.Call:
        if op.args or not all(type(s.value) is ast.Number or type(s.value) is ast.Name for s in op.settings):
            return False
        op = op.fn
    return type(op) is ast.Name


def _direct(value: ast.Expr) -> list[ast.Expr]:
    """The choices that are the entire value of a statement, or a branch of a conditional that is."""
    if isinstance(value, ast.Conditional):
        return _direct(value.then) + _direct(value.otherwise)
    return [value] if isinstance(value, _CHOICES) else []


def _whole(value: ast.Expr) -> list[ast.Expr]:
    if isinstance(value, ast.Conditional):
        return _whole(value.then) + _whole(value.otherwise)
    return [value] if isinstance(value, (ast.Call, ast.Chain, ast.Once)) else []


def _op_name(op: ast.Expr) -> str:
    while True:
        if isinstance(op, ast.Name):
            return op.id
        if isinstance(op, ast.Attribute):
            return op.name
        if isinstance(op, ast.Call):
            op = op.fn
        elif isinstance(op, (ast.Index, ast.Optional)):
            op = op.base
        elif isinstance(op, (*_CHOICES, ast.Once)):
            op = op.source
        else:
            return "op"


def _numbered(items: list[tuple[int, str]]) -> dict[int, str]:
    seen: dict[str, int] = {}
    out = {}
    for key, name in items:
        seen[name] = seen.get(name, 0) + 1
        out[key] = name if seen[name] == 1 else f"{name}_{seen[name]}"
    return out
