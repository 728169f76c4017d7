"""Assigns comments to lines when a file is formatted.

AST nodes do not contain comments. The layout traverses the AST in the order of the text and asks, wherever it
could end a line, which comments to print: a comment at the end of a line stays there (trailing), a comment on
its own line stays before the item that follows (leading) or before the closing bracket (dangling), and a
comment where the formatter ends no line, `x[1, # here`, moves to the next line end. So comments keep their
order and none is lost. Spans may be wider than the printed text, since redundant parentheses are dropped, so
an expression extends here from its first to its last token.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from archdsl.lang import ast
from archdsl.lang.ast import Comment, Expr

NEVER = 1 << 62


class Comments:
    """The comments of a file, consumed in order."""

    def __init__(self, comments: Sequence[Comment]):
        self.comments = comments
        self.starts = [comment.span[0] for comment in comments]
        self.at = 0
        self.upcoming = self.starts[0] if comments else NEVER

    def trailing(self, end: int, following: int) -> Comment | None:
        """Consumes the comment at the end of a line; None if there is none.

        Everything before `end` has been printed; the next item starts at `following`.
        """
        if self.upcoming >= following:
            return None
        if self.upcoming >= end and self.comments[self.at].own_line:
            return None
        return self._take()

    def leading(self, following: int) -> list[Comment]:
        """Consumes the comments to print on lines of their own before the item at `following`."""
        taken = []
        while self.upcoming < following:
            taken.append(self._take())
        return taken

    def _take(self) -> Comment:
        comment = self.comments[self.at]
        self.at += 1
        self.upcoming = self.starts[self.at] if self.at < len(self.starts) else NEVER
        return comment

    def between(self, start: int, end: int) -> bool:
        return bisect_left(self.starts, start) < bisect_left(self.starts, end)

    def inside(self, expr: Expr) -> bool:
        """Whether a comment must be printed before the end of an expression."""
        if not self.between(*expr.span):
            return False
        match expr:
            case ast.Call():
                return self.between(last(expr.fn), expr.span[1]) or self.inside(expr.fn)
            case ast.Set() | ast.List() | ast.Record():
                return True
            case ast.Binary() | ast.Chain() | ast.Conditional():
                return self.split(expr) or self.inside(pieces(expr)[-1])
            case ast.Range(low, high, step):
                return any(self.inside(part) for part in (low, high, step) if part is not None)
            case ast.Index(base, subscripts):
                return self.inside(base) or any(self.inside(part) for part in subscripts)
            case ast.Attribute(base) | ast.Optional(base) | ast.Unary(_, base):
                return self.inside(base)
            case ast.OneOf(base) | ast.SomeOf(base) | ast.Once(base):
                return self.inside(base)
            case ast.AnyOf(count, base):
                return self.inside(count) or self.inside(base)
        return False

    def split(self, expr: ast.Binary | ast.Chain | ast.Conditional) -> bool:
        """Whether a comment precedes the last operand; then each operand is printed on a line of its own."""
        parts = pieces(expr)
        return self.between(first(parts[0]), first(parts[-1]))


def pieces(expr: ast.Binary | ast.Chain | ast.Conditional) -> tuple[Expr, ...]:
    match expr:
        case ast.Binary(_, left, right):
            return left, right
        case ast.Chain(source, op):
            return source, op
        case ast.Conditional(then, condition, otherwise):
            return then, condition, otherwise


def first(expr: Expr) -> int:
    """The offset of the first token of an expression."""
    while True:
        match expr:
            case (
                ast.Binary(_, part, _)
                | ast.Chain(part, _)
                | ast.Conditional(part, _, _)
                | ast.Range(part, _, _)
            ):
                expr = part
            case ast.Call(part) | ast.Index(part) | ast.Attribute(part) | ast.Optional(part):
                expr = part
            case _:
                return expr.span[0]


def last(expr: Expr) -> int:
    """The offset after the last token of an expression."""
    while True:
        match expr:
            case ast.Binary(_, _, part) | ast.Chain(_, part) | ast.Conditional(_, _, part):
                expr = part
            case ast.Range(_, high, step):
                expr = high if step is None else step
            case ast.Unary(_, part) | ast.OneOf(part) | ast.AnyOf(_, part) | ast.SomeOf(part):
                expr = part
            case ast.Once(part):
                expr = part
            case _:
                return expr.span[1]
