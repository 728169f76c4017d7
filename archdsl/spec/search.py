"""Reads a search declaration into typed values and checks it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from archdsl.diagnostics import Diagnostic, Label, Location, SpecError, closest
from archdsl.ir.expr import apply
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.lang.habits import setting_form
from archdsl.lang.loader import Unit
from archdsl.spec.evaluate.arithmetic import OPERATORS
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.losses import demand_losses, unknown_output
from archdsl.spec.rows import path_text
from archdsl.spec.search_values import COMPARISONS, Clauses, Formula, Objective, SearchSpec, SearchValue, Term
from archdsl.spec.settings import settle
from archdsl.spec.units import MEASURES, UNITS, Quantity, quantity

if TYPE_CHECKING:
    from archdsl.configs.setting import Setting
    from archdsl.configs.word import Word


def read_search(unit: Unit, declared: ast.Search, given: Mapping[str, object] | None = None) -> SearchSpec:
    """Reads a search as a typed value; `given` overrides its settings, as `--set` does.

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
            f"unknown space `{space}`",
            declared.space,
            f"did you mean `{guess}`?" if guess else _spaces(known),
        )
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
        from archdsl.spec.search_rules import mistakes

        reader.errors.extend(mistakes(clauses))
    if reader.errors:
        raise SpecError(reader.errors)
    at = reader.frame.location(declared.name)
    return SearchSpec(declared.name.id, space, clauses, at, tuple(reader.notes), reader.of_space)


def read_expression(unit: Unit, expr: ast.Expr) -> SearchValue:
    """A sum of losses of a file.  Raises SpecError with every error found."""
    reader = _Reader(unit)
    value = reader.loss(expr)
    if reader.errors:
        raise SpecError(reader.errors)
    return value


def part_names(statements: tuple[ast.Statement, ...]) -> Iterator[str]:
    """Names of stages, inputs and outputs, and names assigned in stages and in the space."""
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
    """Names of outputs, the main one first."""
    for statement in statements:
        if isinstance(statement, ast.Stage):
            yield from output_names(statement.body.statements)
        elif isinstance(statement, ast.Output):
            yield statement.name


