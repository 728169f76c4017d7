"""Formats expressions: on one line if they fit, otherwise over several lines.

Brackets are broken into one item per line with a trailing comma; chains, sums and conditionals are broken
before each `->`, operator, `if` and `else`. A comment inside an expression forces a break, like a line that
is too long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archdsl.lang import ast
from archdsl.lang.ast import Expr
from archdsl.lang.comments import Comments, first, last
from archdsl.lang.flat import (
    CHAIN,
    CONDITIONAL,
    NOT,
    OR,
    POSTFIX,
    PREFIX,
    SUM,
    WIDTH,
    TooLongError,
    attribute_base,
    dots_of,
    flat,
    level,
    operands,
    source_level,
)  # fmt: skip

INDENT = 2

Item = Expr | ast.Candidate | ast.Named


class Layout:
    """Writes lines of text, including comments."""

    def __init__(self, comments: Comments):
        self.comments = comments
        self.lines: list[str] = []
        self.line = ""
        self.indent = 0

    # ------------------------------------------------------------ lines

    def write(self, text: str) -> None:
        self.line = self.line + text if self.line else " " * self.indent + text

    def end_line(self, end: int, following: int) -> None:
        """Ends the line, adding its comment. Source before `end` is written; the next item starts at
        `following`.
        """
        comment = self.comments.trailing(end, following)
        self.lines.append(self.line if comment is None else f"{self.line}  {comment.text}")
        self.line = ""

    def next_line(self, end: int, following: int) -> None:
        """Ends the line, and writes the comments before `following` on lines of their own."""
        self.end_line(end, following)
        for comment in self.comments.leading(following):
            self.lines.append(" " * self.indent + comment.text)

    def fitting(self, text: Callable[[], str], tail: int) -> str | None:
        """The text if it fits on the current line together with `tail` more characters, otherwise None."""
        try:
            found = text()
        except TooLongError:
            return None
        return found if (len(self.line) or self.indent) + len(found) + tail <= WIDTH else None

    # ------------------------------------------------------------ expressions

    def value(self, expr: Expr, at_least: int = CHAIN, tail: int = 0) -> None:
        """Writes an expression, leaving room for `tail` more characters on its last line."""
        if not self.comments.inside(expr):
            text = self.fitting(lambda: flat(expr, at_least), tail)
            if text is not None:
                return self.write(text)
        if level(expr) >= at_least:
            return self.broken(expr, tail)
        self.write("(")
        self.broken(expr, tail + 1)
        return self.write(")")

    def broken(self, expr: Expr, tail: int) -> None:
        match expr:
            case ast.Call(fn, args, settings):
                self.value(fn, POSTFIX, 1)
                self.items("(", (*args, *settings), ")", last(fn), expr.span[1])
            case ast.Set(members):
                self.items("{", members, "}", expr.span[0], expr.span[1])
            case ast.List(items):
                self.items("[", items, "]", expr.span[0], expr.span[1])
            case ast.Record(entries):
                self.items("(", entries, ")", expr.span[0], expr.span[1])
            case ast.Chain():
                self.run(expr, _chain_pieces(expr), tail)
            case ast.Binary():
                self.run(expr, _binary_pieces(expr), tail)
            case ast.Conditional():
                self.run(expr, _conditional_pieces(expr), tail)
            case ast.Range(low, high, step):
                self.value(low, SUM)
                self.write(dots_of(expr))
                self.value(high, SUM, tail)
                if step is not None:
                    self.write(" step ")
                    self.value(step, SUM, tail)
            case _:
                self.wrapped(expr, tail)

    def wrapped(self, expr: Expr, tail: int) -> None:
        """Writes an expression that consists of another expression with a prefix or suffix."""
        match expr:
            case ast.Index(base, subscripts):
                self.value(base, POSTFIX, 1)
                for number, subscript in enumerate(subscripts):
                    self.write(", " if number else "[")
                    self.value(subscript, CHAIN, 1)
                self.write("]")
            case ast.Attribute(base, name):
                before, after = attribute_base(expr)
                self.write(before)
                self.value(base, CHAIN, len(after) + len(name) + 1 + tail)
                self.write(f"{after}.{name}")
            case ast.Optional(base):
                self.value(base, POSTFIX, tail + 1)
                self.write("?")
            case ast.Unary(op, operand):
                self.write("-" if op == "-" else "not ")
                self.value(operand, PREFIX if op == "-" else NOT, tail)
            case ast.OneOf(source):
                self.write("one of ")
                self.value(source, PREFIX, tail)
            case ast.AnyOf(count, source):
                self.write("any ")
                self.value(count, POSTFIX, 4)
                self.write(" of ")
                self.value(source, PREFIX, tail)
            case ast.SomeOf(source):
                self.write("some of ")
                self.value(source, PREFIX, tail)
            case ast.Once(source):
                self.write("once ")
                self.value(source, PREFIX, tail)
            case _:
                self.write(flat(expr))

    def items(self, opening: str, items: Sequence[Item], closing: str, start: int, stop: int) -> None:
        """Writes a bracket with one item per line; in the source, they are between `start` and `stop`."""
        self.write(opening)
        if items or self.comments.between(start, stop):
            self.indent += INDENT
            at = start
            for item in items:
                self.next_line(at, _start(item))
                self.item(item)
                self.write(",")
                at = _end(item)
            self.next_line(at, stop)
            self.indent -= INDENT
        self.write(closing)

    def item(self, item: Item) -> None:
        match item:
            case ast.Candidate(label, value):
                if label is not None:
                    self.write(f"{label}: ")
                self.value(value, CHAIN, 1)
            case ast.Named(path, value):
                self.value(path)
                self.write(" = ")
                self.value(value, CHAIN, 1)
            case _:
                self.value(item, CHAIN, 1)

    def run(self, expr: Expr, pieces: Sequence[_Piece], tail: int) -> None:
        """Writes operands with an operator before all but the first: on one line if they fit, otherwise one
        per line.

        The condition of a branch stays on the line of the branch.
        """
        split = self.comments.between(first(pieces[0][1]), first(pieces[-1][1]))
        if not split and self.fitting(lambda: flat(expr), tail) is None:
            split = True
        indent = self.indent
        at = 0
        for number, (before, operand, at_least) in enumerate(pieces):
            if number and split and before != _IF:
                self.indent = indent + INDENT
                self.next_line(at, first(operand))
            elif number:
                before = f" {before}"
            self.write(before)
            self.value(operand, at_least, tail if number == len(pieces) - 1 else 0)
            at = last(operand)
        self.indent = indent


_IF = "if "
_Piece = tuple[str, Expr, int]
"""The text before an operand, the operand, and the least precedence that needs no parentheses."""


def _chain_pieces(chain: ast.Chain) -> list[_Piece]:
    pieces: list[_Piece] = []
    expr: Expr = chain
    while isinstance(expr, ast.Chain):
        pieces.append(("-> ", expr.op, PREFIX))
        at_least, expr = source_level(expr), expr.source
    return [("", expr, at_least), *reversed(pieces)]


def _binary_pieces(binary: ast.Binary) -> list[_Piece]:
    here = level(binary)
    pieces: list[_Piece] = []
    expr: Expr = binary
    at_least = here
    while isinstance(expr, ast.Binary) and level(expr) == here and at_least <= here:
        at_least, right = operands(expr)
        pieces.append((f"{expr.op} ", expr.right, right))
        expr = expr.left
    return [("", expr, at_least), *reversed(pieces)]


def _conditional_pieces(conditional: ast.Conditional) -> list[_Piece]:
    pieces: list[_Piece] = []
    before = ""
    expr: Expr = conditional
    while isinstance(expr, ast.Conditional):
        pieces += [(before, expr.then, OR), (_IF, expr.condition, OR)]
        before, expr = "else ", expr.otherwise
    return [*pieces, (before, expr, CONDITIONAL)]


def _start(item: Item) -> int:
    match item:
        case ast.Candidate(label, value):
            return first(value) if label is None else item.span[0]
        case ast.Named(path):
            return first(path)
        case _:
            return first(item)


def _end(item: Item) -> int:
    return last(item.value) if isinstance(item, ast.Candidate | ast.Named) else last(item)
