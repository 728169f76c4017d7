"""The vocabulary of searches, and help on it; imported late, since most files contain no search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archdsl.lang import ast
from archdsl.spec.units import MEASURES

if TYPE_CHECKING:
    from archdsl.configs.setting import Setting
    from archdsl.configs.word import Word

TRAINED = ("architecture", "parameters")
"""The groups of trained parameters; any other group is one of several architectures that share weights."""


def all_words() -> Mapping[str, Word]:
    """All words of the vocabulary, by name."""
    from archdsl.configs.words import WORDS

    return WORDS


def groups() -> Mapping[str, Mapping[str, Word]]:
    """All words by group, such as "samplers", and name."""
    from archdsl.configs.words import GROUPS

    return GROUPS


def score() -> Word:
    """The word that stands for a score declared by an evaluator."""
    from archdsl.configs.objectives import NoSettings
    from archdsl.configs.word import Word

    return Word("a score that the evaluator declares", NoSettings)


def settings_in(group: str) -> Mapping[str, Setting]:
    """The settings that a search (""), or a group in it, accepts."""
    from archdsl.configs import clauses
    from archdsl.configs.setting import settings_of

    if group in TRAINED:
        return settings_of(clauses.Group)
    return settings_of(clauses.ArchitectureGroup if group else clauses.Search)


def spaces_help(known: list[str]) -> str:
    """The help for an unknown space: a list of the known spaces."""
    if not known:
        return 'the file has no space: declare one, or import it: import NAME from "./spaces.arch"'
    return f"spaces of the file: {', '.join(known)}"


def did_you_mean(guess: str | None) -> str | None:
    """A guess as a help text; None without a guess."""
    return f"did you mean `{guess}`?" if guess else None


def usual_form(expr: ast.Expr) -> str | None:
    """The help for an expression that searches do not support: what to write instead; None if unknown."""
    from archdsl.lang.search_habits import search_form

    if isinstance(expr, ast.Conditional):
        return "a search has no conditionals: write a limit as a requirement, require macs <= 1M"
    if isinstance(expr, ast.Chain):
        return "settings that change during a search have a start and an end: gumbel(tau = 3.0, end = 0.1)"
    inner = expr.fn if isinstance(expr, ast.Call) else expr
    base = inner.base if isinstance(inner, ast.Attribute | ast.Index) else None
    if isinstance(base, ast.Name) and base.id in MEASURES:
        if isinstance(expr, ast.Call) and isinstance(inner, ast.Attribute):
            return f"write the argument in parentheses: {inner.name}({base.id})"
        return f'settings are passed by name: {base.id}(device = "NAME")'
    if isinstance(inner, ast.Attribute):
        form = search_form(inner.name, list(all_words()))
        return form or f"names have no prefix: write {inner.name}"
    return None
