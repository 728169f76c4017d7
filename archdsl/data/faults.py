"""Diagnostics about files of a dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from archdsl.diagnostics import Diagnostic, Label, Location, Source, SpecError


def fault(code: str, headline: str, path: Path, what: str = "", help: str | None = None) -> Diagnostic:
    """A diagnostic about the file `path`; `what` is the message shown beside the path."""
    label = Label(Location(Source(str(path), ""), 0, 0), what)
    return Diagnostic(code, headline, label, help=help)


def failed(code: str, headline: str, path: Path, what: str = "", help: str | None = None) -> SpecError:
    """The diagnostic that `fault` returns, as a SpecError."""
    return SpecError([fault(code, headline, path, what, help)])


_SHOWN = 5


def grouped(problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Diagnostics in order, limited to five with the same code and headline, then a count of the others."""
    kinds: dict[tuple[str, str], list[Diagnostic]] = defaultdict(list)
    kept = []
    for problem in problems:
        alike = kinds[problem.code, problem.headline]
        if problem.primary is None and problem in alike:
            continue  # it holds for several parts of the data
        alike.append(problem)
        if len(alike) <= _SHOWN:
            kept.append(problem)
    for (code, headline), alike in kinds.items():
        if len(alike) > _SHOWN:
            n = len(alike) - _SHOWN
            kept.append(
                Diagnostic(code, f"{headline}: {n:,} more file{'s' if n > 1 else ''}", help=_names(alike))
            )
    return kept


def _names(alike: list[Diagnostic]) -> str:
    """The files of the diagnostics that are not shown individually, as a list for a message."""
    places = [d.primary.location.source.name for d in alike[_SHOWN:] if d.primary is not None]
    return ", ".join(places[:3]) + (", …" if len(places) > 3 else "")
