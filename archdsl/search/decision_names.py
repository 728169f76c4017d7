"""Selects decisions by path prefixes.

A part without an index matches all indices: `hyper.gate` selects `hyper[1].gate` and `hyper[2].gate`,
`hyper[2]` all decisions in that iteration.
"""

from __future__ import annotations

from collections.abc import Iterable

from archdsl.diagnostics import Location, SpecError, closest
from archdsl.search.terms import cannot


def is_named(path: str, name: str) -> bool:
    """Whether a path matches a prefix; parts of the prefix without an index match all indices."""
    parts, wanted = path.split("."), name.split(".")
    if len(wanted) > len(parts):
        return False
    return all(w in (part, part.partition("[")[0]) for w, part in zip(wanted, parts, strict=False))


def no_decision(name: str, decisions: Iterable[str], place: Location | None) -> SpecError:
    """An error (ARCH606) for a prefix that matches no decision."""
    known = {part for path in decisions for part in _names_of(path)}
    guess = closest(name, sorted(known))
    help = f"did you mean `{guess}`?" if guess else f"available: {', '.join(sorted(known)[:8])}"
    return cannot(f"`{name}` matches no searched decision", help, place)


def _names_of(path: str) -> list[str]:
    """The prefixes of a path, with and without indices."""
    bare = [part.partition("[")[0] for part in path.split(".")]
    parts = path.split(".")
    return [".".join(names[: n + 1]) for names in (parts, bare) for n in range(len(names))]
