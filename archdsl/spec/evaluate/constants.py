"""The constants of files: each evaluated once, also where several spaces are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from archdsl.diagnostics import Diagnostic
from archdsl.lang import ast
from archdsl.lang.loader import Unit
from archdsl.spec.evaluate.values import SpecValue


@dataclass(frozen=True)
class Failed:
    """Stands for the value of a constant that has none, with the reasons."""

    diagnostics: tuple[Diagnostic, ...]


@dataclass
class Constants:
    """Values by the id of the unit and the name; `chain` are the constants being evaluated."""

    values: dict[tuple[int, str], SpecValue | Failed] = field(default_factory=dict)
    chain: set[tuple[int, str]] = field(default_factory=set)
    _ahead: dict[int, Iterator[ast.Constant]] = field(default_factory=dict)

    def until(self, declared: ast.Constant, unit: Unit) -> Iterator[ast.Constant]:
        """The constants above one in its file that were not gone through before."""
        if id(unit) not in self._ahead:
            self._ahead[id(unit)] = (c for c in unit.declared.values() if isinstance(c, ast.Constant))
        for constant in self._ahead[id(unit)]:
            if constant is declared:
                return
            yield constant
