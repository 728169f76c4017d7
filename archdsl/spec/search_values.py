"""Searches as typed values, with their source locations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard, Union

from archdsl.diagnostics import Diagnostic, Location
from archdsl.spec.units import MEASURES, Quantity

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=", "in", "and", "or", "not")


@dataclass(frozen=True)
class Term:
    """A name with its settings or arguments: `gumbel(tau = 3.0)`, `latency(device = "…")`, `log(…)`.

    `at` is the source location; equality ignores it.
    """

    name: str
    settings: Mapping[str, SearchValue] = field(default_factory=dict)
    args: tuple[SearchValue, ...] = ()
    at: Location | None = field(default=None, compare=False, repr=False)
    places: Mapping[str, Location] = field(default_factory=dict, compare=False, repr=False)
    """The source location of each setting's name."""
    group: str = field(default="", compare=False, repr=False)
    """The group of words that was expected, such as "samplers": two groups may have words of the same
    name.
    """
    output: str = ""
    """The output of the network on which a loss or score is computed; "" is the main output."""


@dataclass(frozen=True)
class Formula:
    """Arithmetic or a comparison over terms; `op` is the operator as written."""

    op: str
    args: tuple[SearchValue, ...]
    at: Location | None = field(default=None, compare=False, repr=False)


SearchValue = Union[int, float, bool, str, Quantity, Term, Formula, tuple["SearchValue", ...]]


@dataclass(frozen=True)
class Objective:
    direction: str
    value: SearchValue
    at: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Clauses:
    """The clauses of a search, or of a group in it."""

    settings: Mapping[str, SearchValue] = field(default_factory=dict)
    objectives: tuple[Objective, ...] = ()
    requirements: tuple[SearchValue, ...] = ()
    communicate: tuple[tuple[SearchValue, SearchValue], ...] = ()
    groups: Mapping[str, Clauses] = field(default_factory=dict)
    places: Mapping[str, Location] = field(default_factory=dict, compare=False, repr=False)
    """The source location of each setting."""
    of_space: Mapping[str, object] = field(default_factory=dict)
    """The settings of the space that the clauses set."""


@dataclass(frozen=True)
class SearchSpec:
    """A search of a space.

    `not_run` are notes (ARCH608) on features that `archdsl search` does not run yet, `warnings` are on
    objectives and requirements (ARCH609, ARCH610).
    """

    name: str
    space: str
    clauses: Clauses
    at: Location | None = field(default=None, compare=False, repr=False)
    not_run: tuple[Diagnostic, ...] = field(default=(), compare=False)
    warnings: tuple[Diagnostic, ...] = field(default=(), compare=False)
    of_space: Mapping[str, object] = field(default_factory=dict)
    """The settings of the space that the search sets."""


def terms_in(value: SearchValue) -> Iterator[Term]:
    """Yields the terms of a formula, outer terms before those in their arguments."""
    if isinstance(value, Term):
        yield value
    if isinstance(value, Term | Formula):
        for part in value.args:
            yield from terms_in(part)


def written(value: SearchValue) -> str:
    """A value in the notation of searches, such as `reward(compat = true)`."""
    if isinstance(value, Term):
        named = [value.output] if value.output else []
        parts = [
            *named,
            *map(written, value.args),
            *(f"{k} = {written(v)}" for k, v in value.settings.items()),
        ]
        return f"{value.name}({', '.join(parts)})" if parts else value.name
    if isinstance(value, Formula):
        first, *others = (f"({written(a)})" if isinstance(a, Formula) else written(a) for a in value.args)
        return f"{first} {value.op} {others[0]}" if others else f"{value.op}{first}"
    return _literal(value, written)


def shown(value: SearchValue) -> str:
    """A value as shown in messages."""
    if isinstance(value, Term | Formula):
        return f"`{value.name}`" if isinstance(value, Term) else "an expression"
    return _literal(value, shown)


def _literal(value: SearchValue, of_item: Callable[[SearchValue], str]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(of_item, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def plain(value: SearchValue) -> Any:
    """Converts a range of integers, `1..19`, to the tuple of its members; returns other values unchanged.

    A longer range is cut to its first 257 members, which suffice to reject it.
    """
    if isinstance(value, Formula) and value.op == ".." and all(type(end) is int for end in value.args):
        first, last = value.args
        return tuple(range(first, min(last, first + 256) + 1))  # type: ignore[operator, arg-type, type-var]
    return value


def is_number(value: SearchValue) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def dimension(value: SearchValue) -> str | None:
    """The dimension of a value, such as "time"; None if unknown."""
    if isinstance(value, Quantity):
        return value.dimension
    if isinstance(value, Term):
        return MEASURES.get(value.name, "number")
    if isinstance(value, Formula):
        inner = {dimension(a) for a in value.args}
        return inner.pop() if len(inner) == 1 else None
    return "number" if isinstance(value, int | float) else None
