"""The constants of files, each evaluated once for all declarations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from archdsl.diagnostics import Diagnostic
from archdsl.lang import ast
from archdsl.lang.loader import Unit
from archdsl.spec.evaluate.values import SpecValue


@dataclass(frozen=True)
class Failed:
    """A placeholder for a constant whose evaluation failed, with its diagnostics."""

    diagnostics: tuple[Diagnostic, ...]


@dataclass
class Constants:
    """The values of constants, by file and name; `chain` are the constants that are being evaluated."""

    values: dict[tuple[int, str], SpecValue | Failed] = field(default_factory=dict)
    chain: set[tuple[int, str]] = field(default_factory=set)
    _ahead: dict[int, Iterator[ast.Constant]] = field(default_factory=dict)

    def until(self, declared: ast.Constant, unit: Unit) -> Iterator[ast.Constant]:
        """Yields the constants of the file before `declared` that have not been evaluated."""
        if id(unit) not in self._ahead:
            self._ahead[id(unit)] = (c for c in unit.declared.values() if isinstance(c, ast.Constant))
        for constant in self._ahead[id(unit)]:
            if constant is declared:
                return
            yield constant
