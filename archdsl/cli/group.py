"""The click group, which imports commands when they are called, and maps diagnostics to exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from archdsl.diagnostics import Diagnostic, SpecError, closest
from archdsl.render.terminal import is_terminal

INTERRUPTED = 130
"""The conventional exit code after SIGINT (128 + 2)."""
NOBODY_READS = 141
"""The conventional exit code after SIGPIPE (128 + 13)."""


_JSON = "archdsl.json"


class CommandGroup(click.Group):
    """A group of lazily imported commands: `lazy_commands` maps names to (module, one line of help)."""

    def __init__(self, *args: Any, lazy_commands: dict[str, tuple[str, str]], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.lazy_commands = lazy_commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy_commands:
            return None
        module, _, name = self.lazy_commands[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in self.lazy_commands or args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        meant = closest(args[0], list(self.lazy_commands))
        hint = f"; did you mean `{meant}`?" if meant else f"; available: {', '.join(self.lazy_commands)}"
        raise click.UsageError(f"unknown command `{args[0]}`{hint}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.lazy_commands.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_JSON] = "--json" in args  # diagnostics are part of the JSON output
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            use_plugins(ctx.params.get("plugins", ()))
            return super().invoke(ctx)
        except SpecError as error:
            found = error.diagnostics
        except KeyboardInterrupt:  # click would print an empty line
            return ctx.exit(_interrupted())
        except BrokenPipeError:  # caught here because click would make it exit code 1
            return ctx.exit(NOBODY_READS)
        except Exception as error:  # onnxruntime has classes of its own; others are re-raised
            found = _refused(error)
        if ctx.meta[_JSON]:
            from archdsl.render.json import render

            click.echo(render(found), nl=False)
        else:
            from archdsl.cli.findings import print_findings

            print_findings(found, err=True)
        return ctx.exit(1)


def _interrupted() -> int:
    """Ends the line on which the terminal shows ^C; returns the exit code."""
    if is_terminal(sys.stderr):
        click.echo(err=True)
    return INTERRUPTED


def use_plugins(names: Sequence[str]) -> None:
    """Loads the plug-ins named on the command line, and those of the project in the working directory."""
    from archdsl import plugins

    for name in dict.fromkeys((*plugins.of_project(Path.cwd()), *names)):
        plugins.use(name)


def _refused(error: Exception) -> tuple[Diagnostic, ...]:
    """The diagnostic for a system error. Raises UsageError for a file that cannot be opened, and any other
    error again.
    """
    from archdsl.refusals import refusal

    found = refusal(error)
    if found is None and isinstance(error, OSError) and error.filename is not None:
        what = (error.strerror or "cannot be opened").lower()
        raise click.UsageError(f"{error.filename}: {what}") from error
    if found is None or os.environ.get("ARCHDSL_DEBUG") == "1":
        raise error
    return (found,)


def print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from archdsl import __version__

        click.echo(f"archdsl {__version__}")
        ctx.exit()
