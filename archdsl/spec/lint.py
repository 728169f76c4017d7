"""Lints: names that are undefined, unused or defined twice, and decisions without effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from archdsl import ops
from archdsl.diagnostics import Diagnostic, Label, Location
from archdsl.ir import Decision, Mux, Pick, Value
from archdsl.ir.expr import leaves
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.lang.loader import Unit
from archdsl.spec.elaborate import Elaborated
from archdsl.spec.evaluate.builtins import BUILTINS
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.sites import BELOW, CHILDREN, Part
from archdsl.spec.evaluate.statements import ERROR_BUDGET
from archdsl.spec.lint_text import lint_text
from archdsl.spec.units import MEASURES

Declared = ast.Constant | ast.Op | ast.Cell | ast.Space | ast.Network


def lint_names(unit: Unit) -> Iterator[Diagnostic]:
    """Yields diagnostics of undefined names, unused imports, and duplicate parameters, also in unused
    declarations.
    """
    outside = {*unit.declared, *unit.imported, *ops.primitives(), *BUILTINS}
    used: set[str] = set()
    unknown = 0
    for declared in unit.declared.values():
        if isinstance(declared, ast.Import):
            continue  # never among what a file declares; the type says less
        if not isinstance(declared, ast.Constant):
            yield from _taken_twice(unit, declared.signature)
        if isinstance(declared, ast.Search):
            used |= {declared.space.id, *(n.id for n in _read((declared.signature, declared.clauses)))}
            continue
        if isinstance(declared, ast.Network) and declared.origin is not None:
            used.add(declared.origin.id)
            continue
        names = list(names_read(declared))
        used |= {n.id for n in names}
        local = _assigned(declared)
        for name in names:
            if name.id not in outside and name.id not in local:
                unknown += 1
                if unknown > ERROR_BUDGET:  # each is compared with all names that are known
                    break
                yield from Frame(unit).unknown(name.id, name, sorted(local | outside)).diagnostics
    yield from lint_text(unit, frozenset(used))
    for item in unit.file.items:
        if not isinstance(item, ast.Import):
            continue
        for name in item.names:
            if name.id in unit.declared:
                frame = Frame(unit)
                yield Diagnostic(
                    "ARCH014",
                    f"`{name.id}` is both imported and declared",
                    Label(frame.location(name), "shadowed by the file's declaration"),
                    severity="warning",
                    secondary=(Label(frame.location(unit.declared[name.id].name), "declared here"),),  # type: ignore[union-attr]
                    help="rename one of them",
                )
            elif name.id not in used:
                yield Diagnostic(
                    "ARCH227",
                    f"unused import `{name.id}`",
                    Label(Frame(unit).location(name), ""),
                    severity="warning",
                    help="remove it",
                )


def _taken_twice(unit: Unit, signature: ast.Signature) -> Iterator[Diagnostic]:
    frame = Frame(unit)
    seen: dict[str, Spanned] = {}
    named = [(part.id, part) for part in signature.inputs] + [(s.name, s) for s in signature.settings]
    for name, part in named:
        if name in seen:
            first = (Label(frame.location(seen[name]), "first defined here"),)
            headline = f"duplicate parameter `{name}`"
            yield from frame.error("ARCH203", headline, part, secondary=first).diagnostics
        seen.setdefault(name, part)


def names_read(declared: Declared) -> Iterator[ast.Name]:
    """Yields the names that a declaration reads, except network-wide measures such as `params` in
    requirements.
    """
    if isinstance(declared, ast.Constant):
        yield from _read(declared.value)
        return
    for setting in declared.signature.settings:
        if setting.default is not None:
            yield from _read(setting.default)
    body = declared.body
    yield from _statements(body.statements) if isinstance(body, ast.Block) else _read(body)


def _statements(statements: tuple[ast.Statement, ...]) -> Iterator[ast.Name]:
    for s in statements:
        match s:
            case ast.Assign():
                for target in s.targets:
                    yield from _read(getattr(target, "subscripts", ()))
                yield from _read(s.value)
            case ast.Stage():
                yield from _read(tuple(b.domain for b in s.binders))
                if s.repeat is not None:
                    yield from _read(s.repeat)
                yield from _statements(s.body.statements)
            case ast.Require():
                yield from (n for n in _read(s.condition) if n.id not in MEASURES)
            case _:
                yield from _read(tuple(getattr(s, field) for field in CHILDREN[type(s)]))


def _read_of_marked(marked: ast.Optional) -> tuple[Part, ...]:
    return marked.base.subscripts if isinstance(marked.base, ast.Index) else ()


def _read_of_call(call: ast.Call) -> tuple[Part, ...]:
    """The child expressions that a call reads; in `defined(x[i])`, `x` may be undefined, as in `x[i]?`."""
    if type(call.fn) is ast.Name and call.fn.id == "defined" and len(call.args) == 1:
        (tested,) = call.args
        return _read_of_marked(tested if isinstance(tested, ast.Optional) else ast.Optional(tested))
    return BELOW[ast.Call](call)


_READ: dict[type, Callable[[Any], tuple[Part, ...]]] = {
    **BELOW,
    ast.Named: lambda named: (named.value,),
    ast.Optional: _read_of_marked,
    ast.Call: _read_of_call,
}
"""For each AST class, a function that returns the child expressions that are read, in reverse order."""


def _read(expr: Part) -> list[ast.Name]:
    """The names in an expression, except names marked as optional (`?`) and names of settings."""
    found: list[ast.Name] = []
    ahead = [expr]
    while ahead:
        here = ahead.pop()
        if isinstance(here, ast.Name):
            found.append(here)
        elif isinstance(here, tuple):
            ahead += here[::-1]
        elif here is not None and type(here) in _READ:
            ahead += _READ[type(here)](here)
    return found


def _assigned(declared: Declared) -> set[str]:
    if isinstance(declared, ast.Constant):
        return set()
    found = {n.id for n in declared.signature.inputs} | {s.name for s in declared.signature.settings}
    if isinstance(declared.body, ast.Block):
        _collect(declared.body.statements, found)
    return found


def _collect(statements: tuple[ast.Statement, ...], found: set[str]) -> None:
    for s in statements:
        if isinstance(s, ast.Assign):
            for target in s.targets:
                base = target.base if isinstance(target, ast.Index) else target
                if isinstance(base, ast.Name):
                    found.add(base.id)
        elif isinstance(s, ast.Stage):
            found |= {b.name for b in s.binders}
            _collect(s.body.statements, found)
        elif isinstance(s, ast.Input | ast.Output):
            found.add(s.name)


# ---------------------------------------------------------------- decisions


def lint_decisions(found: Elaborated) -> Iterator[Diagnostic]:
    """Yields warnings for decisions without effect, and for decisions with equivalent outcomes."""
    if found.graph.chosen:
        return  # a discovered network uses only a part of its space
    live = {d.location for d in found.graph.decisions.values()}
    live |= {
        w.primary.location for w in found.warnings if w.primary
    }  # identical candidates, which are reported already
    for decision in found.unread:
        if decision.location in live or decision.location is None:
            continue
        live.add(decision.location)
        yield Diagnostic(
            "ARCH402",
            f"decision `{decision.path}` has no effect",
            Label(decision.location, "no output depends on this choice"),
            severity="warning",
            help="use its result, or remove it",
        )
    yield from _no_difference(found)


def _no_difference(found: Elaborated) -> Iterator[Diagnostic]:
    """Yields warnings for pairs of outcomes for which all muxes and settings are equal."""
    if not found.graph.decisions:
        return
    uses: dict[str, list[dict[int, object]]] = {}
    values: list[Value | str] = []
    for item in found.graph.nodes.values():
        if isinstance(item, Mux) and isinstance(item.on, str):
            uses.setdefault(item.on, []).append({int(k): s for k, s in item.cases})
        values += [item.on] if isinstance(item, Mux) else item.attrs.values()
    for picked in dict.fromkeys(part for part in leaves(*values) if isinstance(part, Pick)):
        uses.setdefault(picked.decision, []).append(dict(enumerate(picked.values)))
    said: set[Location | None] = set()
    for path, decision in found.graph.decisions.items():
        twins = _twins(decision, uses.get(path, []))
        if twins is None or decision.location in said:
            continue
        said.add(decision.location)
        assert decision.location is not None
        yield Diagnostic(
            "ARCH407",
            f"candidates `{twins[0]}` and `{twins[1]}` of `{path}` are equivalent",
            Label(decision.location, "this choice"),
            severity="warning",
            help="remove one of them",
        )


def _twins(decision: Decision, uses: list[dict[int, object]]) -> tuple[str, str] | None:
    seen: dict[object, int] = {}
    for outcome in range(decision.size):
        key = tuple(use.get(outcome) for use in uses)
        if None in key:
            continue
        first = seen.setdefault(key, outcome)
        if first != outcome:
            return decision.outcomes[first], decision.outcomes[outcome]
    return None
