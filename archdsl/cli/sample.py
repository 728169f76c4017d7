"""`archdsl sample`: random networks of a space, as text."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import click

from archdsl import atomic
from archdsl.cli import opening
from archdsl.cli.settings import SetCommand, name_option, set_option

_EPILOG = """\b
Examples:
  archdsl sample specs/template.arch > found.arch
  archdsl sample specs/fasterseg.arch -n 20 --seed 7 -o samples/
"""


@click.command(cls=SetCommand, epilog=_EPILOG)
@click.argument("spec", metavar="SPEC")
@click.option(
    "-n", "number", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="How many."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Network i is drawn with seed + i.")
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write each into DIR as NAME_SEED.arch, rather than to standard output.",
)  # fmt: skip
@name_option
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print the decisions of each as JSON.")
def sample(
    spec: str,
    number: int,
    seed: int,
    output: Path | None,
    name: str | None,
    settings: dict[str, Any],
    as_json: bool,
) -> None:
    """Random networks of a space, as .arch text: every outcome of a decision is equally likely.

    The same seed gives the same network.  Requirements of the space are not looked at.
    """
    space = opening.space(opening.load(spec), name, settings)
    if as_json:
        from archdsl.render.json import document

        drawn = [{"seed": s, "decisions": space.sample(random.Random(s))} for s in range(seed, seed + number)]
        click.echo(document("sample", space=space.name, networks=drawn), nl=False)
        return
    if number > 1 and output is None:
        raise click.UsageError("several networks need a folder: -o DIR")
    for one in range(seed, seed + number):
        text = space.bind(space.sample(random.Random(one))).to_arch()
        if output is None:
            click.echo(text, nl=False)
        else:
            atomic.write_text(output / f"{space.name.lower()}_{one}.arch", text)
    if output is not None:
        click.echo(f"wrote {number} networks into {output}", err=True)
