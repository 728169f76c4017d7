"""The formatter, which writes spec files in a canonical form."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from archdsl.diagnostics import Source, SpecError
from archdsl.lang import ast
from archdsl.lang.comments import NEVER, Comments, first
from archdsl.lang.flat import CHAIN, TooLongError, flat, string
from archdsl.lang.layout import INDENT, Layout
from archdsl.lang.parser import parse

_BLANK_LINES = re.compile(r"\n[ \t\r]*\n[ \t\r\n]*")


class FormatterError(Exception):
    """Raised if the formatter would change the meaning of a file, which is a bug in archdsl."""


def format_source(source: Source, file: ast.File | None = None) -> str:
    """Formats the text of a spec; `file` is its AST, if it is already parsed.

    The result parses to the same AST, contains every comment, and does not change if it is formatted again;
    this is checked, and FormatterError is raised otherwise. Raises SpecError if the source does not parse.
    """
    if file is None:
        file = parse(source)
    text = unparse(file, source)
    if text != source.text:  # a text that is its own canonical form keeps all three promises
        _check(file, Source(source.name, text))
    return text


def _check(file: ast.File, formatted: Source) -> None:
    try:
        again = parse(formatted)
    except SpecError as error:
        raise FormatterError(f"the formatted text does not parse: {error}") from error
    if again != file:
        raise FormatterError("formatting changed the meaning")
    if [comment.text for comment in again.comments] != [comment.text for comment in file.comments]:
        raise FormatterError("formatting lost or moved a comment")
    if unparse(again, formatted) != formatted.text:
        raise FormatterError("formatting twice gives another text than formatting once")


def unparse(file: ast.File, source: Source | None = None) -> str:
    """The canonical text of an AST, including its comments.

    If `source`, from which the AST was parsed, is given, single blank lines between statements are kept.
    """
    blank = frozenset(found.end() for found in _BLANK_LINES.finditer(source.text)) if source else frozenset()
    return _Writer(Comments(file.comments), blank).file(file)


class _Writer(Layout):
    """Writes declarations and statements; `blank` are the positions of items after an empty line."""

    def __init__(self, comments: Comments, blank: frozenset[int]):
        super().__init__(comments)
        self.blank = blank

    # ------------------------------------------------------------ files and declarations

    def file(self, file: ast.File) -> str:
        self.lead(file.span[0], gap=False, fresh=True)
        if self.lines and file.span[0] in self.blank:
            self.lines.append("")
        self.write(f"arch {file.version}")
        before: Any = None
        end = file.span[0]
        for item in file.items:
            start = item.span[0]
            self.end_line(end, start)
            commented = self.lead(start, gap=not _together(before, item))
            alone = type(item) is ast.Import and type(before) is ast.Import and not commented
            if (start in self.blank and not alone) or (not commented and not _together(before, item)):
                self.lines.append("")
            self.declaration(item)
            before, end = item, item.span[1]
        self.end_line(end, NEVER)
        self.lead(NEVER, gap=before is None)
        return "\n".join(self.lines) + "\n"

    def lead(self, following: int, *, gap: bool = False, fresh: bool = False) -> bool:
        """Writes the comments before the item at `following`; returns whether there were any.

        `gap` requests an empty line before the first comment; `fresh` means that no line precedes it in the
        block.
        """
        comments = self.comments.leading(following)
        for number, comment in enumerate(comments):
            above = number > 0 or not fresh
            if above and ((gap and number == 0) or comment.span[0] in self.blank):
                self.lines.append("")
            self.lines.append(" " * self.indent + comment.text)
        return bool(comments)

    def declaration(self, item: ast.Declaration) -> None:
        match item:
            case ast.Import():
                self.import_(item)
            case ast.Constant(name, value):
                self.write(f"{name.id} = ")
                self.value(value)
            case ast.Op():
                self.op(item)
            case ast.Cell(name, signature, body):
                self.write(f"cell {name.id}")
                self.signature(signature, 2)
                self.block(body)
            case ast.Space(name, signature, body):
                self.write(f"space {name.id}")
                self.optional_signature(signature, 2)
                self.block(body)
            case ast.Network():
                self.network(item)
            case ast.Search(name, signature, space, clauses):
                self.write(f"search {name.id}")
                tail = f" for {space.id} {{"
                self.optional_signature(signature, len(tail))
                self.write(tail)
                self.body(clauses, space.span[1], item.span[1])

    def import_(self, item: ast.Import) -> None:
        text = f"import {', '.join(name.id for name in item.names)} from {string(item.path)}"
        commented = self.comments.between(item.names[0].span[0], item.path.span[0])
        if not commented and self.fitting(lambda: text, 0):
            return self.write(text)
        self.items("import", item.names, "from ", item.span[0], item.path.span[0])
        return self.write(string(item.path))

    def op(self, item: ast.Op) -> None:
        self.write(f"op {item.name.id}")
        self.signature(item.signature, 2)
        body = item.body
        if isinstance(body, ast.Block):
            return self.block(body)
        self.write(" =")
        header, start = item.signature.span[1], first(body)
        if not self.comments.between(header, start) and not self.comments.inside(body):
            text = self.fitting(lambda: flat(body), 1)
            if text is not None:
                return self.write(f" {text}")
        self.indent += INDENT
        self.next_line(header, start)
        self.value(body)
        self.indent -= INDENT
        return None

    def network(self, item: ast.Network) -> None:
        self.write(f"network {item.name.id}")
        self.optional_signature(item.signature, 2)
        if item.origin is not None:
            self.write(" from ")
            start = item.origin.span
            if item.origin_settings:
                end = item.body.span[0]
                self.value(ast.Call(item.origin, (), item.origin_settings, span=(start[0], end)), CHAIN, 2)
            else:
                self.write(item.origin.id)
        self.block(item.body)

    def optional_signature(self, signature: ast.Signature, tail: int) -> None:
        """Writes the signature of a declaration that does not require one, unless the signature is empty."""
        if signature.inputs or signature.settings:
            self.signature(signature, tail)

    def signature(self, signature: ast.Signature, tail: int) -> None:
        inputs = ", ".join(name.id for name in signature.inputs)
        if not self.comments.between(*signature.span):
            text = self.fitting(lambda: _signature(inputs, signature.settings), tail)
            if text is not None:
                return self.write(text)
        if not inputs and not signature.settings:
            return self.write("()")
        self.write("(" if inputs else "(;")
        self.indent += INDENT
        at, stop = signature.span
        if inputs:
            self.next_line(at, signature.inputs[0].span[0])
            self.write(f"{inputs};" if signature.settings else f"{inputs},")
            at = signature.inputs[-1].span[1]
        for setting in signature.settings:
            self.next_line(at, setting.span[0])
            self.write(_typed(setting))
            if setting.default is not None:
                self.write(" = ")
                self.value(setting.default, CHAIN, 1)
            self.write(",")
            at = setting.span[1]
        self.next_line(at, stop)
        self.indent -= INDENT
        return self.write(")")

    # ------------------------------------------------------------ statements and clauses

    def block(self, block: ast.Block) -> None:
        self.write(" {")
        self.body(block.statements, block.span[0], block.span[1])

    def body(self, statements: Sequence[ast.Statement | ast.Clause], start: int, stop: int) -> None:
        """Writes statements and the closing brace; in the source, they are between `start` and `stop`."""
        if not statements and not self.comments.between(start, stop):
            return self.write("}")
        self.indent += INDENT
        at, fresh = start, True
        for statement in statements:
            begin, end = statement.span
            self.end_line(at, begin)
            commented = self.lead(begin, fresh=fresh)
            if begin in self.blank and (commented or not fresh):
                self.lines.append("")
            self.statement(statement)
            at, fresh = end, False
        self.end_line(at, stop)
        self.lead(stop, fresh=fresh)
        self.indent -= INDENT
        return self.write("}")

    def targets(self, targets: Sequence[ast.Expr]) -> None:
        try:
            self.write(f"{', '.join([flat(target) for target in targets])} = ")
        except TooLongError:  # an index longer than a line
            for n, target in enumerate(targets):
                self.write(", " if n else "")
                self.value(target)
            self.write(" = ")

    def statement(self, statement: ast.Statement | ast.Clause) -> None:
        match statement:
            case ast.Assign(targets, value):
                self.targets(targets)
                self.value(value)
            case ast.Stage():
                self.stage(statement)
            case ast.Input(name, shape):
                self.write(f"input {name}: ")
                self.value(shape)
            case ast.Output(name, value, train_only):
                self.write(f"output {name} train = " if train_only else f"output {name} = ")
                self.value(value)
            case ast.Require(condition):
                self.write("require ")
                self.value(condition)
            case ast.Tie(members):
                self.tie(members)
            case ast.Return(value):
                self.return_(value)
            case ast.Goal(direction, value):
                self.write(f"{direction} ")
                self.value(value)
            case ast.Communicate(what, how):
                self.write("communicate ")
                self.value(what, CHAIN, 3)
                self.write(" by ")
                self.value(how)
            case ast.Group(kind, label, clauses):
                self.write(f"{kind} {{" if label is None else f"{kind} {label} {{")
                self.body(clauses, *statement.span)

    def stage(self, stage: ast.Stage) -> None:
        self.write(f"stage {stage.name}")
        for number, binder in enumerate(stage.binders):
            self.write(f", {binder.name} in " if number else f" for {binder.name} in ")
            self.value(binder.domain, CHAIN, 2)
        if stage.repeat is not None:
            self.write(" repeat ")
            self.value(stage.repeat, CHAIN, 2)
        self.block(stage.body)

    def tie(self, members: tuple[ast.Expr, ...]) -> None:
        self.write("tie ")
        split = self.comments.between(first(members[0]), first(members[-1]))
        split = split or self.fitting(lambda: ", ".join(map(flat, members)), 0) is None
        indent = self.indent
        for number, member in enumerate(members):
            if number and split:
                self.write(",")
                self.indent = indent + INDENT
                self.next_line(members[number - 1].span[1], first(member))
            elif number:
                self.write(", ")
            self.value(member, CHAIN, 1)
        self.indent = indent

    def return_(self, value: ast.Expr) -> None:
        self.write("return ")
        if isinstance(value, ast.List) and len(value.items) > 1 and not self.comments.inside(value):
            items: Callable[[], str] = lambda: ", ".join([flat(item) for item in value.items])  # noqa: E731
            text = self.fitting(items, 0)
            if text is not None:
                return self.write(text)
        return self.value(value)


def _together(before: ast.Declaration | None, item: ast.Declaration) -> bool:
    """Whether two declarations are written without an empty line between them."""
    return type(before) is type(item) and isinstance(item, ast.Import | ast.Constant)


def _signature(inputs: str, settings: tuple[ast.Setting, ...]) -> str:
    if not settings:
        return f"({inputs})"
    spelled = [
        _typed(setting) if setting.default is None else f"{_typed(setting)} = {flat(setting.default)}"
        for setting in settings
    ]
    return f"({inputs}; {', '.join(spelled)})"


def _typed(setting: ast.Setting) -> str:
    return setting.name if setting.type is None else f"{setting.name}: {setting.type}"
