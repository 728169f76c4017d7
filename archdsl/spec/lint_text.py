"""Lints of the source text of declarations, including declarations that are not used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from archdsl.diagnostics import Diagnostic, Label
from archdsl.lang import ast
from archdsl.lang.loader import Unit
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.sites import walk

_CHOICES = (ast.OneOf, ast.AnyOf, ast.SomeOf)


def lint_text(unit: Unit, used: frozenset[str]) -> Iterator[Diagnostic]:
    """Yields diagnostics of choices in ops, of unused ops and cells without `return`, and of two statements
    on a line.
    """
    frame = Frame(unit)
    for declared in unit.declared.values():
        if isinstance(declared, ast.Search):
            yield from _continued(declared.clauses, frame)
            continue
        if not isinstance(declared, ast.Op | ast.Cell | ast.Space | ast.Network):
            continue
        body = declared.body
        if isinstance(declared, ast.Op):
            yield from _choices(body, frame)
        if not isinstance(body, ast.Block):
            continue
        yield from _continued(body.statements, frame)
        returns = any(isinstance(statement, ast.Return) for statement in _all(body.statements))
        if isinstance(declared, ast.Op | ast.Cell) and not returns and declared.name.id not in used:
            headline = f"missing `return` in `{declared.name.id}`"
            help = "end it with `return …`"
            yield from frame.error("ARCH218", headline, declared.name, help=help).diagnostics


def _choices(body: ast.Expr | ast.Block, frame: Frame) -> Iterator[Diagnostic]:
    exprs: Sequence[object] = [body]
    if isinstance(body, ast.Block):
        exprs = [s.value for s in _all(body.statements) if isinstance(s, ast.Assign | ast.Return)]
    for expr in exprs:
        for part in walk(expr):  # type: ignore[arg-type]
            if isinstance(part, _CHOICES):
                headline, help = "choices are not allowed inside an op", "declare the op as a cell"
                yield from frame.error("ARCH215", headline, part, help=help).diagnostics


def _all(statements: tuple[ast.Statement, ...]) -> Iterator[ast.Statement]:
    for statement in statements:
        yield statement
        if isinstance(statement, ast.Stage):
            yield from _all(statement.body.statements)


def _continued(statements: tuple[ast.Statement | ast.Clause, ...], frame: Frame) -> Iterator[Diagnostic]:
    """Yields warnings for assignments on the line of the previous statement, as in `y = x -> conv c = 8`."""
    text = frame.unit.source.text
    for before, statement in pairwise(statements):
        if not isinstance(statement, ast.Assign) or not isinstance(before, ast.Assign | ast.Output):
            continue
        if "\n" not in text[before.span[1] : statement.span[0]]:
            yield Diagnostic(
                "ARCH119",
                "two statements on a line",
                Label(frame.location(statement), "a separate statement"),
                severity="warning",
                help="settings are passed in parentheses, conv(c = 8); a statement begins a new line",
            )
    for statement in statements:
        if isinstance(statement, ast.Stage):
            yield from _continued(statement.body.statements, frame)
        elif isinstance(statement, ast.Group):
            yield from _continued(statement.clauses, frame)
