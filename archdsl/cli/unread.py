"""Refuses options that are given, but without effect beside the others."""

from __future__ import annotations

import click
from click.core import ParameterSource


def demand_read(condition: str, *names: str) -> None:
    """Raises UsageError if an option is on the command line; `condition` says when it has an effect."""
    ctx = click.get_current_context()
    for parameter in ctx.command.params:
        given = ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name in names:
            raise click.UsageError(f"{parameter.opts[-1]} {condition}")
