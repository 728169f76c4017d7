"""Converts the parse tables to the form that the loop of the parser uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from archdsl.lang.parse_tables import COMMENT, FIXED, STRAY, GrammarRule, load_tables

ONE, MANY, LIST, EXTEND = range(4)
IS_WORD, IS_COMMENT, IS_STRAY = -1, -2, -3
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
"""A plain word, as a declaration may be named (`NAME` in the grammar); keywords match as well."""


Token = re.Match[str]
"""A match of the scanner; the token is its last group."""


class Reduction(NamedTuple):
    """A grammar rule to reduce; `mode` and `pick` say how its value is computed from the value stack."""

    size: int
    origin: int
    mode: int
    pick: Callable[[list[Any]], Any]
    build: str


class Language(NamedTuple):
    """The parse tables in the form that the parser uses.

    `rules[-n]` is rule n; rules from number `passing` on only pass on the value of their only part. `kinds`
    maps groups of the scanner to symbols or to IS_…; the first `terminals` symbols are terminals; `done` is
    the accepting state.
    """

    actions: tuple[tuple[int, ...], ...]
    rules: tuple[Reduction, ...]
    passing: int
    scan: re.Pattern[str]
    kinds: tuple[int, ...]
    fixed: dict[str, int]
    name: int
    start: int
    done: int
    terminals: int
    symbols: tuple[str, ...]
    keywords: frozenset[str]


@cache
def language() -> Language:
    tables = load_tables()
    number = {name: at for at, name in enumerate(tables.symbols)}
    scan = re.compile(tables.scanner)
    special = {"NAME": IS_WORD, FIXED: IS_WORD, COMMENT: IS_COMMENT, STRAY: IS_STRAY, "END": number["$END"]}
    kinds = [0] * (scan.groups + 1)
    for group, at in scan.groupindex.items():
        kinds[at] = special.get(group, number.get(group, 0))
    return Language(
        actions=tables.actions,
        rules=tuple(_ready(rule) for rule in reversed(tables.rules)),
        passing=sum(rule.mode != "pass" for rule in tables.rules),
        scan=scan,
        kinds=tuple(kinds),
        fixed=tables.fixed,
        name=number["NAME"],
        start=tables.start,
        done=len(tables.actions) - 1,
        terminals=number["$END"] + 1,
        symbols=tables.symbols,
        keywords=frozenset(word for word in tables.fixed if word.isalpha()),
    )


def symbol(token: Token) -> int | None:
    """The number of the terminal of a token; None for a comment or a stray character."""
    lang = language()
    kind = lang.kinds[token.lastindex or 0]
    if kind == IS_WORD:
        return lang.fixed.get(token[token.lastindex or 0], lang.name)
    return kind if kind >= 0 else None


def _ready(rule: GrammarRule) -> Reduction:
    plain = all(kind == "value" for kind, _ in rule.pick)
    if rule.mode == "pass":
        return Reduction(rule.size, rule.origin, ONE, itemgetter(-1), "")
    if rule.mode == "extend":
        return Reduction(rule.size, rule.origin, EXTEND, _gatherer(rule.pick[1:]), "")
    if rule.mode == "list":
        return Reduction(rule.size, rule.origin, LIST, _gatherer(rule.pick), "")
    if plain and len(rule.pick) == 1:
        return Reduction(rule.size, rule.origin, ONE, itemgetter(rule.pick[0][1]), rule.build)
    if plain and rule.pick:
        return Reduction(rule.size, rule.origin, MANY, itemgetter(*(at for _, at in rule.pick)), rule.build)
    return Reduction(rule.size, rule.origin, MANY, _gatherer(rule.pick), rule.build)


def _gatherer(steps: tuple[tuple[str, int], ...]) -> Callable[[list[Any]], Sequence[Any]]:
    """A function from the value stack to the arguments of a callback: values, lists to splice, None if
    absent.
    """
    match steps:
        case [("value", one)]:
            return lambda values: (values[one],)
        case [("splice", one)]:
            return itemgetter(one)
        case [("value", one), ("splice", rest)]:
            return lambda values: (values[one], *values[rest])

    def gather(values: list[Any]) -> list[Any]:
        found: list[Any] = []
        for kind, at in steps:
            if kind == "splice":
                found.extend(values[at])
            else:
                found.append(values[at] if kind == "value" else None)
        return found

    return gather


def accepts(states: Sequence[int], kind: int) -> bool:
    """Whether the parser in this state accepts a token of this kind, possibly after reductions."""
    lang = language()
    stack = list(states)
    while (action := lang.actions[stack[-1]][kind]) < 0:
        rule = lang.rules[action]
        del stack[-rule.size :]
        stack.append(lang.actions[stack[-1]][rule.origin])
    return action > 0


def accepts_all(states: Sequence[int], kinds: Sequence[str]) -> bool:
    """Whether the parser in this state accepts these terminals in sequence."""
    lang = language()
    stack = list(states)
    for kind in (lang.symbols.index(name) for name in kinds):
        while (action := lang.actions[stack[-1]][kind]) < 0:
            rule = lang.rules[action]
            del stack[-rule.size :]
            stack.append(lang.actions[stack[-1]][rule.origin])
        if action == 0:
            return False
        stack.append(action)
    return True


def acceptable(states: Sequence[int]) -> frozenset[str]:
    """The names of all terminals that the parser accepts in this state."""
    lang = language()
    row = lang.actions[states[-1]]
    return frozenset(
        lang.symbols[kind] for kind in range(lang.terminals) if row[kind] and accepts(states, kind)
    )
