"""A name in a search."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """A name in a search: what it is, and its settings (None: it takes one value in parentheses).

    What is not `run` yet is parsed and checked, and refused by `archdsl search`.
    """

    summary: str
    settings: tuple[str, ...] | None = ()
    run: bool = True
