"""Searches as typed values: parsed and checked here, run by the search room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard, Union

from archdsl.diagnostics import Diagnostic, SpecError, closest
from archdsl.ir.expr import apply
from archdsl.lang import ast
from archdsl.lang.habits import clause_form, search_form, setting_form
from archdsl.lang.loader import Unit
from archdsl.spec.arithmetic import OPERATORS
from archdsl.spec.frame import Frame
from archdsl.spec.rows import path_text
from archdsl.spec.settings import settle
from archdsl.spec.units import MEASURES, UNITS, Quantity, quantity
from archdsl.spec.vocabulary import CLAUSES, VOCABULARY


@dataclass(frozen=True)
class Term:
    """A named thing with its settings: `gumbel(tau = 3.0)`, `latency(device = "…")`, `log(…)`."""

    name: str
    settings: Mapping[str, SearchValue] = field(default_factory=dict)
    args: tuple[SearchValue, ...] = ()


@dataclass(frozen=True)
class Formula:
    """Arithmetic or a comparison over terms; `op` as written."""

    op: str
    args: tuple[SearchValue, ...]


SearchValue = Union[int, float, bool, str, Quantity, Term, Formula, tuple["SearchValue", ...]]


@dataclass(frozen=True)
class Objective:
    direction: str
    value: SearchValue


@dataclass(frozen=True)
class Clauses:
    """The clauses of a search or of a group in it."""

    settings: Mapping[str, SearchValue] = field(default_factory=dict)
    objectives: tuple[Objective, ...] = ()
    requirements: tuple[SearchValue, ...] = ()
    communicate: tuple[tuple[SearchValue, SearchValue], ...] = ()
    groups: Mapping[str, Clauses] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchSpec:
    """How a space is to be searched; the space itself does not know."""

    name: str
    space: str
    clauses: Clauses


def read_search(unit: Unit, declared: ast.Search, given: Mapping[str, Any] | None = None) -> SearchSpec:
    """A search as a typed value; `given` are settings of it from outside.

    Raises SpecError with every error found.
    """
    reader = _Reader(unit)
    space = declared.space.id
    _, found = unit.find(space)
    if not isinstance(found, ast.Space):
        known = [n for n, d in unit.declared.items() if isinstance(d, ast.Space)]
        known += [n for n, (_, d) in unit.imported.items() if isinstance(d, ast.Space)]
        guess = closest(space, known)
        reader.fail(
            "ARCH602",
            f"`{space}` is not a space",
            declared.space,
            f"did you mean `{guess}`?" if guess else None,
        )
    else:
        reader.own = {*(s.name for s in found.signature.settings), *part_names(found.body.statements)}
    try:
        reader.settings(declared, given or {})
    except SpecError as error:
        raise SpecError([*reader.errors, *error.diagnostics]) from None
    clauses = reader.clauses(declared.clauses)
    if reader.errors:
        raise SpecError(reader.errors)
    return SearchSpec(declared.name.id, space, clauses)


def part_names(statements: tuple[ast.Statement, ...]) -> Iterator[str]:
    """The names of stages, and of what they and the space define."""
    for statement in statements:
        if isinstance(statement, ast.Stage):
            yield statement.name
            yield from part_names(statement.body.statements)
        elif isinstance(statement, ast.Assign):
            bases = (t.base if isinstance(t, ast.Index) else t for t in statement.targets)
            yield from (base.id for base in bases if isinstance(base, ast.Name))
        elif isinstance(statement, ast.Input):
            yield statement.name


class _Reader:
    def __init__(self, unit: Unit, reading: tuple[ast.Constant, ...] = ()):
        self.unit, self.frame, self.reading = unit, Frame(unit), reading
        self.errors: list[Diagnostic] = []
        self.own: set[str] = set()
        """Parts of the space that a search may set: its settings, stages and names."""

    def fail(self, code: str, headline: str, node: Any, help: str | None = None) -> None:
        self.errors.extend(self.frame.error(code, headline, node, help=help).diagnostics)

    def settings(self, declared: ast.Search, given: Mapping[str, Any]) -> None:
        """Settles the search's settings, for its clauses to read.  Raises SpecError for what cannot be."""
        for name in declared.signature.inputs:
            raise self.frame.error(
                "ARCH604", "a search has settings only", name, help=f"write (; {name.id} = …)"
            )
        for setting in declared.signature.settings:
            own = setting.name in self.own
            if own or setting.name in VOCABULARY:
                what = f"a part of `{declared.space.id}`" if own else "what a search knows"
                raise self.frame.error("ARCH203", f"`{setting.name}` is the name of {what} too", setting)
        unknown = given.keys() - {s.name for s in declared.signature.settings}
        if unknown:
            known = ", ".join(s.name for s in declared.signature.settings) or "none"
            headline = f"search `{declared.name.id}` has no setting `{min(unknown)}`"
            raise self.frame.error("ARCH204", headline, declared.name, help=f"its settings are {known}")
        settle(declared, given, self.frame, self.value)

    def clauses(self, clauses: tuple[ast.Clause, ...]) -> Clauses:
        settings: dict[str, SearchValue] = {}
        objectives, requirements, communicate = [], [], []
        groups: dict[str, Clauses] = {}
        for clause in clauses:
            try:
                if isinstance(clause, ast.Assign):
                    self._setting(clause, settings)
                elif isinstance(clause, ast.Goal):
                    objectives.append(Objective(clause.direction, self.value(clause.value)))
                elif isinstance(clause, ast.Require):
                    requirements.append(self.value(clause.condition))
                elif isinstance(clause, ast.Communicate):
                    communicate.append((self.value(clause.what), self.value(clause.how)))
                else:
                    self._group(clause, groups)
            except SpecError as error:
                self.errors.extend(error.diagnostics)
        return Clauses(settings, tuple(objectives), tuple(requirements), tuple(communicate), groups)

    def _setting(self, clause: ast.Assign, settings: dict[str, SearchValue]) -> None:
        path = path_text(clause.targets[0], self.frame)
        if path in settings:
            raise self.frame.error("ARCH603", f"`{path}` is set twice", clause)
        value = settings[path] = self.value(clause.value)
        first = path.split(".")[0].split("[")[0]
        if first not in CLAUSES and first not in self.own:
            guess = closest(first, [*CLAUSES, *self.own])
            raise self.frame.error(
                "ARCH605",
                f"a search sets no `{first}`",
                clause.targets[0],
                help=clause_form(first) or f"did you mean `{guess}`?"
                if guess or clause_form(first)
                else f"it sets {', '.join(CLAUSES)}, or a part of its space",
            )
        wanted = CLAUSES.get(first)
        if wanted is not None and _dimension(value) != wanted:
            unit = "takes a time: 48 h" if wanted == "time" else "takes a plain number"
            raise self.frame.error("ARCH212", f"`{first}` {unit}", clause.value)

    def _group(self, clause: ast.Group, groups: dict[str, Clauses]) -> None:
        name = f"{clause.kind} {clause.label}" if clause.label else clause.kind
        if name in groups:
            raise self.frame.error("ARCH603", f"group `{name}` stands twice", clause)
        groups[name] = self.clauses(clause.clauses)

    # ------------------------------------------------------------ values

    def value(self, expr: Any) -> SearchValue:
        match expr:
            case ast.Number() | ast.String() | ast.Bool():
                return expr.value
            case ast.Quantity():
                return self._quantity(expr)
            case ast.List():
                return tuple(self.value(i) for i in expr.items)
            case ast.Set():
                return tuple(self.value(m.value) for m in expr.members)
            case ast.Name():
                return self._name(expr)
            case ast.Call(fn=ast.Name()):
                return self._term(expr)
            case ast.Unary():
                operand = self.value(expr.operand)
                return -operand if expr.op == "-" and _is_number(operand) else Formula(expr.op, (operand,))
            case ast.Range():
                return Formula("..", (self.value(expr.low), self.value(expr.high)))
            case ast.Binary():
                return self._binary(expr)
        help = None
        if isinstance(expr, ast.Call) and isinstance(expr.fn, ast.Attribute):
            help = f"functions take their value in parentheses: {expr.fn.name}(macs)"
        raise self.frame.error(
            "ARCH604", "a search takes numbers, names and their arithmetic", expr, help=help
        )

    def _quantity(self, expr: ast.Quantity) -> Quantity:
        if expr.unit not in UNITS:
            raise self.frame.error(
                "ARCH212", f"`{expr.unit}` is not a unit", expr, help=f"units are {', '.join(UNITS)}"
            )
        return quantity(expr.value, expr.unit)

    def _name(self, expr: ast.Name) -> SearchValue:
        if expr.id in self.frame.names:
            found: SearchValue = self.frame.names[expr.id]
            return found
        unit, constant = self.unit.find(expr.id)
        if isinstance(constant, ast.Constant):
            return self._constant(unit, constant)
        self._known(expr.id, expr)
        return Term(expr.id)

    def _constant(self, unit: Unit, constant: ast.Constant) -> SearchValue:
        if any(constant is other for other in self.reading):
            raise Frame(unit).error("ARCH210", f"`{constant.name.id}` is defined by itself", constant.name)
        return _Reader(unit, (*self.reading, constant)).value(constant.value)

    def _known(self, name: str, node: Any) -> None:
        if name not in VOCABULARY:
            form, guess = search_form(name, list(VOCABULARY)), closest(name, list(VOCABULARY))
            help = form or (f"did you mean `{guess}`?" if guess else None)
            raise self.frame.error("ARCH601", f"unknown word `{name}` in a search", node, help=help)

    def _term(self, expr: ast.Call) -> Term:
        name = expr.fn.id  # type: ignore[union-attr]
        self._known(name, expr.fn)
        allowed = VOCABULARY[name]
        settings: dict[str, SearchValue] = {}
        for given in expr.settings:
            key = given.path.id  # type: ignore[union-attr]
            if key not in (allowed or ()):
                guess = closest(key, list(allowed or ()))
                listed = f"its settings are {', '.join(allowed)}" if allowed else "it has none"
                form = setting_form(key, list(allowed or ()))
                help = (
                    f"{form}; {listed}" if form else f"did you mean `{guess}`? {listed}" if guess else listed
                )
                raise self.frame.error("ARCH204", f"`{name}` has no setting `{key}`", given.path, help=help)
            value = settings[key] = self.value(given.value)
            if isinstance(value, int | float) and value < 0:
                raise self.frame.error("ARCH208", f"`{key}` of `{name}` is negative", given.value)
        return Term(name, settings, tuple(self.value(a) for a in expr.args))

    def _binary(self, expr: ast.Binary) -> SearchValue:
        left, right = self.value(expr.left), self.value(expr.right)
        if expr.op in ("==", "!=", "<", "<=", ">", ">=", "in", "+", "-"):
            dims = {_dimension(left), _dimension(right)} - {None}
            if len(dims) > 1 and dims != {"count", "number"}:
                raise self.frame.error(
                    "ARCH212", f"`{expr.op}` between {' and '.join(sorted(map(str, dims)))}", expr
                )
        if expr.op not in ("+", "-", "*", "/") or not (_is_number(left) and _is_number(right)):
            return Formula(expr.op, (left, right))
        try:
            result: SearchValue = apply(OPERATORS[expr.op], left, right)  # type: ignore[assignment]
            return result
        except ArithmeticError as error:
            raise self.frame.error("ARCH211", str(error) or "division by zero", expr) from None


def _is_number(value: SearchValue) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _dimension(value: SearchValue) -> str | None:
    """What a value measures; None where that is open."""
    if isinstance(value, Quantity):
        return value.dimension
    if isinstance(value, Term):
        return MEASURES.get(value.name, "number")
    if isinstance(value, Formula):
        inner = {_dimension(a) for a in value.args}
        return inner.pop() if len(inner) == 1 else None
    return "number" if isinstance(value, int | float) else None
