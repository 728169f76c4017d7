"""Evaluates the statements of a space, network, op or cell.

An error aborts only its statement and poisons the names that the statement defines: uses of these names
report no further errors. So one run reports all errors of a spec, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from archdsl.diagnostics import Label, Location, SpecError
from archdsl.ir import Expr
from archdsl.ir.expr import TooLargeError
from archdsl.lang import ast
from archdsl.spec.evaluate import sets, sized
from archdsl.spec.evaluate.assigning import assign
from archdsl.spec.evaluate.builder import Exhausted
from archdsl.spec.evaluate.calls import Trace
from archdsl.spec.evaluate.control import Poisoned
from archdsl.spec.evaluate.declarations import input_, output, require, return_
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame, join
from archdsl.spec.evaluate.tying import tie
from archdsl.spec.evaluate.values import ListValue, Poison, RecordValue, SetValue, SpecValue, kind_of

ERROR_BUDGET = 50
"""The maximum number of errors before evaluation stops."""
MISTAKE_BUDGET = 500
"""The maximum number of errors, counting repeated ones, before evaluation stops."""


def run_block(ev: Evaluator, block: ast.Block, frame: Frame) -> SpecValue | None:
    """Evaluates statements in order; returns the value of `return`, or None."""
    counts: dict[str, int] = {}
    return _run(ev, block.statements, frame, counts)


def _run(
    ev: Evaluator, statements: tuple[ast.Statement, ...], frame: Frame, counts: dict[str, int]
) -> SpecValue | None:
    result = None
    height = ev.height
    for statement in statements:
        ev.height = height
        try:
            value = _RUN[type(statement)](ev, statement, frame, counts)
        except SpecError as error:
            _report(ev, error)
            value = _poison(statement, frame)
        except Poisoned:
            value = _poison(statement, frame)
        except TooLargeError as error:
            _report(ev, frame.error("ARCH211", str(error), statement))
            value = _poison(statement, frame)
        except Exhausted as error:
            at = ast.Every(span=(error.location.start, error.location.end))
            ev.stop(
                replace_location(
                    frame.error("ARCH710", f"a graph with more than {error.budget:,} nodes", at),
                    error.location,
                )
            )
        if value is not None:
            result = value
    ev.height = height
    return result


def replace_location(error: SpecError, location: Location) -> SpecError:
    """A copy of an error at another location."""
    (diagnostic,) = error.diagnostics
    return SpecError([replace(diagnostic, primary=Label(location, ""))])


def _report(ev: Evaluator, error: SpecError) -> None:
    """Records the diagnostics of an error, each once, since a stage repeats errors in every iteration."""
    ev.mistakes += 1
    seen = {(d.code, d.primary.location if d.primary else None) for d in ev.diagnostics}
    for diagnostic in error.diagnostics:
        place = (diagnostic.code, diagnostic.primary.location if diagnostic.primary else None)
        if place not in seen:
            ev.diagnostics.append(diagnostic)
    if len(ev.diagnostics) >= ERROR_BUDGET or ev.mistakes >= MISTAKE_BUDGET:
        ev.stop(error)


def _poison(statement: ast.Statement, frame: Frame) -> Poison | None:
    """Poisons the names that a statement defines, so that uses of them report no further errors.

    Returns a placeholder for the value of a `return`; None for other statements.
    """
    if isinstance(statement, ast.Return):
        return Poison()
    for name in assigned_names((statement,)):
        frame.names[name] = Poison()
    return None


def assigned_names(statements: tuple[ast.Statement, ...]) -> Iterator[str]:
    """Yields the names that statements assign, including those inside stages."""
    for statement in statements:
        match statement:
            case ast.Assign():
                bases = (t.base if isinstance(t, ast.Index) else t for t in statement.targets)
                yield from (base.id for base in bases if isinstance(base, ast.Name))
            case ast.Stage():
                yield from assigned_names(statement.body.statements)
            case ast.Input() | ast.Output():
                yield statement.name


def stage(ev: Evaluator, statement: ast.Stage, frame: Frame, counts: dict[str, int]) -> SpecValue | None:
    if statement.repeat is not None:
        with ev.reading() as sizes:
            n = sets.whole(ev, statement.repeat, frame)
        sized.demand(ev, sizes, statement.repeat, frame)
        if n < 0:
            help = "write the number of iterations, 0 or more"
            raise frame.error("ARCH207", f"a stage cannot be repeated {n} times", statement.repeat, help=help)
        sets.bounded(ev, n, statement.repeat, frame)
        names: tuple[str, ...] = ()
        rounds: Iterable[tuple[_Item, ...]] = [((i, str(i)),) for i in range(1, n + 1)]
    elif statement.binders:
        names = tuple(b.name for b in statement.binders)
        with ev.reading() as sizes:
            domains = [_domain(ev, b.domain, frame) for b in statement.binders]
        sized.demand(ev, sizes, statement, frame)
        total = 1
        for domain in domains:
            total *= len(domain)
        sets.bounded(ev, total, statement, frame)
        rounds = product(*domains)
    else:
        names, rounds = (), [()]
    return _rounds(ev, statement, names, rounds, frame)


_ITERATED = "write a range, a set or a list: for i in 1..4, for c in {8, 16}"
_Item = tuple[SpecValue, str]
"""The value of a loop variable in an iteration, and its part of the name of the iteration."""


def _domain(ev: Evaluator, expr: ast.Expr, frame: Frame) -> list[_Item]:
    """The items that a stage iterates over.

    A record is named by its label in a set, by its position in a list.
    """
    value = ev.evaluate(expr, frame)
    if isinstance(value, SetValue):
        items = [(m.value, m.label) for m in value.members]
    elif isinstance(value, ListValue):
        items = [(item, str(n)) for n, item in enumerate(value.items, 1)]
    else:
        help = f"write a range, 1..{value}, or repeat {value}" if type(value) is int else _ITERATED
        headline = f"expected a range or a set to iterate over, got {kind_of(value)}"
        raise frame.error("ARCH207", headline, expr, help=help)
    for item, _ in items:
        if isinstance(item, Expr):
            raise frame.error("ARCH217", "the range of a stage cannot depend on decisions", expr)
        if not isinstance(item, (int, float, str, RecordValue)):
            raise frame.error(
                "ARCH207",
                f"a stage iterates over numbers, strings or records, got {kind_of(item)}",
                expr,
                help="iterate over indices of a list: stage NAME for i in 1..2 {… LIST[i]}",
            )
    return [(item, name if isinstance(item, RecordValue) else str(item)) for item, name in items]


def _rounds(
    ev: Evaluator,
    statement: ast.Stage,
    names: tuple[str, ...],
    rounds: Iterable[tuple[_Item, ...]],
    frame: Frame,
) -> SpecValue | None:
    before = (frame.decisions, frame.nodes, frame.trace, frame.binders)
    ev.height += 4
    shadowed = {name: frame.names[name] for name in names if name in frame.names}
    result = None
    for items in rounds:
        values = [value for value, _ in items]
        label = f"{statement.name}[{', '.join([name for _, name in items])}]" if items else statement.name
        frame.decisions, frame.nodes = join(before[0], label), join(before[1], label)
        frame.binders = (*before[3], *names) if names else (*before[3], "")
        if values:
            text = (
                ", ".join(f"{n} = {_shown(v)}" for n, v in zip(names, values, strict=False))
                or f"iteration {values[0]}"
            )
            frame.trace = Trace(before[2], frame.location(statement), f"in stage `{statement.name}`, {text}")
        frame.names.update(zip(names, values, strict=False))
        value = _run(ev, statement.body.statements, frame, {})
        result = value if value is not None else result
        ev.count_call(statement, frame)
    frame.decisions, frame.nodes, frame.trace, frame.binders = before
    for name in names:
        frame.names.pop(name, None)
    frame.names.update(shadowed)
    return result


def _shown(value: SpecValue) -> str:
    """The value of a loop variable as shown in messages."""
    if not isinstance(value, RecordValue):
        return str(value)
    fields = [f"{k} = {v if isinstance(v, (int, float, str)) else '…'}" for k, v in value.entries.items()]
    return f"({', '.join(fields[:4])}{', …' if len(fields) > 4 else ''})"


_RUN: dict[type, Callable[[Evaluator, Any, Frame, dict[str, int]], SpecValue | None]] = {
    ast.Assign: assign,
    ast.Stage: stage,
    ast.Input: input_,
    ast.Output: output,
    ast.Require: require,
    ast.Tie: tie,
    ast.Return: return_,
}
