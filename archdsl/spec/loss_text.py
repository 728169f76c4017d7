"""Parses sums of losses from command lines: `archdsl train --loss "ohem(logits) + 0.4 * bce(edge)"`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from archdsl.diagnostics import Diagnostic, Label, Location, Source, SpecError
from archdsl.lang import ast
from archdsl.lang.loader import Unit
from archdsl.lang.parser import parse
from archdsl.spec.search import read_expression
from archdsl.spec.search_values import Formula, SearchValue, Term

_BEFORE = "arch 1\nsearch Loss for Network {\n  minimize "
_LONGEST = 10_000


def read_loss(text: str, name: str = "loss") -> SearchValue:
    """Parses a sum of losses in the notation of searches; `name` is the name of the text in messages.

    Raises SpecError for errors in the text, ARCH839 if it is not a sum of losses.
    """
    shown, whole = Source(name, text), Source(name, f"{_BEFORE}{text}\n}}\n")
    everything = Location(shown, 0, len(text))
    if len(text) > _LONGEST:
        raise _several(everything)
    try:
        file = parse(whole)
        declared = file.items[0]
        alone = isinstance(declared, ast.Search) and len(declared.clauses) == len(file.items) == 1
        if not alone:
            raise _several(everything)
        goal = cast(ast.Goal, cast(ast.Search, declared).clauses[0])
        return _here(read_expression(Unit(whole, file, Path(name), {}, {}), goal.value), shown)
    except SpecError as error:
        raise SpecError([_moved(one, shown) for one in error.diagnostics]) from None


def _several(at: Location) -> SpecError:
    help = "combine losses and numbers: ohem(logits) + 0.4 * ohem(aux)"
    return SpecError([Diagnostic("ARCH839", "expected a sum of losses", Label(at), help=help)])


def _moved(diagnostic: Diagnostic, source: Source) -> Diagnostic:
    """Converts a diagnostic about the search in which the text is parsed to one about the text."""

    def moved(label: Label) -> Label:
        return Label(_place(label.location, source), label.text)

    primary = None if diagnostic.primary is None else moved(diagnostic.primary)
    secondary = tuple(map(moved, diagnostic.secondary))
    return replace(diagnostic, primary=primary, secondary=secondary, fix=None)


def _here(value: SearchValue, source: Source) -> SearchValue:
    """Converts the locations in a formula to locations in the text."""
    if not isinstance(value, Term | Formula):
        return value
    at = None if value.at is None else _place(value.at, source)
    args = tuple(_here(part, source) for part in value.args)
    if isinstance(value, Formula):
        return replace(value, args=args, at=at)
    places = {key: _place(place, source) for key, place in value.places.items()}
    return replace(value, args=args, at=at, places=places)


def _place(at: Location, source: Source) -> Location:
    if at.source is source:
        return at
    start, end = (min(max(0, n - len(_BEFORE)), len(source.text)) for n in (at.start, at.end))
    return Location(source, start, end)
