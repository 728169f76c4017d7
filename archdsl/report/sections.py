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
    """A function that returns a section for the report of a run, finished or not; None for no section.

    The run is a search or a training, which can be distinguished by `run.manifest.format`.
    """

    def __call__(self, run: Run) -> Part | None: ...


SECTIONS: Registry[Section] = Registry("report section", Section, {})


def added(run: Run) -> Iterator[Part]:
    """Yields the sections that plug-ins add to a report, in the order of loading the plug-ins.

    Raises SpecError (ARCH864) if the function of a plug-in fails.
    """
    for name, section in SECTIONS.items():
        try:
            part = section(run)
        except Exception as error:  # code of a plug-in
            headline = f"the report section `{name}` of a plug-in failed"
            help = f"{type(error).__name__}: {error}"
            raise SpecError([Diagnostic("ARCH864", headline, help=help)]) from error
        if part is not None:
            yield part
