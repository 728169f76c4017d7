"""The error for a name that matches no decision of a space."""

from __future__ import annotations

from collections.abc import Iterable

from archdsl.diagnostics import Location, SpecError, closest
from archdsl.ir.paths import parts_of
from archdsl.search.terms import cannot


def no_decision(name: str, decisions: Iterable[str], place: Location | None) -> SpecError:
    """The error ARCH606 for a name, a path prefix, that matches none of the `decisions`."""
    known = {part for path in decisions for part in _names_of(path)}
    guess = closest(name, sorted(known))
    help = f"did you mean `{guess}`?" if guess else f"available: {', '.join(sorted(known)[:8])}"
    return cannot(f"`{name}` matches no searched decision", help, place)


def _names_of(path: str) -> list[str]:
    """All prefixes of a path, with and without indices."""
    parts = parts_of(path)
    bare = [part.partition("[")[0] for part in parts]
    return [".".join(names[: n + 1]) for names in (parts, bare) for n in range(len(names))]
