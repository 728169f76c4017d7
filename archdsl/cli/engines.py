"""The options `--engine` and `--workers`: where a search by trials evaluates networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def engine_options(command: F) -> F:
    """Adds the options of engines to a command; `archdsl.search.engines.choice.read_engine` parses their
    values.
    """
    options = (
        click.option(
            "--workers", type=int, metavar="N",
            help="Number of local worker processes, or of Ray actors.",
        ),
        click.option(
            "--engine", metavar="ENGINE",
            help="Where trials run: process (default), workers, folder (a run folder shared by several"
            " machines; see archdsl work), ray, or ray://HOST:PORT.",
        ),
        click.option(
            "--gpus-per-trial", "gpus", type=float, metavar="G", help="GPUs per trial: 1, 2, or 0.5."
        ),
        click.option("--threads", type=int, metavar="N", help="Threads per trial with workers (default: 1)."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command
