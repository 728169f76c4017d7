"""Names of the places in a statement: where choices are made and ops applied.

A path must not change with what else is evaluated, so names come from the text alone: choices inside a
longer expression are numbered in reading order, op applications take the name of the op, with a number
where the same name stands twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from archdsl.lang import ast


@dataclass(frozen=True)
class Sites:
    """Labels by id of the AST node; "" means that the statement's own name says it all."""

    choices: dict[int, str]
    nodes: dict[int, str]
    whole: frozenset[int]
    """The calls that are the whole value of the statement."""


def walk(expr: Any) -> Iterator[Any]:
    """Every AST node below and including `expr`, in reading order."""
    if isinstance(expr, tuple):
        for item in expr:
            yield from walk(item)
        return
    if not is_dataclass(expr):
        return
    yield expr
    if isinstance(expr, ast.Conditional):
        children: tuple[Any, ...] = (expr.then, expr.condition, expr.otherwise)
    else:
        children = tuple(getattr(expr, f.name) for f in fields(expr) if f.name != "span")
    for child in children:
        if isinstance(child, tuple) or is_dataclass(child):
            yield from walk(child)


def sites(value: Any) -> Sites:
    """The sites of a statement's value."""
    if isinstance(value, ast.Chain | ast.Call) and _is_plain(value):
        return Sites({}, {id(value): ""}, frozenset({id(value)}))
    named = set(map(id, _direct(value)))
    choices: dict[int, str] = {}
    applied: list[tuple[int, str]] = []
    joined: list[tuple[int, str]] = []
    inside_chain: set[int] = set()
    for expr in walk(value):
        if isinstance(expr, ast.OneOf | ast.AnyOf):
            choices[id(expr)] = "" if id(expr) in named else str(1 + sum(1 for c in choices.values() if c))
            joined.append((id(expr), "mux"))
        elif isinstance(expr, ast.Chain):
            inside_chain.add(id(expr.op))
            applied.append((id(expr), _op_name(expr.op)))
        elif isinstance(expr, ast.Call) and expr.args and id(expr) not in inside_chain:
            applied.append((id(expr), _op_name(expr.fn)))
        elif isinstance(expr, ast.Conditional | ast.Index):
            joined.append((id(expr), "mux"))
        elif isinstance(expr, ast.Binary) and expr.op == "+":
            joined.append((id(expr), "add"))
    nodes = {applied[0][0]: ""} if len(applied) == 1 else _numbered(_reading_order(value, applied))
    nodes.update(_numbered(joined))
    for expr in walk(value):
        if isinstance(expr, ast.Chain) and isinstance(expr.op, ast.OneOf | ast.AnyOf):
            nodes[id(expr)] = choices[id(expr.op)]
    return Sites(choices, nodes, frozenset(map(id, _whole(value))))


def _is_plain(value: Any) -> bool:
    """`f(x, y)` or `x -> f` over names, with settings that hold no choice: by far the usual statement."""
    if isinstance(value, ast.Chain):
        if not isinstance(value.source, ast.Name):
            return False
        op = value.op
        if isinstance(op, ast.Name):
            return True
        if not isinstance(op, ast.Call) or op.args or not isinstance(op.fn, ast.Name):
            return False
        return all(isinstance(s.value, ast.Number | ast.Name) for s in op.settings)
    return (
        isinstance(value.fn, ast.Name)
        and bool(value.args)
        and all(isinstance(a, ast.Name) for a in value.args)
        and all(isinstance(s.value, ast.Number | ast.Name) for s in value.settings)
    )


def _direct(value: Any) -> list[Any]:
    """The choices that are the whole value, also as a branch of a conditional."""
    if isinstance(value, ast.Conditional):
        return _direct(value.then) + _direct(value.otherwise)
    return [value] if isinstance(value, ast.OneOf | ast.AnyOf) else []


def _whole(value: Any) -> list[Any]:
    if isinstance(value, ast.Conditional):
        return _whole(value.then) + _whole(value.otherwise)
    return [value] if isinstance(value, ast.Call | ast.Chain | ast.Once) else []


def _op_name(op: Any) -> str:
    while True:
        if isinstance(op, ast.Name):
            return op.id
        if isinstance(op, ast.Attribute):
            return op.name
        if isinstance(op, ast.Call):
            op = op.fn
        elif isinstance(op, ast.Index | ast.Optional):
            op = op.base
        elif isinstance(op, ast.OneOf | ast.AnyOf | ast.Once):
            op = op.source
        else:
            return "op"


def _reading_order(value: Any, applied: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Innermost source first, as a chain is read: `walk` meets a chain before its source."""
    place = {}
    for expr in walk(value):
        if isinstance(expr, ast.Chain):
            place[id(expr)] = expr.op.span[0]
        elif isinstance(expr, ast.Call):
            place[id(expr)] = expr.span[0]
    return sorted(applied, key=lambda item: place[item[0]])


def _numbered(items: list[tuple[int, str]]) -> dict[int, str]:
    seen: dict[str, int] = {}
    out = {}
    for key, name in items:
        seen[name] = seen.get(name, 0) + 1
        out[key] = name if seen[name] == 1 else f"{name}_{seen[name]}"
    return out
