"""Reads and writes pipelines of passes as text: `simplify, prune(hyper[1].gate = 2)`.

    pipeline = [pass {"," pass}]
    pass     = NAME ["(" [option {"," option}] ")"]
    option   = NAME "=" value
    value    = label | "{" [label {"," label}] "}"
    label    = NAME | number | string

A NAME is a name as in the text form of graphs: `hyper[1].gate`, or any text in quotes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from archdsl.diagnostics import Location, Source, closest
from archdsl.ir.text.tokens import name_text, quoted
from archdsl.ir.text.value_reader import Place, TokenReader
from archdsl.passes.base import Option, Pass
from archdsl.passes.pipeline import Pipeline
from archdsl.passes.registry import PASSES

MAX_CHARS = 10_000
MAX_PASSES = 100


def read_pipeline(
    text: str, known: Mapping[str, type[Pass[Any]]] = PASSES, *, name: str = "<passes>"
) -> Pipeline:
    """Parses a pipeline of the passes in `known`; `name` is the name of the text in messages.

    Raises SpecError: ARCH509 for a syntax error, or for more than `MAX_PASSES` passes; ARCH506 for an unknown
    pass; ARCH507 for unknown, missing or invalid options.
    """
    reader = _Reader(Source(name, text[:MAX_CHARS]), known)
    if len(text) > MAX_CHARS:
        reader.fail(f"the pipeline text is longer than {MAX_CHARS:,} characters")
    return reader.pipeline()


def pipeline_text(pipeline: Pipeline) -> str:
    """The text of a pipeline; options with their default values are omitted."""
    return ", ".join(map(pass_text, pipeline.passes))


def pass_text(one: Pass[Any]) -> str:
    """The text of one pass in a pipeline."""
    written = []
    for option in one.options():
        value = getattr(one, option.name)
        if option.by_decision:
            own = {other.name for other in one.options()}  # as a decision such a name stands in quotes
            paths = {path: quoted(path) if path in own else name_text(path) for path in value}
            written += [f"{paths[path]} = {_label_text(outcome)}" for path, outcome in value.items()]
        elif value == option.default:
            continue
        elif option.read is not None:  # its value has no text, except the one that it was read from
            place = one.at.get(option.name)
            written += [f"{option.name} = …" if place is None else place.source.text[place.start : place.end]]
        else:
            written.append(f"{option.name} = {_label_text(value)}")
    return f"{one.name}({', '.join(written)})" if written else one.name


def _label_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return name_text(str(value)) if isinstance(value, str) else str(value)
    return "{" + ", ".join(map(_label_text, value)) + "}"


@dataclass(frozen=True)
class _Written:
    """The value of an option as written: one label, or several in braces.

    In a pass that takes decisions as options, an option name in quotes is the path of a decision.
    """

    value: str | tuple[str, ...]
    place: Place
    in_quotes: bool


class _Reader(TokenReader):
    what, code = "a pipeline", "ARCH509"

    def __init__(self, source: Source, known: Mapping[str, type[Pass[Any]]]):
        self.known = known
        super().__init__(source)

    def pipeline(self) -> Pipeline:
        passes: list[Pass[Any]] = []
        while self.kind != "end":
            if len(passes) == MAX_PASSES:
                self.fail(f"a pipeline with more than {MAX_PASSES} passes")
            passes.append(self._pass())
            if self.kind != "end":
                self.expect(",")
                if self.kind == "end":
                    self.fail_expecting("a pass")
        return Pipeline(tuple(passes))

    def _pass(self) -> Pass[Any]:
        place = self.place
        if self.kind != "name":
            self.fail_expecting("a pass")
        name = self.advance()
        if name not in self.known:
            guess = closest(name, list(self.known))
            help = f"did you mean `{guess}`?" if guess else f"available: {', '.join(self.known)}"
            self.fail(f"unknown pass `{name}`", help=help, at=place, code="ARCH506")
        written: dict[str, _Written] = {}
        if self.accept("("):
            while not self.accept(")"):
                self._option(written)
                if not self.at(")"):
                    self.expect(",")
        return self._made(self.known[name], name, written, (place[0], place[0] + len(name)))

    def _option(self, written: dict[str, _Written]) -> None:
        start, in_quotes = self.place, self.kind == "string"
        name = self.name()
        if name in written:
            self.fail(f"`{name}` is set twice", at=start, code="ARCH507")
        self.expect("=")
        value = self._value()
        written[name] = _Written(value, (start[0], self._end), in_quotes)

    def advance(self) -> str:
        self._end = self.place[1]
        return super().advance()

    def _value(self) -> str | tuple[str, ...]:
        return tuple(self.listed(self._label, "}")) if self.accept("{") else self._label()

    def _label(self) -> str:
        if self.kind == "string":
            return self.string()
        sign = "-" if self.accept("-") else ""
        if self.kind not in ("name", "number") or (sign and self.kind == "name"):
            self.fail_expecting("an outcome, a number or a name")
        return sign + self.advance()

    def _made(
        self, of: type[Pass[Any]], name: str, written: Mapping[str, _Written], place: Place
    ) -> Pass[Any]:
        """Builds a pass from the options as written. Raises SpecError (ARCH507) for invalid options."""
        options = {option.name: option for option in of.options() if not option.by_decision}
        decisions = next((option for option in of.options() if option.by_decision), None)
        found: dict[str, Any] = {}
        by_path: dict[str, Any] = {}
        for key, one in written.items():
            if key in options and not (one.in_quotes and decisions):
                found[key] = self._typed(options[key], one)
            elif decisions is not None:
                by_path[key] = one.value
            else:
                self._no_option(name, key, list(options), one.place)
        if decisions is not None and by_path:
            found[decisions.name] = by_path
        for option in of.options():
            if option.required and option.name not in found:
                wanted = f"PATH = {option.takes}" if option.by_decision else f"{option.name} = {option.takes}"
                help = f"{name}({wanted}): {option.meaning}"
                missing = "decisions" if option.by_decision else f"the option `{option.name}`"
                self.fail(f"`{name}` needs {missing}",
                          at=place, help=help, code="ARCH507")  # fmt: skip
        at = {"": self._located(place), **{key: self._located(one.place) for key, one in written.items()}}
        return of(**found, at=at)

    def _located(self, place: Place) -> Location:
        return Location(self.source, *place)

    def _no_option(self, name: str, key: str, known: list[str], place: Place) -> None:
        guess = closest(key, known)
        listed = f"available options: {', '.join(known)}" if known else "it has no options"
        help = f"did you mean `{guess}`?" if guess else listed
        self.fail(f"`{name}` has no option `{key}`", at=place, help=help, code="ARCH507")

    def _typed(self, option: Option, written: _Written) -> Any:
        """Converts a value to the type of its option."""
        text = written.value
        if isinstance(text, tuple) == option.takes.startswith("tuple"):
            read = option.read or _TYPES.get(option.takes)
            with suppress(KeyError, ValueError):
                return text if read is None or isinstance(text, tuple) else read(text)
        shown = text if isinstance(text, str) else "{" + ", ".join(text) + "}"
        help = f"{option.name} = {_EXAMPLES.get(option.takes, option.takes)}: {option.meaning}"
        return self.fail(
            f"invalid value `{shown}` of `{option.name}`", at=written.place, help=help, code="ARCH507"
        )


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_TYPES: Mapping[str, Callable[[str], Any]] = {
    "bool": {"true": True, "false": False}.__getitem__, "int": int, "float": _finite,
}  # fmt: skip
_EXAMPLES = {"bool": "true or false", "int": "an integer", "float": "a number"}
