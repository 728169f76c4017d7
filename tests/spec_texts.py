"""Short cuts for tests of the language."""

from __future__ import annotations

from archdsl.diagnostics import Diagnostic, Source, SpecError
from archdsl.lang import ast, parse


def read(text: str) -> ast.File:
    """The AST of a text whose first line, the version, is left out."""
    return parse(Source("spec.arch", f"arch 1\n{text}\n"))


def value(text: str) -> ast.Expr:
    """The AST of an expression."""
    constant = read(f"x = {text}").items[0]
    assert isinstance(constant, ast.Constant)
    return constant.value


def body(text: str) -> tuple[ast.Statement, ...]:
    """The statements of a space's body."""
    space = read(f"space S {{\n{text}\n}}").items[0]
    assert isinstance(space, ast.Space)
    return space.body.statements


def findings(text: str) -> tuple[Diagnostic, ...]:
    """What `parse` reports about a text, the version included."""
    try:
        parse(Source("spec.arch", text))
    except SpecError as error:
        return error.diagnostics
    return ()


def finding(text: str) -> Diagnostic:
    """The one mistake in a text whose first line, the version, is left out."""
    found = findings(f"arch 1\n{text}\n")
    assert len(found) == 1, found
    return found[0]


def underlined(found: Diagnostic) -> str:
    assert found.primary is not None
    location = found.primary.location
    return location.source.text[location.start : location.end]
