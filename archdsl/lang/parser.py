"""Parses text to an AST: a scanner and a shift-reduce loop over tables that Lark builds from the grammar.

The loop is the LALR algorithm of Lark's parser, with tokens as numbers and a callback at each reduction, so
that neither token objects nor a parse tree are created.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Any, cast

from archdsl.collector import paused
from archdsl.diagnostics import Diagnostic, Label, Location, Source, SpecError
from archdsl.lang import ast
from archdsl.lang.build import Builder, UnsupportedError
from archdsl.lang.expression_builder import MAX_ERRORS
from archdsl.lang.machine import EXTEND, IS_COMMENT, IS_WORD, MANY, ONE, Token, language, symbol
from archdsl.lang.source_files import check_text, starts_line

MAX_STACK = 500
MAX_TOKENS = 1_000_000


def parse(source: Source) -> ast.File:
    """Parses the text of a file to an AST. Raises SpecError with at most 20 errors in source order."""
    check_text(source)
    builder = Builder(source)
    try:
        with paused():
            file = _Parse(source, builder).run()
    except UnsupportedError:
        file = None
    if file is None or builder.diagnostics:
        raise SpecError(sorted(builder.diagnostics, key=_where))
    return file


def _where(diagnostic: Diagnostic) -> int:
    return diagnostic.primary.location.start if diagnostic.primary else 0


class _Parse:
    """The state of a parse: the stacks (states, values, and the start of each value), comments, errors."""

    def __init__(self, source: Source, builder: Builder):
        self.source = source
        self.builder = builder
        self.comments: list[ast.Comment] = []
        self.states: list[int] = [language().start]
        self.values: list[Any] = [None]
        self.starts: list[int] = [0]
        self.end = 0

    def run(self) -> ast.File | None:
        """Parses the text to an AST; None if a reported error prevented reading it to the end."""
        tokens: Iterator[Token] = islice(language().scan.finditer(self.source.text), MAX_TOKENS)
        while (stopped := self.advance(tokens)) is not None:
            rest = self.recover(stopped, tokens)
            if rest is None:
                return None
            tokens = rest
        if self.states[-1] != language().done:
            self.refuse("ARCH706", "the file is too long", f"at most {MAX_TOKENS:,} tokens", self.end)
            return None
        return replace(cast(ast.File, self.values[1]), comments=tuple(self.comments))

    def advance(self, tokens: Iterator[Any]) -> Token | None:
        """Parses up to the first token that is not accepted, and returns that token; None at the end."""
        lang = language()
        actions, passing, kinds, fixed, name = lang.actions, -lang.passing, lang.kinds, lang.fixed, lang.name
        rules = [
            (rule.size, rule.origin, rule.mode, rule.pick, getattr(self.builder, rule.build, None))
            for rule in lang.rules
        ]
        origins = [rule.origin for rule in lang.rules]
        states, values, starts, end = self.states, self.values, self.starts, self.end
        row = actions[states[-1]]
        for token in tokens:
            group = token.lastindex
            kind = kinds[group]
            if kind < 0:
                if kind == IS_WORD:
                    kind = fixed.get(token[group], name)
                elif kind == IS_COMMENT:
                    self.comment(token)
                    continue
                else:
                    return cast(Token, token)
            action = row[kind]
            while action < 0:
                size, origin, mode, pick, build = rules[action]
                if mode == ONE:
                    value = build((starts[-size], end), pick(values))
                elif mode == MANY:
                    value = build((starts[-size], end), *pick(values))
                elif mode == EXTEND:
                    value = values[-size]
                    value += pick(values)
                else:
                    value = [*pick(values)]
                if size > 1:
                    size = 1 - size
                    del states[size:], values[size:], starts[size:]
                values[-1] = value
                below = actions[states[-2]]
                state = below[origin]
                row = actions[state]
                action = row[kind]
                while action < passing:
                    state = below[origins[action]]
                    row = actions[state]
                    action = row[kind]
                states[-1] = state
            if action == 0 or len(starts) > MAX_STACK:
                self.end = end
                return cast(Token, token)
            states.append(action)
            row = actions[action]
            values.append(token)
            start, end = token.span(group)
            starts.append(start)
        self.end = end
        return None

    def recover(self, stopped: Token, tokens: Iterator[Token]) -> Iterator[Token] | None:
        """Reports an unexpected token; returns the tokens with which to continue, or None to stop."""
        from archdsl.lang.mistakes import Mistake, describe  # not on the way of a file without mistakes
        from archdsl.lang.recovery import resume

        group = stopped.lastindex or 0
        if len(self.states) > MAX_STACK:
            self.refuse(
                "ARCH702",
                "brackets nested too deeply",
                "assign inner parts to names: y = …, then use y",
                stopped.start(group),
            )
            return None
        kind = symbol(stopped)
        name = "STRAY" if kind is None else language().symbols[kind]
        mistake = Mistake(self.source, self.states, self.values, name, stopped.span(group))
        self.builder.interrupted(stopped.start(group))
        self.builder.add(describe(mistake))
        if len(self.builder.diagnostics) >= MAX_ERRORS:
            return None
        tokens = chain([stopped], tokens)
        found = resume(self.source, self.states, self.values, tokens)
        if found is None:
            return None
        token, keep = found
        del self.states[keep:], self.values[keep:], self.starts[keep:]
        return chain([token], tokens)

    def refuse(self, code: str, headline: str, help_line: str, at: int) -> None:
        primary = Label(Location(self.source, at, at))
        self.builder.add(Diagnostic(code, headline, primary, help=help_line))

    def comment(self, token: Token) -> None:
        start, end = token.span("COMMENT")
        own_line = starts_line(self.source.text, start)
        self.comments.append(ast.Comment(self.source.text[start:end].rstrip(), (start, end), own_line))
