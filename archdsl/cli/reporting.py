"""Reports the progress of runs on the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from archdsl.cli.findings import print_findings
from archdsl.cli.printing import console
from archdsl.diagnostics import Diagnostic
from archdsl.render.terminal import clean
from archdsl.report.duration import duration
from archdsl.runs.reporter import Reporter

if TYPE_CHECKING:
    from rich.progress import Progress


class TerminalReporter(Reporter):
    """Prints facts about a run to standard output, and progress and notes to standard error."""

    def __init__(self) -> None:
        self.bar = Bar()

    def info(self, line: str) -> None:
        click.echo(line)

    def warn(self, line: str) -> None:
        click.echo(line, err=True)

    def findings(self, found: Sequence[Diagnostic]) -> None:
        print_findings(found, err=True)

    def timing(self, op: str, share: float, seconds_left: float) -> None:
        self.bar.show(op, share, seconds_left)

    def timed(self) -> None:
        self.bar.end()


class Bar:
    """A progress bar with the remaining time on standard error; nothing if that is not a terminal.

    The calling thread redraws the bar, since a thread of its own would disturb time measurements.
    """

    def __init__(self) -> None:
        self.shown = sys.stderr.isatty()
        self._next = 0.0
        self._bars: Progress | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def show(self, what: str, share: float, seconds_left: float) -> None:
        if not self.shown or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 0.2
        if self._bars is None:
            self._bars = _bars()
            self._bars.start()
        left = clean(f"{duration(seconds_left)} left  {what}")
        self._bars.update(self._bars.task_ids[0], completed=share, description=left, refresh=True)

    def end(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def _bars() -> Progress:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}", markup=False))
    bars = Progress(*columns, console=console(), auto_refresh=False, transient=True)
    bars.add_task("", total=1.0)
    return bars
