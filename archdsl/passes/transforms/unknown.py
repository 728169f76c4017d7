"""Findings about decisions and outcomes that a space does not have."""

from __future__ import annotations

from archdsl.diagnostics import Diagnostic, Label, closest
from archdsl.ir import Decision, Graph


def no_decision(graph: Graph, path: str, place: Label | None = None) -> Diagnostic:
    """A space has no decision of this path (ARCH501)."""
    guess = closest(path, list(graph.decisions))
    help = f"did you mean `{guess}`?" if guess else None
    return Diagnostic("ARCH501", f"`{graph.name}` has no decision `{path}`", place, help=help)


def no_outcome(decision: Decision, outcome: str, place: Label | None = None) -> Diagnostic:
    """A decision has no such outcome (ARCH502)."""
    guess = closest(outcome, decision.outcomes)
    listed = ", ".join(decision.outcomes[:12])
    help = f"did you mean `{guess}`?" if guess else f"its candidates are {listed}"
    return Diagnostic("ARCH502", f"`{decision.path}` cannot be `{outcome}`", place, help=help)
