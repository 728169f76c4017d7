"""The errors in the rows of `network … from …`, given the decisions of the space."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archdsl.diagnostics import Diagnostic, Label, SpecError, closest
from archdsl.ir import Decision
from archdsl.lang import ast
from archdsl.lang.loader import Unit
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.rows import Row


def row_errors(
    space: ast.Space | ast.Network,
    ev: Evaluator,
    rows: Mapping[str, Row],
    unit: Unit,
    all_decisions: Callable[[], Mapping[str, Decision]],
) -> list[Diagnostic]:
    """The errors in the rows of a network: invalid outcomes, and paths that are not decisions.

    `ev` has evaluated the space with these outcomes, `unit` is the file of the network. `all_decisions`
    returns the decisions of the space, including those that are inactive under the outcomes.
    """
    frame = Frame(unit)
    found: list[Diagnostic] = []
    for path, row in rows.items():
        decision = ev.builder.decisions.get(path)
        if decision is not None and decision.number(row.outcome) is None:
            found.extend(_no_such_outcome(frame, decision, row).diagnostics)
    unasked = [path for path in rows if path not in ev.taken]
    if not unasked or ev.diagnostics:
        return found
    known = all_decisions()
    for path in unasked:
        if ev.builder.made.get(path) == rows[path].outcome:
            continue
        if path in known:
            if known[path].number(rows[path].outcome) is None:
                found.extend(_no_such_outcome(frame, known[path], rows[path]).diagnostics)
            continue
        guess = closest(path, list(known))
        found.extend(
            frame.error(
                "ARCH501",
                f"`{space.name.id}` has no decision `{path}`",
                rows[path].node,
                help=f"did you mean `{guess}`?"
                if guess
                else "list the decisions of a space with `archdsl explain`",
            ).diagnostics
        )
    return found


def _no_such_outcome(frame: Frame, decision: Decision, row: Row) -> SpecError:
    guess = closest(row.outcome, decision.outcomes)
    listed = ", ".join(decision.outcomes[:12]) + (", …" if decision.size > 12 else "")
    return frame.error(
        "ARCH502",
        f"`{decision.path}` has no candidate `{row.outcome}`",
        row.node,
        help=(f"did you mean `{guess}`? " if guess else "") + f"candidates: {listed}",
        secondary=(Label(decision.location, "declared here"),) if decision.location else (),
    )


def demand_all_decided(decisions: Mapping[str, Decision], unit: Unit, declared: ast.Network) -> None:
    """Raises SpecError (ARCH504) if any decisions are left open by the rows of a network."""
    missing = list(decisions)
    if not missing:
        return
    listed = ", ".join(f"`{p}`" for p in missing[:5]) + (
        f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    )
    first = decisions[missing[0]]
    raise Frame(unit).error(
        "ARCH504",
        f"missing decisions in `{declared.name.id}`: {listed}",
        declared.name,
        help=f"add {first.path} = …; candidates: {', '.join(first.outcomes[:12])}",
        secondary=(Label(first.location, "this choice"),) if first.location else (),
    )
