"""Report sections of plug-ins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.registry import Registry
from archdsl.report.run import Run
from archdsl.report.sheet import Part


@runtime_checkable
class Section(Protocol):
    """Makes a section of the page of a run, finished or not; None without content.

    The run is a search or a training; `run.manifest` and the records of `run` distinguish them.
    """

    def __call__(self, run: Run) -> Part | None: ...


SECTIONS: Registry[Section] = Registry("report section", Section, {})


def added(run: Run) -> Iterator[Part]:
    """The sections of plug-ins, in the order of loading. Raises SpecError (ARCH864) if one fails."""
    for name, section in SECTIONS.items():
        try:
            part = section(run)
        except Exception as error:  # code of a plug-in
            headline = f"the report section `{name}` of a plug-in failed"
            help = f"{type(error).__name__}: {error}"
            raise SpecError([Diagnostic("ARCH864", headline, help=help)]) from error
        if part is not None:
            yield part
