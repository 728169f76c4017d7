"""Reads the rows of `network … from …`: outcomes by decision path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.lang.loader import Unit
from archdsl.spec.evaluate.frame import Frame, join


@dataclass(frozen=True)
class Row:
    """An outcome of a decision, with its location in the file."""

    outcome: str
    node: Spanned


def read_rows(unit: Unit, declared: ast.Network) -> dict[str, Row]:
    """The rows of a network of a space, by decision path. Raises SpecError with every error found."""
    frame = Frame(unit)
    rows: dict[str, Row] = {}
    errors: list[Diagnostic] = []
    for statement in declared.body.statements:
        try:
            for path, row in _rows_of(statement, frame):
                if path in rows:
                    raise frame.error(
                        "ARCH503",
                        f"two outcomes for the decision `{path}`",
                        row.node,
                        secondary=(Label(frame.location(rows[path].node), "first outcome"),),
                    )
                rows[path] = row
        except SpecError as error:
            errors.extend(error.diagnostics)
    if errors:
        raise SpecError(errors)
    return rows


def _rows_of(statement: ast.Statement, frame: Frame) -> Iterator[tuple[str, Row]]:
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        raise frame.error(
            "ARCH505", "a `network … from …` contains decisions only", statement,
            help="write PATH = OUTCOME or PATH = (name = outcome, …)",
        )  # fmt: skip
    yield from _entries(path_text(statement.targets[0], frame), statement.value, statement.targets[0], frame)


def _entries(path: str, value: ast.Expr, node: Spanned, frame: Frame) -> Iterator[tuple[str, Row]]:
    if isinstance(value, ast.Record):
        for entry in value.entries:
            yield from _entries(join(path, path_text(entry.path, frame)), entry.value, entry, frame)
        return
    yield path, Row(outcome_text(value, frame), node)


def path_text(expr: ast.Expr, frame: Frame) -> str:
    """The decision path that is written as this expression."""
    match expr:
        case ast.Name():
            return expr.id
        case ast.Attribute():
            return f"{path_text(expr.base, frame)}.{expr.name}"
        case ast.Index():
            return (
                f"{path_text(expr.base, frame)}[{', '.join(_subscript(s, frame) for s in expr.subscripts)}]"
            )
    raise frame.error("ARCH505", "expected the path of a decision", expr)


def _subscript(expr: ast.Expr, frame: Frame) -> str:
    if isinstance(expr, ast.Number):
        return str(expr.value)
    if isinstance(expr, ast.Unary) and expr.op == "-" and isinstance(expr.operand, ast.Number):
        return f"-{expr.operand.value}"
    if isinstance(expr, ast.Name):
        return expr.id
    if isinstance(expr, ast.String):
        return expr.value
    raise frame.error("ARCH505", "a subscript in a decision path must be a number, a label or a string", expr)


def outcome_text(expr: ast.Expr, frame: Frame) -> str:
    """The outcome that is written as this expression: a label, or several labels in braces."""
    match expr:
        case ast.Name():
            return expr.id
        case ast.String():
            return expr.value
        case ast.Number():
            return str(expr.value)
        case ast.Quantity():
            return f"{expr.value}{expr.unit}"
        case ast.Bool():
            return "true" if expr.value else "false"
        case ast.Index() | ast.Attribute():
            return path_text(expr, frame)
        case ast.Unary(op="-", operand=ast.Number(value=value)):
            return f"-{value}"
        case ast.Set():
            return "{" + ", ".join(outcome_text(m.value, frame) for m in expr.members) + "}"
    raise frame.error("ARCH505", "expected the label of a candidate as the outcome", expr)
