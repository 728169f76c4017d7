"""Names of decisions in a search: beginnings of their paths.

A part without an index stands for all of its indices: `hyper.gate` names `hyper[1].gate` and
`hyper[2].gate`, `hyper[2]` all decisions in that round.
"""

from __future__ import annotations

from collections.abc import Iterable

from archdsl.diagnostics import Location, SpecError, closest
from archdsl.search.terms import cannot


def is_named(path: str, name: str) -> bool:
    """Whether a path begins with a name; its parts without index stand for all indices."""
    parts, wanted = path.split("."), name.split(".")
    if len(wanted) > len(parts):
        return False
    return all(w in (part, part.partition("[")[0]) for w, part in zip(wanted, parts, strict=False))


def no_decision(name: str, decisions: Iterable[str], place: Location | None) -> SpecError:
    """The finding (ARCH606) that a name is of no decision."""
    known = {part for path in decisions for part in _names_of(path)}
    guess = closest(name, sorted(known))
    help = f"did you mean `{guess}`?" if guess else f"there are {', '.join(sorted(known)[:8])}"
    return cannot(f"`{name}` does not name a searched decision", help, place)


def _names_of(path: str) -> list[str]:
    """The beginnings of a path, with its indices and without any."""
    bare = [part.partition("[")[0] for part in path.split(".")]
    parts = path.split(".")
    return [".".join(names[: n + 1]) for names in (parts, bare) for n in range(len(names))]
