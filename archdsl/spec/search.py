"""Reads a search declaration as typed values, and checks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archdsl.diagnostics import Diagnostic, Location, SpecError, closest
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.lang.loader import Unit
from archdsl.spec.rows import path_text
from archdsl.spec.search_expressions import ExpressionReader
from archdsl.spec.search_values import (
    COMPARISONS,
    Clauses,
    Formula,
    Objective,
    SearchSpec,
    SearchValue,
    Term,
    dimension,
)
from archdsl.spec.search_words import TRAINED, all_words, did_you_mean, groups, settings_in
from archdsl.spec.settings import settle
from archdsl.spec.units import MEASURES, Quantity


def read_search(unit: Unit, declared: ast.Search, given: Mapping[str, object] | None = None) -> SearchSpec:
    """Reads a search as a typed value; `given` overrides its settings, as `--set` does.

    Raises SpecError with every error found.
    """
    reader = _ClauseReader(unit)
    space = declared.space.id
    _, found = unit.find(space)
    if not isinstance(found, ast.Space):
        reader.errors.extend(reader.unknown_space(declared.space).diagnostics)
    else:
        reader.settable = {s.name for s in found.signature.settings}
        reader.own = {*reader.settable, *part_names(found.body.statements)}
        reader.outputs = tuple(output_names(found.body.statements))
    try:
        reader.settings(declared, given or {})
    except SpecError as error:
        raise SpecError([*reader.errors, *error.diagnostics]) from None
    clauses = reader.clauses(declared.clauses)
    if not reader.errors:
        from archdsl.spec.search_rules import doubts, mistakes

        reader.errors.extend(mistakes(clauses))
    if reader.errors:
        raise SpecError(reader.errors)
    at = reader.frame.location(declared.name)
    notes, warnings = tuple(reader.notes), tuple(doubts(clauses))
    return SearchSpec(declared.name.id, space, clauses, at, notes, warnings, reader.of_space)


def read_expression(unit: Unit, expr: ast.Expr) -> SearchValue:
    """Reads a sum of losses in a file. Raises SpecError."""
    return ExpressionReader(unit).loss(expr)


def part_names(statements: tuple[ast.Statement, ...]) -> Iterator[str]:
    """Yields the names in a space: of stages, inputs and outputs, and of assignments."""
    for statement in statements:
        if isinstance(statement, ast.Stage):
            yield statement.name
            yield from part_names(statement.body.statements)
        elif isinstance(statement, ast.Assign):
            bases = (t.base if isinstance(t, ast.Index) else t for t in statement.targets)
            yield from (base.id for base in bases if isinstance(base, ast.Name))
        elif isinstance(statement, ast.Input | ast.Output):
            yield statement.name


def output_names(statements: tuple[ast.Statement, ...]) -> Iterator[str]:
    """Yields the names of outputs, beginning with the main output."""
    for statement in statements:
        if isinstance(statement, ast.Stage):
            yield from output_names(statement.body.statements)
        elif isinstance(statement, ast.Output):
            yield statement.name


class _ClauseReader(ExpressionReader):
    """Reads the clauses of one search, and collects errors."""

    def __init__(self, unit: Unit):
        super().__init__(unit)
        self.errors: list[Diagnostic] = []
        self.settable: set[str] = set()
        """The names of the settings of the space."""
        self.of_space: dict[str, object] = {}
        """The settings of the space that the search sets, with their values."""

    def fail(self, code: str, headline: str, node: Spanned, help: str | None = None) -> None:
        self.errors.extend(self.frame.error(code, headline, node, help=help).diagnostics)

    def settings(self, declared: ast.Search, given: Mapping[str, object]) -> None:
        """Evaluates the search's own settings. Raises SpecError for invalid ones."""
        for name in declared.signature.inputs:
            raise self.frame.error(
                "ARCH604", "a search has no inputs, only settings", name, help=f"write (; {name.id} = …)"
            )
        for setting in declared.signature.settings:
            own = setting.name in self.own
            if own or setting.name in all_words():
                what = f"a name in `{declared.space.id}`" if own else "a reserved name of searches"
                raise self.frame.error("ARCH203", f"`{setting.name}` is already {what}", setting)
        unknown = given.keys() - {s.name for s in declared.signature.settings}
        if unknown:
            known = ", ".join(s.name for s in declared.signature.settings) or "none"
            headline = f"search `{declared.name.id}` has no setting `{min(unknown)}`"
            raise self.frame.error("ARCH204", headline, declared.name, help=f"available settings: {known}")
        settle(declared, given, self.frame, self.value)

    def clauses(self, clauses: tuple[ast.Clause, ...], group: str = "") -> Clauses:
        """Reads the clauses of a search, or of a `group` in it."""
        settings: dict[str, SearchValue] = {}
        places: dict[str, Location] = {}
        objectives, requirements, communicate = [], [], []
        groups: dict[str, Clauses] = {}
        of_space = {} if group else self.of_space
        if not group:
            self._declare_scores(clauses)
        for clause in clauses:
            try:
                if isinstance(clause, ast.Assign):
                    path = self._setting(clause, settings, of_space, group)
                    places[path] = self.frame.location(clause.targets[0])
                elif isinstance(clause, ast.Goal):
                    place = self.frame.location(clause.value)
                    objectives.append(Objective(clause.direction, self.value(clause.value), place))
                elif isinstance(clause, ast.Require):
                    requirements.append(self._condition(clause.condition))
                elif isinstance(clause, ast.Communicate):
                    what = self.word(clause.what, "scopes")
                    communicate.append((what, self.word(clause.how, "communication")))
                else:
                    self._group(clause, groups)
                allowed = (ast.Assign,) if group in TRAINED else (ast.Assign, ast.Goal, ast.Require)
                if group and not isinstance(clause, allowed):
                    help = "move it to the top level of the search"
                    raise self.frame.error(
                        "ARCH605", f"this clause is not allowed in `{group}`", clause, help=help
                    )
            except SpecError as error:
                self.errors.extend(error.diagnostics)
        found = tuple(objectives), tuple(requirements), tuple(communicate)
        return Clauses(settings, *found, groups, places, of_space)

    def _declare_scores(self, clauses: tuple[ast.Clause, ...]) -> None:
        """Records the scores that the evaluator declares, so that objectives before the clause can refer to
        them.
        """
        for clause in clauses:
            if not isinstance(clause, ast.Assign) or not isinstance(clause.value, ast.Call):
                continue
            target, name = clause.targets[0], clause.value.fn
            if not isinstance(target, ast.Name) or target.id != "evaluate" or not isinstance(name, ast.Name):
                continue
            word = groups()["evaluators"].get(name.id)
            for given in clause.value.settings:
                setting = word.settings.get(given.path.id) if word is not None else None  # type: ignore[union-attr]
                if setting is not None and setting.declares and isinstance(given.value, ast.List):
                    self._declare(given.value)

    def _declare(self, names: ast.List) -> None:
        objectives = groups()["objectives"]
        for name in names.items:
            if not isinstance(name, ast.String):
                continue
            cost = name.value in MEASURES or (name.value in objectives and objectives[name.value].function)
            if (
                cost
                or (name.value in all_words() and name.value not in objectives)
                or self.is_own(name.value)
            ):
                what = "a cost" if name.value in MEASURES else "something else in this search"
                self.fail("ARCH203", f"`{name.value}` is the name of {what} too", name, "rename the score")
            self.scores.add(name.value)

    def _setting(
        self, clause: ast.Assign, settings: dict[str, SearchValue], of_space: dict[str, object], group: str
    ) -> str:
        target = clause.targets[0]
        path = path_text(target, self.frame)
        if path in settings:
            raise self.frame.error("ARCH603", f"`{path}` is set twice", clause)
        first = path.split(".")[0].split("[")[0]
        known = settings_in(group)
        if path in self.settable and group not in TRAINED:
            self._set_of_space(path, clause, of_space)
            return path
        if first in self.own:
            if group == "architecture":
                settings[path] = self.word(clause.value, "samplers")
            elif group and group not in TRAINED:
                settings[path] = self._sampler_or_outcome(clause.value)
            else:
                settings[path] = self.value(clause.value)
                where = f" in `{group}`" if group else " outside of `architecture`"
                help = f"architecture {{ {path} = softmax }} sets the sampler of its decisions"
                self.not_run(f"`{path}`{where}", target, help)
            return path
        if first not in known:
            settings[path] = self.value(clause.value)
            raise self._no_clause(first, group, target)
        setting = known[first]
        if setting.kind in ("whole", "number", "time"):
            value = self.value(clause.value)
            wanted = "time" if setting.kind == "time" else "number"
            if dimension(value) != wanted:
                unit = (
                    "must be a duration such as 48 h"
                    if wanted == "time"
                    else "must be a number without a unit"
                )
                help = f"write {first} = 2 h" if wanted == "time" else f"write {first} = 100"
                raise self.frame.error("ARCH212", f"`{first}` {unit}", clause.value, help=help)
        settings[path] = self.taken(first, None, setting, clause.value)
        if not setting.run:
            self.not_run(f"`{first}`", target)
        return path

    def _set_of_space(self, name: str, clause: ast.Assign, of_space: dict[str, object]) -> None:
        value = self.value(clause.value)
        if name in of_space:
            raise self.frame.error("ARCH603", f"`{name}` is set twice", clause)
        if isinstance(value, Term | Formula):
            help = "a number, a text, true or false, or a list of these"
            raise self.frame.error("ARCH604", f"`{name}` of the space takes a value", clause.value, help=help)
        of_space[name] = value.amount if isinstance(value, Quantity) else value

    def _sampler_or_outcome(self, expr: ast.Expr) -> SearchValue:
        """Reads how an architecture decides: by a sampler, or always for one outcome, a label or number."""
        name = expr.fn if isinstance(expr, ast.Call) else expr
        if isinstance(name, ast.Name) and not self.is_own(name.id):
            return self.word(expr, "samplers") if name.id in groups()["samplers"] else name.id
        value = self.value(expr)
        if isinstance(value, int | float | str | Term):
            return value
        help = "write an outcome (widths = 12), or a sampler (widths = hard)"
        raise self.frame.error("ARCH604", "expected an outcome or a sampler", expr, help=help)

    def _no_clause(self, name: str, group: str, node: Spanned) -> SpecError:
        known = settings_in(group)
        from archdsl.configs.words import guessed, listed
        from archdsl.lang.search_habits import clause_form

        form, guess = clause_form(name), guessed(name, known) or did_you_mean(closest(name, list(self.own)))
        if group and name in settings_in(""):
            form = f"`{name}` belongs at the top level of the search"
        parts = "; or a name in its space" if group in ("", "architecture") else ""
        help = form or guess or f"available: {listed(known)}{parts}"
        where = f"`{group}`" if group else "a search"
        return self.frame.error("ARCH605", f"{where} has no clause `{name}`", node, help=help)

    def _group(self, clause: ast.Group, groups: dict[str, Clauses]) -> None:
        name = f"{clause.kind} {clause.label}" if clause.label else clause.kind
        if name in groups:
            raise self.frame.error("ARCH603", f"group `{name}` is defined twice", clause)
        groups[name] = found = self.clauses(clause.clauses, name)
        if name not in TRAINED and not found.objectives:
            help = did_you_mean(closest(name, TRAINED)) or "minimize cross_entropy"
            headline = f"the architecture `{name}` has no objective"
            raise self.frame.error("ARCH605", headline, clause, help=help)

    def _condition(self, expr: ast.Expr) -> SearchValue:
        value = self.value(expr)
        if not isinstance(value, Formula) or value.op not in COMPARISONS:
            help = "require params <= 2M, or require rate in 20 fps .. 30 fps"
            raise self.frame.error("ARCH604", "expected a comparison as the requirement", expr, help=help)
        return value
