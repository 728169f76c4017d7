"""Findings about files of a dataset."""

from __future__ import annotations

from pathlib import Path

from archdsl.diagnostics import Diagnostic, Label, Location, Source, SpecError


def fault(code: str, headline: str, path: Path, what: str = "", help: str | None = None) -> Diagnostic:
    """A finding at a file; `what` is said beside its name."""
    label = Label(Location(Source(str(path), ""), 0, 0), what)
    return Diagnostic(code, headline, label, help=help)


def failed(code: str, headline: str, path: Path, what: str = "", help: str | None = None) -> SpecError:
    """The same as an error to raise."""
    return SpecError([fault(code, headline, path, what, help)])
