"""Prints diagnostics to the terminal, with its colours and width."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from archdsl.diagnostics import Diagnostic
from archdsl.render.terminal import Palette, is_terminal, palette


def print_findings(diagnostics: Sequence[Diagnostic], *, err: bool = False) -> None:
    """Prints diagnostics; after errors, also the command that explains their codes."""
    if not diagnostics:
        return
    from archdsl.render import text  # imported late: most runs print nothing

    stream = sys.stderr if err else sys.stdout
    click.echo(text.render(diagnostics, colors=palette(stream), width=_width(stream)), err=err, color=True)
    codes = list(dict.fromkeys(d.code for d in diagnostics if d.severity == "error"))
    if codes:
        click.echo(f"{text.count(diagnostics)}; for details: archdsl explain {codes[0]}", err=err)


def colors(*, err: bool = False) -> Palette:
    """The colours of standard output, or of standard error."""
    return palette(sys.stderr if err else sys.stdout)


def _width(stream: object) -> int:
    if not is_terminal(stream):
        return 120
    from shutil import get_terminal_size

    return max(60, get_terminal_size().columns)
