"""The parser's callbacks for files, declarations, statements and clauses.

Those for expressions are in `expression_builder`.
"""

from __future__ import annotations

from typing import Any, TypeVar

from archdsl.diagnostics import Source, closest
from archdsl.lang import ast
from archdsl.lang.ast import Expr, Span
from archdsl.lang.expression_builder import MAX_DEPTH, Values, place, word
from archdsl.lang.machine import Token
from archdsl.lang.source_files import shortened

SETTING_TYPES = ("int", "float", "bool", "str", "op")
TYPES_ELSEWHERE = {
    "integer": "int", "int32": "int", "int64": "int", "number": "float", "double": "float",
    "float32": "float", "real": "float", "boolean": "bool", "string": "str", "text": "str",
    "callable": "op", "layer": "op", "module": "op", "function": "op", "cell": "op",
}  # fmt: skip
MAX_NESTING = 20

Nesting = TypeVar("Nesting", ast.Stage, ast.Group)


class UnsupportedError(Exception):
    """Raised, after it is reported, if the language version of the file is not supported."""


class Builder(Values):
    """Builds the AST nodes of a file."""

    def __init__(self, source: Source):
        super().__init__(source)
        self.levels: dict[int, int] = {}

    # ------------------------------------------------------------ files and declarations

    def start(self, span: Span, version: int, *items: ast.Declaration) -> ast.File:
        return ast.File(version, items, span=span)

    def version(self, span: Span, number: Token) -> int:
        if word(number) != "1":
            self.report(
                "ARCH004",
                f"unknown language version {word(number)[:20]}",
                place(number),
                help_line="this version of archdsl supports version 1: write `arch 1`",
            )
            raise UnsupportedError
        return 1

    def import_names(self, span: Span, *parts: Any) -> ast.Import:
        return ast.Import(parts[:-1], parts[-1], span=span)

    def constant(self, span: Span, name: ast.Name, value: Expr) -> ast.Constant:
        return ast.Constant(name, self.bounded(value), span=span)

    def op(self, span: Span, name: ast.Name, signature: ast.Signature, body: Any) -> ast.Op:
        return ast.Op(name, signature, body if type(body) is ast.Block else self.bounded(body), span=span)

    def cell(self, span: Span, name: ast.Name, signature: ast.Signature, body: ast.Block) -> ast.Cell:
        return ast.Cell(name, signature, body, span=span)

    def space(
        self, span: Span, name: ast.Name, signature: ast.Signature | None, body: ast.Block
    ) -> ast.Space:
        return ast.Space(name, signature or ast.Signature((), ()), body, span=span)

    def network(
        self, span: Span, name: ast.Name, signature: ast.Signature | None, body: ast.Block
    ) -> ast.Network:
        return ast.Network(name, signature or ast.Signature((), ()), None, (), body, span=span)

    def discovered(self, span: Span, name: ast.Name, origin: ast.Name, *rest: Any) -> ast.Network:
        *arguments, body = rest
        settings: list[ast.Named] = []
        for argument in arguments:
            if type(argument) is not ast.Named:
                self.report(
                    "ARCH113",
                    "a space has no inputs here, only named settings",
                    argument.span,
                    help_line=f"write network {name.id} from {origin.id}(setting = value)",
                )
                continue
            self.check_setting(argument)
            settings.append(argument)
        return ast.Network(name, ast.Signature((), ()), origin, tuple(settings), body, span=span)

    def search(
        self, span: Span, name: ast.Name, signature: ast.Signature | None, space: ast.Name,
        *clauses: ast.Clause,
    ) -> ast.Search:  # fmt: skip
        return ast.Search(name, signature or ast.Signature((), ()), space, clauses, span=span)

    def params(self, span: Span, *parts: Any) -> ast.Signature:
        inputs: tuple[ast.Name, ...] = ()
        settings: tuple[ast.Setting, ...] = ()
        for part in parts:
            if type(part[0]) is ast.Name:
                inputs = part
            else:
                settings = part
        return ast.Signature(inputs, settings, span=span)

    def inputs(self, span: Span, *names: ast.Name) -> tuple[ast.Name, ...]:
        return names

    def settings(self, span: Span, *settings: ast.Setting) -> tuple[ast.Setting, ...]:
        return settings

    def setting(self, span: Span, name: Token, type_: Token | None, default: Expr | None) -> ast.Setting:
        kind = word(type_) if type_ is not None else None
        if kind is not None and type_ is not None and kind not in SETTING_TYPES:
            guess = TYPES_ELSEWHERE.get(kind.lower()) or closest(kind[:20], SETTING_TYPES)
            self.report(
                "ARCH114",
                f"unknown setting type `{shortened(kind)}`",
                place(type_),
                f"did you mean `{guess}`?" if guess else "",
                "available: int, float, bool, str, op",
            )
            kind = None
        return ast.Setting(word(name), kind, default and self.bounded(default), span=span)

    # ------------------------------------------------------------ statements and clauses

    def block(self, span: Span, *statements: ast.Statement) -> ast.Block:
        return ast.Block(statements, span=span)

    def assign(self, span: Span, *parts: Expr) -> ast.Assign:
        node = ast.Assign(parts[:-1], parts[-1], span=span)
        if span[1] - span[0] > MAX_DEPTH:
            self.bounded(*parts)
        return node

    def stage(self, span: Span, name: Token, loop: Any, body: ast.Block) -> ast.Stage:
        binders, repeat = (loop, None) if type(loop) is tuple else ((), loop)
        return self.nested(ast.Stage(word(name), binders, repeat, body, span=span), body.statements)

    def for_loop(self, span: Span, *binders: ast.Binder) -> tuple[ast.Binder, ...]:
        return binders

    def repeat_loop(self, span: Span, count: Expr) -> Expr:
        return self.bounded(count)

    def binder(self, span: Span, name: Token, domain: Expr) -> ast.Binder:
        return ast.Binder(word(name), self.bounded(domain), span=span)

    def input(self, span: Span, name: Token, shape: Expr) -> ast.Input:
        return ast.Input(word(name), self.bounded(shape), span=span)

    def output(self, span: Span, name: Token, mark: Token | None, value: Expr) -> ast.Output:
        if mark is not None and word(mark) != "train":
            self.report(
                "ARCH100",
                f"unexpected `{shortened(word(mark))}`",
                place(mark),
                "expected `=`",
                f"write a train-only output as output {shortened(word(name))} train = …",
            )
        return ast.Output(word(name), self.bounded(value), mark is not None, span=span)

    def require(self, span: Span, condition: Expr) -> ast.Require:
        return ast.Require(self.bounded(condition), span=span)

    def tie(self, span: Span, *members: Expr) -> ast.Tie:
        self.bounded(*members)
        return ast.Tie(members, span=span)

    def return_(self, span: Span, *values: Expr) -> ast.Return:
        self.bounded(*values)
        if len(values) == 1:
            return ast.Return(values[0], span=span)
        return ast.Return(ast.List(values, span=(values[0].span[0], values[-1].span[1])), span=span)

    def goal(self, span: Span, direction: Token, value: Expr) -> ast.Goal:
        return ast.Goal(word(direction), self.bounded(value), span=span)

    def communicate(self, span: Span, what: Expr, how: Expr) -> ast.Communicate:
        self.bounded(what, how)
        return ast.Communicate(what, how, span=span)

    def group(self, span: Span, kind: Token, label: Token | None, *clauses: ast.Clause) -> ast.Group:
        from archdsl.lang.mistakes import unknown_unit  # groups are few, and the module slow to import

        unit = unknown_unit(
            self.source, place(kind)
        )  # `budget = 48 hours` and a group, read as a group `hours`
        if unit is not None:
            self.add(unit)
        label_word = None if label is None else word(label)
        return self.nested(ast.Group(word(kind), label_word, clauses, span=span), clauses)

    def nested(self, node: Nesting, inside: tuple[ast.Statement, ...] | tuple[ast.Clause, ...]) -> Nesting:
        """Returns a node that contains statements; reports nesting that is too deep."""
        level = 1 + max((self.levels.get(id(statement), 0) for statement in inside), default=0)
        self.levels[id(node)] = level
        if level == MAX_NESTING + 1:
            self.report("ARCH702", "blocks nested too deeply", node.span, f"at most {MAX_NESTING} levels")
        return node
