"""Parses tokens, names, numbers and values of the text form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NoReturn, TypeVar, cast

from archdsl.diagnostics import Diagnostic, Label, Location, Source, SpecError
from archdsl.ir.expr import AXES, FUNCTIONS, Apply, Dim, Measure, Pick, Scalar, Value
from archdsl.ir.text.tokens import COUNT, FUNCTION_OF, MAX_DEPTH, MAX_DIGITS, MAX_TERMS, TOKEN

T = TypeVar("T")
Place = tuple[int, int]

CONSTANTS: dict[str, Scalar | None] = {
    "none": None, "true": True, "false": False, "inf": float("inf"), "nan": float("nan"),
}  # fmt: skip


class TokenReader:
    """Reads the tokens of a text one at a time: `kind` and `text` describe the current token, `place` is its
    span.

    `what` names the text in error messages; errors have the diagnostic code `code`.
    """

    what, code = "the text of a graph", "ARCH850"

    def __init__(self, source: Source) -> None:
        self.source = source
        self.place: Place = (0, 0)
        self.kind = self.text = ""
        self.advance()

    def advance(self) -> str:
        """Advances to the next token; returns the text of the previous one."""
        left, end = self.text, self.place[1]
        while found := TOKEN.match(self.source.text, end):
            start, end = found.span()
            if found.lastgroup is not None:
                self.place, self.kind, self.text = (start, end), found.lastgroup, found.group()
                return left
        self.place, self.kind, self.text = (end, end), "end", ""
        if end < len(self.source.text):
            self.fail(f"unexpected {self.source.text[end]!r} in {self.what}")
        return left

    def fail(
        self, headline: str, *, help: str | None = None, at: Place | None = None, code: str | None = None
    ) -> NoReturn:
        start, end = at or self.place
        place = Location(self.source, start, max(end, start + 1))
        raise SpecError([Diagnostic(code or self.code, headline, Label(place), help=help)])

    def fail_expecting(self, what: str) -> NoReturn:
        shown = self.text if len(self.text) <= 40 else self.text[:40] + "…"
        self.fail(f"expected {what}, got " + ("the end of the text" if self.kind == "end" else f"`{shown}`"))

    def at(self, word: str) -> bool:
        return self.text == word

    def accept(self, word: str) -> bool:
        if self.text != word:
            return False
        self.advance()
        return True

    def expect(self, word: str) -> None:
        if not self.accept(word):
            self.fail_expecting(f"`{word}`")

    def name(self) -> str:
        """Reads a name: plain, in quotes, or an integer."""
        if self.kind == "string":
            return self.string()
        if self.kind != "name" and not COUNT.fullmatch(self.text):
            self.fail_expecting("a name")
        return self.advance()

    def string(self) -> str:
        if self.kind != "string":
            self.fail_expecting("a string")
        try:
            text = json.loads(self.text)
        except json.JSONDecodeError:
            self.fail("the string contains a control character, or an invalid JSON escape")
        self.advance()
        return cast(str, text)

    def number(self) -> int | float:
        text = self.text
        if self.kind != "number":
            self.fail_expecting("a number")
        if len(text) > MAX_DIGITS:
            self.fail(f"a number with more than {MAX_DIGITS} digits", code="ARCH851")
        self.advance()
        return float(text) if re.search(r"[.e]", text) else int(text)

    def whole_number(self) -> int:
        place, number = self.place, self.number()
        if not isinstance(number, int):
            self.fail("expected an integer", at=place)
        return number

    def listed(self, item: Callable[[], T], end: str) -> list[T]:
        """Reads items separated by commas, and the closing token `end`; returns the items."""
        items: list[T] = []
        if self.accept(end):
            return items
        items.append(item())
        while self.accept(","):
            items.append(item())
        self.expect(end)
        return items


class ValueReader(TokenReader):
    """Reads values: constants, tuples, picks, dimensions, measures, and functions of these."""

    depth = 0

    def node_name(self) -> str:
        self.expect("%")
        return self.name()

    def named(self) -> tuple[str, Value]:
        name = self.name()
        self.expect("=")
        return name, self.expression()

    def settings(self, end: str) -> dict[str, Value]:
        """Reads `name = value` pairs separated by commas, and the closing token `end`; names must be
        distinct.
        """
        place, pairs = self.place, self.listed(self.named, end)
        found = dict(pairs)
        if len(found) < len(pairs):
            self.fail("duplicate setting in this list", at=place)
        return found

    def expression(self) -> Value:
        """Reads a value, or values joined by one operator: `a + b + c`."""
        value = cast(Value, self.value())
        sign, fn = self.text, FUNCTION_OF.get(self.text)
        if fn is None:
            return value
        terms = 1
        while self.accept(sign):
            value = Apply(fn, (value, cast(Value, self.value())))
            terms += 1
            if terms > MAX_TERMS:
                self.fail(f"more than {MAX_TERMS} terms in a chain", code="ARCH851")
        if self.text in FUNCTION_OF:
            self.fail(f"`{self.text}` next to `{sign}`", help="add parentheses")
        return value

    def value(self) -> object:
        if self.accept("-"):
            return -cast(float, CONSTANTS[self.advance()]) if self.text in ("inf", "nan") else -self.number()
        if self.kind == "number":
            return self.number()
        if self.kind == "string":
            return self.string()
        if self.text in CONSTANTS:
            return CONSTANTS[self.advance()]
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"brackets nested more than {MAX_DEPTH} levels deep", code="ARCH851")
        value = self._bracketed()
        self.depth -= 1
        return value

    def _bracketed(self) -> object:
        if self.accept("["):
            return tuple(self.listed(self.expression, "]"))
        if self.accept("("):
            value = self.expression()
            self.expect(")")
            return value
        forms: dict[str, Callable[[], object]] = {"pick": self._pick, "measure": self._measure}
        word = self.text
        if word not in forms and word not in AXES and word not in FUNCTIONS:
            self.fail_expecting("a value")
        self.advance()
        self.expect("(")
        if word in forms:
            return forms[word]()
        if word in AXES:
            node = self.node_name()
            self.expect(")")
            return Dim(node, AXES.index(word))
        return Apply(word, tuple(self.listed(self.expression, ")")))

    def _pick(self) -> Pick:
        decision = self.name()
        self.expect(";")
        return Pick(decision, tuple(self.listed(self.expression, ")")))

    def _measure(self) -> Measure:
        name, options = self.name(), []
        if not self.accept(")"):
            self.expect(";")
            options = self.listed(self._option, ")")
        return Measure(name, tuple(options))

    def _option(self) -> tuple[str, Scalar]:
        name = self.name()
        self.expect("=")
        place, value = self.place, self.value()
        if not isinstance(value, (int, float, str)):
            self.fail("expected a number, a string, `true` or `false`", at=place)
        return name, value
