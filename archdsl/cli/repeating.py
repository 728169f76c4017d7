"""`archdsl search --seeds N`: repeats a search with several seeds, sequentially."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archdsl.cli import opening

if TYPE_CHECKING:
    from archdsl.search.options import SearchOptions


def run_seeds(spec: str, options: SearchOptions, count: int | None) -> int:
    """Runs a search with `count` seeds, beginning with the seed in `options` or 0; returns the exit code.

    Existing runs are resumed if the options request it; if `count` is None, the seeds are those of the
    folder.
    """
    from archdsl.cli.searching import run_search
    from archdsl.search.repeats import RepeatedFolder, summarize

    name = opening.load(spec).search(options.name).name
    folder = RepeatedFolder(options.folder or Path("runs") / name)
    first = options.seed or 0
    seeds = list(range(first, first + (count or 0)))
    if options.resume:
        before = folder.seeds() or []
        seeds = before + [seed for seed in range(before[0], before[0] + (count or 0)) if seed not in before]
        folder.write(seeds)
    else:
        folder.begin(seeds)
    for n, seed in enumerate(seeds, start=1):
        path = folder.of(seed)
        click.echo(f"seed {seed} ({n} of {len(seeds)})")
        there = (path / "manifest.json").exists()
        with folder.released():
            code = run_search(spec, replace(options, seed=seed, folder=path, resume=there), hint=False)
        if code:
            command = options.evaluator_command
            words = ["--command", shlex.join(command)] if command else []
            again = ["archdsl", "search", spec, "--resume", str(folder.path), *words, *options.engine.words()]
            click.echo(f"resume all seeds with: {shlex.join(again)}")
            return code
    click.echo(summarize(folder, seeds), nl=False)
    click.echo(f"wrote {folder.table}, {folder.picture}")
    return 0