class _Reader:
    def __init__(
        self, unit: Unit, reading: tuple[ast.Constant, ...] = (), outputs: tuple[str, ...] | None = None
    ):
        self.unit, self.frame, self.reading = unit, Frame(unit), reading
        self.outputs = outputs
        """The outputs of the space; None where it is unknown."""
        self.errors: list[Diagnostic] = []
        self.notes: list[Diagnostic] = []
        self.silent = 0
        """Nesting depth inside features that are not run yet; notes are suppressed within."""
        self.own: set[str] = set()
        """Names of the space that a search may set: its settings, stages and assigned names."""
        self.scores: set[str] = set()
        """Names that the evaluator declares for scores."""
        self.settable: set[str] = set()
        """Settings of the space."""
        self.of_space: dict[str, object] = {}
        """Those that the search sets."""

    def fail(self, code: str, headline: str, node: Spanned, help: str | None = None) -> None:
        self.errors.extend(self.frame.error(code, headline, node, help=help).diagnostics)

    def not_run(self, what: str, node: Spanned, help: str | None = None) -> None:
        """Adds a note that a feature is accepted but not run yet."""
        if not self.silent:
            place = Label(self.frame.location(node), "checked, but rejected by `archdsl search`")
            note = Diagnostic("ARCH608", f"{what} is not run yet", place, severity="note", help=help)
            self.notes.append(note)

    def settings(self, declared: ast.Search, given: Mapping[str, object]) -> None:
        """Evaluates the search's settings. Raises SpecError for invalid ones."""
        for name in declared.signature.inputs:
            raise self.frame.error(
                "ARCH604", "a search has no inputs, only settings", name, help=f"write (; {name.id} = …)"
            )
        for setting in declared.signature.settings:
            own = setting.name in self.own
            if own or setting.name in _words():
                what = f"a name in `{declared.space.id}`" if own else "a reserved name of searches"
                raise self.frame.error("ARCH203", f"`{setting.name}` is already {what}", setting)
        unknown = given.keys() - {s.name for s in declared.signature.settings}
        if unknown:
            known = ", ".join(s.name for s in declared.signature.settings) or "none"
            headline = f"search `{declared.name.id}` has no setting `{min(unknown)}`"
            raise self.frame.error("ARCH204", headline, declared.name, help=f"available settings: {known}")
        settle(declared, given, self.frame, self.value)

    def clauses(self, clauses: tuple[ast.Clause, ...], group: str = "") -> Clauses:
        """The clauses of a search, or of a `group` in it."""
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
                    what = self._word(clause.what, "scopes")
                    communicate.append((what, self._word(clause.how, "communication")))
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
        """Registers the scores that the evaluator declares, so that objectives can name them anywhere."""
        for clause in clauses:
            if not isinstance(clause, ast.Assign) or not isinstance(clause.value, ast.Call):
                continue
            target, name = clause.targets[0], clause.value.fn
            if not isinstance(target, ast.Name) or target.id != "evaluate" or not isinstance(name, ast.Name):
                continue
            word = _groups()["evaluators"].get(name.id)
            for given in clause.value.settings:
                setting = word.settings.get(given.path.id) if word is not None else None  # type: ignore[union-attr]
                if setting is not None and setting.declares and isinstance(given.value, ast.List):
                    self._declare(given.value)

    def _declare(self, names: ast.List) -> None:
        objectives = _groups()["objectives"]
        for name in names.items:
            if not isinstance(name, ast.String):
                continue
            cost = name.value in MEASURES or (name.value in objectives and objectives[name.value].function)
            if cost or (name.value in _words() and name.value not in objectives) or self._is_own(name.value):
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
        known = _clauses(group)
        if path in self.settable and group not in TRAINED:
            self._set_of_space(path, clause, of_space)
            return path
        if first in self.own:
            if group == "architecture":
                settings[path] = self._word(clause.value, "samplers")
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
            if _dimension(value) != wanted:
                unit = (
                    "must be a duration such as 48 h"
                    if wanted == "time"
                    else "must be a number without a unit"
                )
                help = f"write {first} = 2 h" if wanted == "time" else f"write {first} = 100"
                raise self.frame.error("ARCH212", f"`{first}` {unit}", clause.value, help=help)
        settings[path] = self._taken(first, None, setting, clause.value)
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
        """How one architecture decides: by a sampler, or always for an outcome (a label, or a number)."""
        name = expr.fn if isinstance(expr, ast.Call) else expr
        if isinstance(name, ast.Name) and not self._is_own(name.id):
            return self._word(expr, "samplers") if name.id in _groups()["samplers"] else name.id
        value = self.value(expr)
        if isinstance(value, int | float | str | Term):
            return value
        help = "write an outcome (widths = 12), or a sampler (widths = hard)"
        raise self.frame.error("ARCH604", "expected an outcome or a sampler", expr, help=help)

    def _no_clause(self, name: str, group: str, node: Spanned) -> SpecError:
        known = _clauses(group)
        from archdsl.configs.words import guessed, listed
        from archdsl.lang.search_habits import clause_form

        form, guess = clause_form(name), guessed(name, known) or _question(closest(name, list(self.own)))
        if group and name in _clauses(""):
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
            help = _question(closest(name, TRAINED)) or "minimize cross_entropy"
            headline = f"the architecture `{name}` has no objective"
            raise self.frame.error("ARCH605", headline, clause, help=help)

    def _condition(self, expr: ast.Expr) -> SearchValue:
        value = self.value(expr)
        if not isinstance(value, Formula) or value.op not in COMPARISONS:
            help = "require params <= 2M, or require rate in 20 fps .. 30 fps"
            raise self.frame.error("ARCH604", "expected a comparison as the requirement", expr, help=help)
        return value

    # ------------------------------------------------------------ values

    def value(self, expr: ast.Expr) -> SearchValue:
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
                if expr.op == "-" and _is_number(operand):
                    return -operand
                return Formula(expr.op, (operand,), self.frame.location(expr))
            case ast.Range():
                ends = (self.value(expr.low), self.value(expr.high))
                return Formula("..", ends, self.frame.location(expr))
            case ast.Binary():
                return self._binary(expr)
        help = self._value_form(expr)
        raise self.frame.error(
            "ARCH604", "expected a number, a name or an arithmetic expression of these", expr, help=help
        )

    def _quantity(self, expr: ast.Quantity) -> Quantity:
        if expr.unit not in UNITS:
            raise self.frame.error(
                "ARCH212", f"unknown unit `{expr.unit}`", expr, help=f"available: {', '.join(UNITS)}"
            )
        return quantity(expr.value, expr.unit)

    def _name(self, expr: ast.Name) -> SearchValue:
        if expr.id in self.frame.names:
            return cast(SearchValue, self.frame.names[expr.id])
        unit, constant = self.unit.find(expr.id)
        if isinstance(constant, ast.Constant):
            return self._constant(unit, constant)
        return self._bare(expr)

    def _bare(self, expr: ast.Expr, group: str = "") -> Term:
        """A word without settings; from the expected group if two groups have the name."""
        assert isinstance(expr, ast.Name)
        self._known(expr.id, expr, group)
        return Term(expr.id, at=self.frame.location(expr), group=group)

    def _constant(self, unit: Unit, constant: ast.Constant) -> SearchValue:
        if any(constant is other for other in self.reading):
            raise Frame(unit).error(
                "ARCH210", f"the definition of `{constant.name.id}` refers to itself", constant.name
            )
        return _Reader(unit, (*self.reading, constant), self.outputs).value(constant.value)

    def _value_form(self, expr: ast.Expr) -> str | None:
        """What is written instead of an expression that a search does not have."""
        from archdsl.lang.search_habits import search_form

        if isinstance(expr, ast.Conditional):
            return "a search has no conditionals: write a limit as a requirement, require macs <= 1M"
        if isinstance(expr, ast.Chain):
            return (
                "settings that change during a search have a start and an end: gumbel(tau = 3.0, end = 0.1)"
            )
        inner = expr.fn if isinstance(expr, ast.Call) else expr
        base = inner.base if isinstance(inner, ast.Attribute | ast.Index) else None
        if isinstance(base, ast.Name) and base.id in MEASURES:
            if isinstance(expr, ast.Call) and isinstance(inner, ast.Attribute):
                return f"write the argument in parentheses: {inner.name}({base.id})"
            return f'settings are passed by name: {base.id}(device = "NAME")'
        if isinstance(inner, ast.Attribute):
            form = search_form(inner.name, list(_words()))
            return form or f"names have no prefix: write {inner.name}"
        return None

    def _known(self, name: str, node: Spanned, group: str = "") -> Word:
        words = _groups()[group] if group else _words()
        if name in self.scores and name not in words:
            return _score()
        if name not in words:
            raise self._unknown(name, "word", words, node)
        word = words[name]
        if not word.run:
            self.not_run(f"`{name}`", node)
        return word

    def _unknown(self, name: str, kind: str, words: Mapping[str, Word], node: Spanned) -> SpecError:
        from archdsl.configs.words import guessed, listed
        from archdsl.lang.search_habits import search_form

        help = search_form(name, list(words)) or guessed(name, words)
        if help is None and words is not _words():
            help = f"available: {listed(words)}"
        elif help is None:
            help = (
                "objectives are made of losses, scores and costs (`archdsl explain --objectives`) and of "
                "the search's own settings; names of devices are in quotes"
            )
        return self.frame.error("ARCH601", f"unknown {kind} `{name}` in a search", node, help=help)

    def _is_defined(self, name: str) -> bool:
        """Whether a name is in the vocabulary, a setting of the search or a constant."""
        return name in _words() or self._is_own(name)

    def _is_own(self, name: str) -> bool:
        """Whether a name is a setting of the search or a constant."""
        return name in self.frame.names or isinstance(self.unit.find(name)[1], ast.Constant)

    def _word(self, expr: ast.Expr, group: str, only: Collection[str] = ()) -> SearchValue:
        """A value that must be one of the words of a group, or of some of them."""
        from archdsl.configs.words import KINDS, guessed, listed, one

        words, kind = _groups()[group], KINDS[group]
        words = {name: words[name] for name in only} if only else words
        name = expr.fn if isinstance(expr, ast.Call) else expr
        if isinstance(name, ast.Name) and not self._is_defined(name.id):
            raise self._unknown(name.id, kind, words, name)
        if isinstance(name, ast.Name) and name.id in words and not self._is_own(name.id):
            return self._term(expr, group) if isinstance(expr, ast.Call) else self._bare(expr, group)
        value = self.value(expr)
        if isinstance(value, Term) and value.name in words:
            return value
        what = f"`{value.name}`" if isinstance(value, Term) else _shown(value)
        guess = guessed(value.name, words) if isinstance(value, Term) else None
        help = f"{guess} available: {listed(words)}" if guess else f"available: {listed(words)}"
        if isinstance(value, str):
            from archdsl.lang.search_habits import search_form

            plain = value.lower()
            form = f"write {plain}" if plain in words else search_form(value, list(words))
            help = f"names have no quotes: {form or help}"
        raise self.frame.error("ARCH607", f"expected {one(kind)}, got {what}", expr, help=help)

    def _taken(self, key: str, of: str | None, setting: Setting, expr: ast.Expr) -> SearchValue:
        """Evaluates and checks the value of a setting."""
        if setting.kind == "word":
            return self._word(expr, setting.group, setting.choices)
        if setting.kind == "loss":
            return self.loss(expr)
        if setting.kind == "target" and isinstance(expr, ast.Name):
            return expr.id
        if setting.kind == "choices" and isinstance(expr, ast.List):
            named = [one.id for one in expr.items if isinstance(one, ast.Name) and one.id in setting.choices]
            if len(named) == len(expr.items):
                return tuple(named)
        if setting.kind == "names" and isinstance(expr, ast.List):
            return tuple(self._name_of_space(one) for one in expr.items)
        if setting.kind == "part" and isinstance(expr, ast.Name | ast.Attribute | ast.Index):
            return self._name_of_space(expr)
        if setting.kind == "space" and isinstance(expr, ast.Name):
            return self._space(expr)
        if isinstance(expr, ast.Name) and expr.id in setting.choices:
            return (expr.id,) if setting.kind == "choices" else expr.id
        name = f"`{key}` of `{of}`" if of else f"`{key}`"
        named = [one for one in setting.choices if isinstance(one, str)]
        if named and isinstance(expr, ast.Name) and not self._is_defined(expr.id):
            help = _question(closest(expr.id, named)) or f"available: {', '.join(named)}"
            headline = f"{name} must be {setting.expected()}, got `{expr.id}`"
            raise self.frame.error("ARCH607", headline, expr, help=help)
        value = self.value(expr)
        if _is_number(value) and value < 0 and setting.low >= 0:
            raise self.frame.error(
                "ARCH208", f"{name} must be {setting.expected()}, got {_shown(value)}", expr
            )
        if not setting.accepts(_plain(value)):
            help = f"`{key}`: {setting.doc}"
            raise self.frame.error(
                "ARCH607", f"{name} must be {setting.expected()}, got {_shown(value)}", expr, help=help
            )
        return value

    def _space(self, name: ast.Name) -> str:
        """The name of a space that the file declares or imports."""
        if isinstance(self.unit.find(name.id)[1], ast.Space):
            return name.id
        known = [n for n, d in self.unit.declared.items() if isinstance(d, ast.Space)]
        known += [n for n, (_, d) in self.unit.imported.items() if isinstance(d, ast.Space)]
        help = _question(closest(name.id, known)) or _spaces(known)
        raise self.frame.error("ARCH602", f"unknown space `{name.id}`", name, help=help)

    def _name_of_space(self, expr: ast.Expr) -> str:
        """The name of a part of the space: `stem`, `keep[0, 8]`."""
        path = path_text(expr, self.frame)
        if path.split(".")[0].split("[")[0] not in self.own:
            guess = _question(closest(path, list(self.own)))
            raise self.frame.error("ARCH607", f"`{path}` is not a name in the space", expr, help=guess)
        return path

    def _term(self, expr: ast.Call, group: str = "") -> Term:
        name = expr.fn.id  # type: ignore[union-attr]
        word = self._known(name, expr.fn, group)
        allowed = word.settings
        settings: dict[str, SearchValue] = {}
        places: dict[str, Location] = {}
        self.silent += not word.run
        for given in expr.settings:
            key = given.path.id  # type: ignore[union-attr]
            if key not in allowed:
                raise self._no_setting(name, key, allowed, given.path)
            if key in settings:
                raise self.frame.error("ARCH204", f"`{key}` of `{name}` is set twice", given.path)
            settings[key] = self._taken(key, name, allowed[key], given.value)
            places[key] = self.frame.location(given.path)
            if key == "outputs" and isinstance(given.value, ast.List):
                self._demand_outputs(given.value)
            if not allowed[key].run:
                self.not_run(f"`{key}` of `{name}`", given.path)
        output = self._output(name, expr, places) if word.of_output and expr.args else ""
        args = () if output else tuple(self.value(a) for a in expr.args)
        self.silent -= not word.run
        if len(args) != word.function:
            named = ", ".join(f"{key} = …" for key in allowed)
            help = (
                word.example
                if word.function
                else f"settings are passed by name: {name}({named})"
                if named
                else f"write {name}"
            )
            count = {0: "no positional arguments", 1: "one positional argument"}
            takes = f"takes {count.get(word.function, f'{word.function} positional arguments')}"
            raise self.frame.error("ARCH604", f"`{name}` {takes}", expr, help=help)
        if output and "outputs" in settings:
            help = f"add up terms: {name}({output}) + 0.4 * {name}(OUTPUT)"
            raise self.frame.error(
                "ARCH604", f"`{name}` names outputs twice: `{output}` and `outputs`", expr, help=help
            )
        return Term(name, settings, args, self.frame.location(expr), places, group, output)

    def _output(self, word: str, call: ast.Call, places: dict[str, Location]) -> str:
        """The output that a loss or a score is of: `ohem(aux)`."""
        expr, *others = call.args
        if others or not isinstance(expr, ast.Name):
            help = f"write {word}, or {word}(NAME) with the name of an output"
            node = others[0] if others else expr
            raise self.frame.error("ARCH604", f"`{word}` takes the name of one output", node, help=help)
        if self.outputs is not None and expr.id not in self.outputs:
            raise SpecError([unknown_output(expr.id, self.outputs, self.frame.location(expr))])
        places["output"] = self.frame.location(expr)
        return expr.id

    def _demand_outputs(self, names: ast.List) -> None:
        if (there := self.outputs) is None:
            return
        for name in names.items:
            if isinstance(name, ast.String) and name.value not in there:
                raise SpecError([unknown_output(name.value, there, self.frame.location(name))])

    def loss(self, expr: ast.Expr) -> SearchValue:
        """A sum of losses with weights: `ohem(logits) + 0.4 * ohem(aux)`."""
        value = self.value(expr)
        demand_losses(value, self.frame.location(expr))
        return value

    def _no_setting(self, name: str, key: str, known: Mapping[str, Setting], node: Spanned) -> SpecError:
        from archdsl.configs.words import guessed, listed

        guess, form = guessed(key, known), setting_form(key, list(known))
        there = f"available settings: {listed(known)}" if known else "it has no settings"
        help = f"{form}; {there}" if form else f"{guess} {there}" if guess else there
        return self.frame.error("ARCH204", f"`{name}` has no setting `{key}`", node, help=help)

    def _binary(self, expr: ast.Binary) -> SearchValue:
        left, right = self.value(expr.left), self.value(expr.right)
        if expr.op in ("==", "!=", "<", "<=", ">", ">=", "in", "+", "-"):
            dims = {_dimension(left), _dimension(right)} - {None}
            if len(dims) > 1 and dims != {"count", "number"}:
                raise self.frame.error(
                    "ARCH212",
                    f"incompatible units in `{expr.op}`: {' and '.join(sorted(map(str, dims)))}",
                    expr,
                    help=_unit_form({str(one) for one in dims}),
                )
        if expr.op in ("/", "//", "%") and _is_number(right) and right == 0:
            raise self.frame.error("ARCH211", "division by zero", expr)
        folds = expr.op in ("+", "-", "*", "/", "//", "%") or (expr.op == "**" and isinstance(right, int))
        if not folds or not (_is_number(left) and _is_number(right)):
            return Formula(expr.op, (left, right), self.frame.location(expr))
        try:
            result: SearchValue = apply(OPERATORS[expr.op], left, right)  # type: ignore[assignment]
            return result
        except ArithmeticError as error:
            raise self.frame.error("ARCH211", str(error), expr) from None


