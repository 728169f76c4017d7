"""Prints diagnostics to the terminal, in colour where it has colours and as wide as it is."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from archdsl.diagnostics import Diagnostic
from archdsl.render.terminal import Palette, palette


def print_findings(diagnostics: Sequence[Diagnostic], *, err: bool = False) -> None:
    """The diagnostics and, after errors, where to read more."""
    if not diagnostics:
        return
    from archdsl.render import text  # most runs have nothing to print, and start sooner without it

    stream = sys.stderr if err else sys.stdout
    click.echo(text.render(diagnostics, colors=palette(stream), width=_width(stream)), err=err, color=True)
    codes = list(dict.fromkeys(d.code for d in diagnostics if d.severity == "error"))
    if codes:
        click.echo(f"{text.count(diagnostics)}; more about it: archdsl explain {codes[0]}", err=err)


def colors(*, err: bool = False) -> Palette:
    """The colours of standard output, or of standard error."""
    return palette(sys.stderr if err else sys.stdout)


def _width(stream: object) -> int:
    if not getattr(stream, "isatty", lambda: False)():
        return 120
    from shutil import get_terminal_size

    return max(60, get_terminal_size().columns)
