"""`archdsl cost`: costs of a network by layer, or of the networks of a space."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl import atomic
from archdsl.cli import network_cost, opening, space_cost
from archdsl.cli.outputs import Output, demand_free, overwrite_option
from archdsl.cli.set_option import SetCommand, name_option, set_option, train_outputs_option
from archdsl.cli.unread import demand_read

if TYPE_CHECKING:
    from archdsl.program import Network, Program, Space

_EPILOG = """\b
Examples:
  archdsl cost specs/autortnet_a.arch                     layers, totals, memory, receptive field
  archdsl cost specs/fasterseg_student.arch --dtype float16 --by primitive
  archdsl cost specs/space.arch minimum, maximum, mean, quantiles
  archdsl cost specs/autortnet_a.arch --space             of the space that it was found in
  archdsl cost specs/space.arch -o report.html            with pictures
"""


@click.command(cls=SetCommand, epilog=_EPILOG)
@click.argument("spec", metavar="SPEC")
@name_option
@click.option(
    "--space", "of_space", is_flag=True, help="Costs of the file's space, or of the network's space."
)
@click.option(
    "--samples", type=click.IntRange(1, 10_000_000), default=None, metavar="N",
    help="Number of random networks for quantiles (default: 100,000; 12 to 300 without closed form).",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random networks.")
@click.option(
    "--dtype", type=click.Choice(["float32", "float16", "bfloat16", "int8"]), default="float32",
    show_default=True, help="Type of activations, for traffic and memory.",
)  # fmt: skip
@click.option(
    "--by", type=click.Choice(["op", "primitive"]), default="op", show_default=True,
    help="Rows of the table: declared ops, or primitives.",
)  # fmt: skip
@train_outputs_option
@set_option
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.html",
    help="Write an HTML page with charts.",
)  # fmt: skip
@overwrite_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cost(
    spec: str,
    name: str | None,
    of_space: bool,
    samples: int | None,
    seed: int,
    dtype: str,
    by: Any,
    train_outputs: bool,
    settings: dict[str, Any],
    output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Parameters, MACs (FLOPs = 2 × MACs), activation traffic and memory, receptive field.

    All costs are per image. For a space: minimum and maximum with their networks, mean under uniform
    decisions, and quantiles over random networks; requirements are ignored.
    """
    from archdsl.program import Network

    program = opening.load(spec)
    if output is not None:
        demand_free([Output(output, "html")], opening.files(program), overwrite)
    target = opening.target(program, name, settings, train_outputs)
    if of_space:
        target = _space(program, name, settings)
    if isinstance(target, Network):
        demand_read("is of random networks, and requires a space: see --space", "samples", "seed")
        found = network_cost.of_network(target, dtype, by)
        text, page = network_cost.network_text, network_cost.network_page
    else:
        demand_read("requires a network", "dtype", "by")
        found = space_cost.of_space(target, samples, seed, train_outputs)
        text, page = space_cost.space_text, space_cost.space_page
    if output is not None:
        atomic.write_text(output, page(found))
        click.echo(f"wrote {output}", err=True)
    elif not as_json:
        click.echo(text(found), nl=False)
        network = isinstance(target, Network)
        left_out = (
            opening.left_out(target) if network or train_outputs else opening.without(target.graph.train_only)
        )
        if left_out:
            click.echo(left_out)
    if as_json:
        from archdsl.render.json import text_of

        data = {k: v for k, v in found.items() if not k.startswith("_")}
        click.echo(text_of(data))


def _space(program: Program, name: str | None, settings: dict[str, Any]) -> Space | Network:
    """The space that `--space` selects: the one with this name, the file's space, or the space of the file's
    network.
    """
    from archdsl.program import Program as AnyProgram
    from archdsl.spec.elaborate import origin_of

    chosen = opening.chosen(program, name)
    declared = program.networks.get(chosen)
    if declared is None:
        return opening.space(program, chosen, settings)
    if declared.origin is not None:
        home, origin = origin_of(program.unit, declared)
        return AnyProgram(home).space(origin.name.id, **settings)
    if name is None and program.spaces:
        return opening.space(program, None, settings)
    raise click.UsageError(f"{chosen} does not belong to a space")
