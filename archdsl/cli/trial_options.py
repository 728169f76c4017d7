"""Options of searches by trials: the scoring program, seeds, initial networks, a forecast."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from archdsl.cli.set_option import SetCommand

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def around_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--command`, `--seeds`, `--start` and `--dry-run` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _words(_ctx: click.Context, _param: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """Splits a command line into words, as a shell does; None without a command line."""
    if text is None:
        return None
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise click.BadParameter(f"{error} in {text}") from error
    if not words:
        raise click.BadParameter("the program is missing")
    return words


program_option = click.option(
    "--command", "program", metavar="WORDS", callback=_words,
    help="The program of the evaluator `command`, with arguments: 'python score.py {}', where {} is replaced"
    " by the file of a network.  It runs without a shell and is not recorded: repeat it with --resume.",
)  # fmt: skip

_OPTIONS = (
    program_option,
    click.option(
        "--seeds", type=click.IntRange(1, 1000), metavar="N",
        help="Repeat the search with N seeds, starting with --seed or 0, each in a subfolder seed-0, …;"
        " seeds.csv and seeds.svg show mean and standard deviation.",
    ),
    click.option(
        "--start", "starts", type=_FILE, multiple=True, metavar="FILE...",
        help="Initial networks of a search by trials, such as best.arch of another run: evaluated first, and"
        " observed by the strategy.",
    ),
    click.option(
        "--dry-run", is_flag=True,
        help="Print costs of random networks and the estimated duration; write nothing.",
    ),
)  # fmt: skip


class SearchCommand(SetCommand):
    """A click command whose option `--start` takes all file names that follow it, if SPEC precedes it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _spread(args))


def _spread(words: list[str]) -> list[str]:
    if not words or words[0].startswith("-"):
        return words
    out: list[str] = []
    for word in words:
        if out[-2:-1] == ["--start"] and word.endswith(".arch"):
            out.append("--start")
        out.append(word)
    return out


def demand_one_process(flag: str) -> None:
    """Raises UsageError if torchrun started several processes, with which the option `flag` does not work."""
    if int(os.environ.get("WORLD_SIZE", "1") or 1) > 1:
        raise click.UsageError(f"{flag} runs in one process: run it without torchrun")