TRAINED = ("architecture", "parameters")
"""The groups of trained parameters; any other group is one of several architectures that share weights."""


def _words() -> Mapping[str, Word]:
    from archdsl.configs.words import WORDS  # imported late: most files have no search

    return WORDS


def _score() -> Word:
    from archdsl.configs.objectives import Plain
    from archdsl.configs.word import Word

    return Word("a score that the evaluator declares", Plain)


def _groups() -> Mapping[str, Mapping[str, Word]]:
    from archdsl.configs.words import GROUPS

    return GROUPS


def _clauses(group: str) -> Mapping[str, Setting]:
    """The settings that a search ("") or a group in it accepts."""
    from archdsl.configs import clauses
    from archdsl.configs.setting import settings_of

    if group in TRAINED:
        return settings_of(clauses.Group)
    return settings_of(clauses.Member if group else clauses.Search)


def _spaces(known: list[str]) -> str:
    if not known:
        return 'the file has no space: declare one, or import it: import NAME from "./spaces.arch"'
    return f"spaces of the file: {', '.join(known)}"


def _unit_form(dimensions: set[str]) -> str | None:
    """How a value of the measured dimension is written, next to another."""
    if "time" in dimensions:
        return "write a time with its unit: latency <= 9 ms"
    if "rate" in dimensions:
        return "write a rate with its unit: rate >= 30 fps"
    return "write a count: params <= 2M" if "count" in dimensions else None


def _question(guess: str | None) -> str | None:
    return f"did you mean `{guess}`?" if guess else None


def _shown(value: SearchValue) -> str:
    if isinstance(value, Term | Formula):
        return f"`{value.name}`" if isinstance(value, Term) else "an expression"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _plain(value: SearchValue) -> Any:
    """A range `1..19` of labels as a tuple, truncated to one more than the number of labels."""
    if isinstance(value, Formula) and value.op == ".." and all(type(end) is int for end in value.args):
        first, last = value.args
        return tuple(range(first, min(last, first + 256) + 1))  # type: ignore[operator, arg-type, type-var]
    return value


def _is_number(value: SearchValue) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _dimension(value: SearchValue) -> str | None:
    """What a value measures, such as "time"; None where unknown."""
    if isinstance(value, Quantity):
        return value.dimension
    if isinstance(value, Term):
        return MEASURES.get(value.name, "number")
    if isinstance(value, Formula):
        inner = {_dimension(a) for a in value.args}
        return inner.pop() if len(inner) == 1 else None
    return "number" if isinstance(value, int | float) else None
