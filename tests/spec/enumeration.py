"""The truth about a small space, found by elaborating each of its networks by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import archdsl
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ops.base import ADVISORY
from archdsl.program import Program
from archdsl.spec.elaborate import Elaborated, bind_rows
from archdsl.spec.prove.prover import prove

PATH = Path("space.arch")


@dataclass(frozen=True)
class Outcome:
    """One network: the graph, or why there is none."""

    decisions: Mapping[str, str]
    found: Elaborated | None
    errors: tuple[Diagnostic, ...]

    @property
    def places(self) -> set[tuple[str, int, str]]:
        return {place(error) for error in self.errors}

    @property
    def codes(self) -> set[str]:
        return {error.code for error in self.errors}


def place(diagnostic: Diagnostic) -> tuple[str, int, str]:
    """What is wrong, and where; an output may be missing in this network or in some."""
    code = "ARCH406" if diagnostic.code == "ARCH223" else diagnostic.code
    what = diagnostic.headline if code in ("ARCH202", "ARCH222") else ""
    return code, diagnostic.primary.location.start if diagnostic.primary else -1, what


def program(text: str) -> Program:
    return archdsl.load(PATH, text=text)


def is_fault(diagnostic: Diagnostic) -> bool:
    return diagnostic.severity == "error" and diagnostic.code not in ADVISORY


def network(text: str, decisions: Mapping[str, str]) -> Outcome:
    """The network where decisions are made before the space is elaborated: nothing in it is symbolic."""
    of = program(text)
    try:
        found = bind_rows(of.unit, of.spaces["S"], {}, decisions)
    except SpecError as error:
        return Outcome(decisions, None, error.diagnostics)
    assert not found.graph.decisions
    errors = tuple(d for d in prove(found, "network")[0] if is_fault(d))
    return Outcome(decisions, None if errors else found, errors)
