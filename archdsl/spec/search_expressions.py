"""Reads the expressions of a search, such as `0.1 * log(macs)` and `gumbel(tau = 3.0)`, as typed values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, cast

from archdsl.diagnostics import Diagnostic, Label, Location, SpecError, closest
from archdsl.ir.expr import apply
from archdsl.lang import ast
from archdsl.lang.ast import Spanned
from archdsl.lang.habits import setting_form
from archdsl.lang.loader import Unit
from archdsl.spec.evaluate.arithmetic import OPERATORS
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.losses import demand_losses, demand_minimized, unknown_output
from archdsl.spec.rows import path_text
from archdsl.spec.search_values import Formula, SearchValue, Term, dimension, is_number, plain, shown
from archdsl.spec.search_words import all_words, did_you_mean, groups, score, spaces_help, usual_form
from archdsl.spec.units import UNITS, Quantity, quantity

if TYPE_CHECKING:
    from archdsl.configs.setting import Setting
    from archdsl.configs.word import Word


class ExpressionReader:
    """Reads expressions of words of the vocabulary, settings of the search, and names in its space."""

    def __init__(
        self, unit: Unit, reading: tuple[ast.Constant, ...] = (), outputs: tuple[str, ...] | None = None
    ):
        self.unit, self.frame, self.reading = unit, Frame(unit), reading
        self.outputs = outputs
        """The names of the outputs of the space; None if the space is unknown."""
        self.notes: list[Diagnostic] = []
        self.silent = 0
        """The nesting depth inside features that are not run yet; if it is not 0, notes are suppressed."""
        self.own: set[str] = set()
        """The names in the space that a search may set: its settings, stages and assigned names."""
        self.scores: set[str] = set()
        """The names of scores that the evaluator declares."""

    def value(self, expr: ast.Expr) -> SearchValue:
        """Reads any expression. Raises SpecError, as the other methods do."""
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
                if expr.op == "-" and is_number(operand):
                    return -operand
                return Formula(expr.op, (operand,), self.frame.location(expr))
            case ast.Range():
                ends = (self.value(expr.low), self.value(expr.high))
                return Formula("..", ends, self.frame.location(expr))
            case ast.Binary():
                return self._binary(expr)
        help = usual_form(expr)
        raise self.frame.error(
            "ARCH604", "expected a number, a name or an arithmetic expression of these", expr, help=help
        )

    def loss(self, expr: ast.Expr) -> SearchValue:
        """Reads a weighted sum of losses: `ohem(logits) + 0.4 * ohem(aux)`."""
        value = self.value(expr)
        demand_losses(value, self.frame.location(expr))
        return value

    def word(self, expr: ast.Expr, group: str, only: Collection[str] = ()) -> SearchValue:
        """Reads an expression that must be one of the words of a group; with `only`, one of these words."""
        from archdsl.configs.words import KINDS, guessed, listed, one

        words, kind = groups()[group], KINDS[group]
        words = {name: words[name] for name in only} if only else words
        name = expr.fn if isinstance(expr, ast.Call) else expr
        if isinstance(name, ast.Name) and not self._is_defined(name.id):
            raise self._unknown(name.id, kind, words, name)
        if isinstance(name, ast.Name) and name.id in words and not self.is_own(name.id):
            return self._term(expr, group) if isinstance(expr, ast.Call) else self._bare(expr, group)
        value = self.value(expr)
        if isinstance(value, Term) and value.name in words:
            return value
        what = f"`{value.name}`" if isinstance(value, Term) else shown(value)
        guess = guessed(value.name, words) if isinstance(value, Term) else None
        help = f"{guess} available: {listed(words)}" if guess else f"available: {listed(words)}"
        if isinstance(value, str):
            from archdsl.lang.search_habits import search_form

            plain = value.lower()
            form = f"write {plain}" if plain in words else search_form(value, list(words))
            help = f"names have no quotes: {form or help}"
        raise self.frame.error("ARCH607", f"expected {one(kind)}, got {what}", expr, help=help)

    def taken(self, key: str, of: str | None, setting: Setting, expr: ast.Expr) -> SearchValue:
        """Reads and checks the value of a setting."""
        if setting.kind == "word":
            return self.word(expr, setting.group, setting.choices)
        if setting.kind == "loss":
            found = self.loss(expr)
            demand_minimized(found)
            return found
        if setting.kind == "target" and isinstance(expr, ast.Name):
            return expr.id
        if setting.kind == "choices" and isinstance(expr, ast.List):
            named = [one.id for one in expr.items if isinstance(one, ast.Name) and one.id in setting.choices]
            if len(named) == len(expr.items):
                return tuple(named)
        if setting.kind == "names" and isinstance(expr, ast.List):
            return tuple(self.name_of_space(one) for one in expr.items)
        if setting.kind == "part" and isinstance(expr, ast.Name | ast.Attribute | ast.Index):
            return self.name_of_space(expr)
        if setting.kind == "space" and isinstance(expr, ast.Name):
            return self._space(expr)
        if isinstance(expr, ast.Name) and expr.id in setting.choices:
            return (expr.id,) if setting.kind == "choices" else expr.id
        name = f"`{key}` of `{of}`" if of else f"`{key}`"
        named = [one for one in setting.choices if isinstance(one, str)]
        if named and isinstance(expr, ast.Name) and not self._is_defined(expr.id):
            help = did_you_mean(closest(expr.id, named)) or f"available: {', '.join(named)}"
            headline = f"{name} must be {setting.expected()}, got `{expr.id}`"
            raise self.frame.error("ARCH607", headline, expr, help=help)
        value = self.value(expr)
        if is_number(value) and value < 0 and setting.low >= 0:
            raise self.frame.error(
                "ARCH208", f"{name} must be {setting.expected()}, got {shown(value)}", expr
            )
        if not setting.accepts(plain(value)):
            help = f"`{key}`: {setting.doc}"
            raise self.frame.error(
                "ARCH607", f"{name} must be {setting.expected()}, got {shown(value)}", expr, help=help
            )
        return value

    def name_of_space(self, expr: ast.Expr) -> str:
        """Reads the name of a part of the space, such as `stem` or `keep[0, 8]`."""
        path = path_text(expr, self.frame)
        if path.split(".")[0].split("[")[0] not in self.own:
            guess = did_you_mean(closest(path, list(self.own)))
            raise self.frame.error("ARCH607", f"`{path}` is not a name in the space", expr, help=guess)
        return path

    def is_own(self, name: str) -> bool:
        """Whether a name is a setting of the search or a constant."""
        return name in self.frame.names or isinstance(self.unit.find(name)[1], ast.Constant)

    def not_run(self, what: str, node: Spanned, help: str | None = None) -> None:
        """Adds a note (ARCH608) that a feature is accepted but not run yet."""
        if not self.silent:
            place = Label(self.frame.location(node), "checked, but rejected by `archdsl search`")
            note = Diagnostic("ARCH608", f"{what} is not run yet", place, severity="note", help=help)
            self.notes.append(note)

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
        """Reads a word without settings; if two groups have the name, from the expected group."""
        assert isinstance(expr, ast.Name)
        self._known(expr.id, expr, group)
        return Term(expr.id, at=self.frame.location(expr), group=group)

    def _constant(self, unit: Unit, constant: ast.Constant) -> SearchValue:
        if any(constant is other for other in self.reading):
            raise Frame(unit).error(
                "ARCH210", f"the definition of `{constant.name.id}` refers to itself", constant.name
            )
        return ExpressionReader(unit, (*self.reading, constant), self.outputs).value(constant.value)

    def _binary(self, expr: ast.Binary) -> SearchValue:
        left, right = self.value(expr.left), self.value(expr.right)
        if expr.op in ("==", "!=", "<", "<=", ">", ">=", "in", "+", "-"):
            dims = {dimension(left), dimension(right)} - {None}
            if len(dims) > 1 and dims != {"count", "number"}:
                raise self.frame.error(
                    "ARCH212",
                    f"incompatible units in `{expr.op}`: {' and '.join(sorted(map(str, dims)))}",
                    expr,
                    help=_unit_form({str(one) for one in dims}),
                )
        if expr.op in ("/", "//", "%") and is_number(right) and right == 0:
            raise self.frame.error("ARCH211", "division by zero", expr)
        folds = expr.op in ("+", "-", "*", "/", "//", "%") or (expr.op == "**" and isinstance(right, int))
        if not folds or not (is_number(left) and is_number(right)):
            return Formula(expr.op, (left, right), self.frame.location(expr))
        try:
            result: SearchValue = apply(OPERATORS[expr.op], left, right)  # type: ignore[assignment]
            return result
        except ArithmeticError as error:
            raise self.frame.error("ARCH211", str(error), expr) from None

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
            settings[key] = self.taken(key, name, allowed[key], given.value)
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
        """Reads the output on which a loss or score is computed: `aux` in `ohem(aux)`."""
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

    def _space(self, name: ast.Name) -> str:
        """Reads the name of a space that the file declares or imports."""
        if isinstance(self.unit.find(name.id)[1], ast.Space):
            return name.id
        raise self.unknown_space(name)

    def unknown_space(self, name: ast.Name) -> SpecError:
        """The error (ARCH602) for a name that is not the name of a space."""
        known = [n for n, d in self.unit.declared.items() if isinstance(d, ast.Space)]
        known += [n for n, (_, d) in self.unit.imported.items() if isinstance(d, ast.Space)]
        help = did_you_mean(closest(name.id, known)) or spaces_help(known)
        return self.frame.error("ARCH602", f"unknown space `{name.id}`", name, help=help)

    def _known(self, name: str, node: Spanned, group: str = "") -> Word:
        words = groups()[group] if group else all_words()
        if name in self.scores and name not in words:
            return score()
        if name not in words:
            raise self._unknown(name, "word", words, node)
        word = words[name]
        if not word.run:
            self.not_run(f"`{name}`", node)
        return word

    def _is_defined(self, name: str) -> bool:
        """Whether a name is a word of the vocabulary, a setting of the search or a constant."""
        return name in all_words() or self.is_own(name)

    def _unknown(self, name: str, kind: str, words: Mapping[str, Word], node: Spanned) -> SpecError:
        from archdsl.configs.words import guessed, listed
        from archdsl.lang.search_habits import search_form

        help = search_form(name, list(words)) or guessed(name, words)
        if help is None and words is not all_words():
            help = f"available: {listed(words)}"
        elif help is None:
            help = (
                "objectives are made of losses, scores and costs (`archdsl explain --objectives`) and of "
                "the search's own settings; names of devices are in quotes"
            )
        return self.frame.error("ARCH601", f"unknown {kind} `{name}` in a search", node, help=help)

    def _no_setting(self, name: str, key: str, known: Mapping[str, Setting], node: Spanned) -> SpecError:
        from archdsl.configs.words import guessed, listed

        guess, form = guessed(key, known), setting_form(key, list(known))
        there = f"available settings: {listed(known)}" if known else "it has no settings"
        help = f"{form}; {there}" if form else f"{guess} {there}" if guess else there
        return self.frame.error("ARCH204", f"`{name}` has no setting `{key}`", node, help=help)


def _unit_form(dimensions: set[str]) -> str | None:
    """The help that says how to write a value of the measured dimension; None for a value without a unit."""
    if "time" in dimensions:
        return "write a time with its unit: latency <= 9 ms"
    if "rate" in dimensions:
        return "write a rate with its unit: rate >= 30 fps"
    return "write a count: params <= 2M" if "count" in dimensions else None
