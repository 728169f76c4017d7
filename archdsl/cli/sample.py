"""`archdsl sample`: samples random networks of a space."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl import atomic
from archdsl.cli import opening, printing
from archdsl.cli.outputs import Output, demand_free, overwrite_option
from archdsl.cli.set_option import SetCommand, name_option, over_option, set_option
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.report.numbers import plural
from archdsl.resources import specs_folder

if TYPE_CHECKING:
    from archdsl.ir import Requirement
    from archdsl.passes.analyses.networks import Over
    from archdsl.program import Network, Program, Space

TRIES = 1_000
"""The number of networks that are sampled before the requirements are reported as unsatisfied."""

_EPILOG = """\b
Examples:
  archdsl sample specs/template.arch > found.arch
  archdsl sample specs/fasterseg.arch -n 20 --seed 7 -o samples/
  archdsl sample specs/space.arch --over networks
"""


@click.command(cls=SetCommand, epilog=_EPILOG)
@click.argument("spec", metavar="SPEC")
@click.option(
    "-n",
    "number",
    type=click.IntRange(1, 1_000_000),
    default=1,
    show_default=True,
    help="Number of networks.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Network i is sampled with seed + i.")
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write each to DIR/NAME_SEED.arch instead of standard output.",
)  # fmt: skip
@over_option
@name_option
@set_option
@click.option("--full", is_flag=True, help="Write networks in full instead of as decisions of the space.")
@overwrite_option
@click.option("--json", "as_json", is_flag=True, help="Print the decisions as JSON.")
def sample(
    spec: str,
    number: int,
    seed: int,
    output: Path | None,
    over: Over,
    name: str | None,
    settings: dict[str, Any],
    full: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Sample random networks of a space as .arch text, uniformly over the outcomes of each decision.

    With --over networks, sampling is uniform over networks, and inactive decisions are omitted. The same seed
    gives the same network. Networks that violate requirements of the space are resampled; requirements on
    latency and rate are ignored. Networks written as decisions import their space, so the file of the space
    is copied to DIR.
    """
    program = opening.load(spec)
    space = opening.space(program, name, settings)
    if as_json:
        from archdsl.render.json import document

        sampled = [{"seed": s, "decisions": _draw(space, s, over)} for s in range(seed, seed + number)]
        click.echo(document("sample", space=space.name, networks=sampled), nl=False)
        return
    if output is not None:
        copies = {} if full else _copies(program, output)
        made = [Output(_path(output, space, one), "spec") for one in range(seed, seed + number)]
        new = [Output(path, "spec") for path in copies if not path.exists()]
        demand_free([*made, *new], opening.files(program), overwrite)
        _copy(copies, overwrite)
    texts = []
    for one in range(seed, seed + number):
        called = "Found" if number == 1 or output is not None else f"Found{one}"
        texts.append(_text(space.bind(_draw(space, one, over), called), full))
        if output is not None:
            atomic.write_text(_path(output, space, one), texts.pop())
    if output is None:
        printing.document(_one_file(texts))
    if output is not None:
        click.echo(f"wrote {plural(number, 'network')} into {output}", err=True)


def _draw(space: Space, seed: int, over: Over) -> dict[str, str]:
    """Samples decisions that satisfy the requirements. Raises SpecError (ARCH409) if none are found."""
    from archdsl.spec.require import unmet

    rng = random.Random(seed)
    if not space.graph.requirements:
        return space.sample(rng, over)
    broken: list[Requirement] = []
    for _ in range(TRIES):
        decisions = space.sample(rng, over)
        outcomes = space.binder.outcomes(decisions)
        broken = list(unmet(space.binder.bind(outcomes)))
        if not broken:
            return decisions
    raise SpecError(
        [
            Diagnostic(
                "ARCH409",
                f"none of {TRIES:,} random networks satisfies the requirements",
                Label(place, "violated by the last one") if (place := broken[0].location) else None,
                help="check whether they are satisfiable with `archdsl check`",
            )
        ]
    )


def _one_file(texts: list[str]) -> str:
    """Joins the texts of files that differ only in their network into one text with all networks."""
    head, first, body = texts[0].partition("\nnetwork ")
    return "".join([head, first, body, *(first + text.partition("\nnetwork ")[2] for text in texts[1:])])


def _text(network: Network, full: bool) -> str:
    from archdsl.spec.decompile import written_out

    return written_out(network.with_train_outputs().graph) if full else network.to_arch()


def _path(folder: Path, space: Space, seed: int) -> Path:
    return folder / f"{space.name.lower()}_{seed}.arch"


def _copies(program: Program, output: Path) -> dict[Path, str]:
    """The path and text of each file to copy: a spec and its local imports."""
    root, library = program.unit.path.parent, specs_folder().resolve() / "std"
    if output.resolve() == root:
        return {}
    copies = {}
    ahead = [program.unit]
    while ahead:
        unit = ahead.pop()
        copies[output / unit.path.relative_to(root)] = unit.source.text
        beside = {u.path: u for u, _ in unit.imported.values() if u.path.is_relative_to(root)}
        ahead += [u for path, u in beside.items() if not path.is_relative_to(library)]
    return copies


def _copy(copies: dict[Path, str], overwrite: bool) -> None:
    """Writes copies of files. Raises UsageError if that would overwrite a different file without
    `overwrite`.
    """
    there = {path for path in copies if path.exists()}
    for path in there:
        if not overwrite and path.read_bytes() != copies[path].encode("utf-8"):
            raise click.UsageError(f"{path} already exists with other contents; add --overwrite, or move it")
    for path, text in copies.items():
        if overwrite or path not in there:
            atomic.write_text(path, text)
