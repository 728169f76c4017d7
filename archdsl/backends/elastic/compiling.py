"""Compiles the code of forward passes; compiled code is cached by its text, so that forward passes share
it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

from archdsl.backends.supernet.forward import MOST_STATEMENTS
from archdsl.backends.supernet.module import GLOBALS, Forward, function_of, in_steps
from archdsl.backends.supernet.rendering import in_segments
from archdsl.backends.supernet.statements import Code


class Compiler:
    """Compiles forward passes; `count` is the number of compilations."""

    def __init__(self) -> None:
        self.count = 0
        self._statements: dict[tuple[str, ...], CodeType] = {}
        self._functions: dict[str, Forward] = {}
        self._expressions: dict[str, Callable[..., Any]] = {}

    def steps(self, code: Code) -> Forward:
        """The function that runs the statements in order."""
        return in_steps(code, lambda statement: self.statement(statement.lines))

    def segments(self, code: Code) -> Forward:
        """A function that runs the statements in segments, for gradient checkpointing.

        Each segment is recomputed in the backward pass.
        """
        text = in_segments(code)
        found = self._functions.get(text)
        if found is None:
            self.count += 1
            found = self._functions[text] = function_of(text)
        return found

    def statement(self, lines: tuple[str, ...]) -> CodeType:
        """The compiled code of a statement's lines; cached."""
        found = self._statements.get(lines)
        if found is None:
            if len(self._statements) >= MOST_STATEMENTS:
                self._statements.clear()
            self.count += 1
            found = self._statements[lines] = compile("\n".join(lines), "<elastic>", "exec")
        return found

    def expression(self, arguments: str, text: str) -> Callable[..., Any]:
        """A function that evaluates the expression `text`; `arguments` are the names of its parameters."""
        text = f"lambda {arguments}: {text}"
        found = self._expressions.get(text)
        if found is None:
            if len(self._expressions) >= MOST_STATEMENTS:
                self._expressions.clear()
            self.count += 1
            found = self._expressions[text] = eval(compile(text, "<elastic>", "eval"), GLOBALS)
        return found
