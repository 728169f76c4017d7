"""What a run reports, on the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import click

from archdsl.cli.findings import print_findings
from archdsl.diagnostics import Diagnostic
from archdsl.report.duration import duration
from archdsl.runs.reporter import Reporter


class TerminalReporter(Reporter):
    """Facts go to standard output, the rest to standard error."""

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
    """One line on the terminal that is written over; nothing where standard error is no terminal."""

    def __init__(self) -> None:
        self.shown = sys.stderr.isatty()
        self._next = 0.0

    def show(self, what: str, share: float, seconds_left: float) -> None:
        if self.shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.2
            line = f"{share:4.0%}  {duration(seconds_left)} left  {what}"
            click.echo(f"\r{line[:78]:78}", nl=False, err=True)

    def end(self) -> None:
        if self.shown:
            click.echo(f"\r{'':78}\r", nl=False, err=True)
