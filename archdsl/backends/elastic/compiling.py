"""Code of forwards, compiled once for each distinct text, whichever forwards have it."""

from __future__ import annotations

from types import CodeType
from typing import Any

import torch

from archdsl.backends.supernet.forward import MOST_STATEMENTS
from archdsl.backends.supernet.module import GLOBALS, Forward, function_of
from archdsl.backends.supernet.rendering import in_segments
from archdsl.backends.supernet.statements import Code


class Compiler:
    """Compiles forwards; `count` is how often it compiled something."""

    def __init__(self) -> None:
        self.count = 0
        self._statements: dict[tuple[str, ...], CodeType] = {}
        self._functions: dict[str, Forward] = {}

    def steps(self, code: Code) -> Forward:
        """The function that runs one statement after the other."""
        steps = [(self.statement(step.statement.lines), step.gone) for step in code.steps]
        names = ("self", *code.inputs, "m")

        def forward(*arguments: Any) -> tuple[torch.Tensor, ...]:
            variables = dict(zip(names, arguments, strict=True))
            for compiled, gone in steps:
                exec(compiled, GLOBALS, variables)
                for name in gone:
                    del variables[name]
            return tuple(variables[name] for name in code.results)

        return forward

    def segments(self, code: Code) -> Forward:
        """The function that computes each segment again in the backward pass."""
        text = in_segments(code)
        found = self._functions.get(text)
        if found is None:
            self.count += 1
            found = self._functions[text] = function_of(text)
        return found

    def statement(self, lines: tuple[str, ...]) -> CodeType:
        """The lines of a statement, compiled."""
        found = self._statements.get(lines)
        if found is None:
            if len(self._statements) >= MOST_STATEMENTS:
                self._statements.clear()
            self.count += 1
            found = self._statements[lines] = compile("\n".join(lines), "<elastic>", "exec")
        return found
