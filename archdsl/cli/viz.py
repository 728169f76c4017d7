"""`archdsl viz`: draws networks, spaces and decisions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl import atomic
from archdsl.cli import opening
from archdsl.cli.outputs import Output, demand_free, overwrite_option
from archdsl.cli.set_option import SetCommand, name_option, set_option

if TYPE_CHECKING:
    from archdsl.backends.diagram.dot import Dot
    from archdsl.ir.graph import Graph

SUFFIXES = (".svg", ".png", ".pdf", ".dot")

_EPILOG = """\b
Examples:
  archdsl viz specs/autortnet_a.arch -o a.svg
  archdsl viz specs/fasterseg.arch -o decisions.svg --what decisions
  archdsl viz specs/gas.arch -o gas.dot
"""


@click.command(cls=SetCommand, epilog=_EPILOG)
@click.argument("spec", metavar="SPEC")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
    help="Output file: .svg, .png, .pdf or .dot.",
)  # fmt: skip
@click.option(
    "--what", type=click.Choice(["network", "space", "decisions"]),
    help="Kind of diagram (default: the network or space of SPEC).",
)  # fmt: skip
@name_option
@set_option
@overwrite_option
def viz(
    spec: str, output: Path, what: str | None, name: str | None, settings: dict[str, Any], overwrite: bool
) -> None:  # fmt: skip
    """Draw a network, a space, or the tree of its decisions.

    Uses Graphviz if installed (the `dot` program, or the extra `archdsl[viz]`), otherwise a simpler built-in
    SVG layout.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"unknown suffix of {output}; expected one of {', '.join(SUFFIXES)}")
    program = opening.load(spec)
    kind: Any = output.suffix.lower().removeprefix(".")
    demand_free([Output(output, kind)], opening.files(program), overwrite)
    graph = opening.target(program, name, settings, train_outputs=True).graph
    atomic.write_bytes(output, rendered(graph, what, output.suffix.lower()))
    click.echo(f"wrote {output}", err=True)


def dot_text(graph: Graph, what: str | None) -> Dot:
    """The DOT source of a drawing of a graph."""
    from archdsl.backends import diagram

    if what is None:
        what = "network" if graph.is_fixed else "space"
    if what == "network" and not graph.is_fixed:
        raise click.UsageError(f"{graph.name} is a space: use `--what space` or `--what decisions`")
    if what == "decisions" and graph.is_fixed:
        raise click.UsageError(f"{graph.name} is a network and has no decisions")
    makers = {"network": diagram.network_dot, "space": diagram.space_dot, "decisions": diagram.decisions_dot}
    return makers[what](graph)


def rendered(graph: Graph, what: str | None, suffix: str) -> bytes:
    """A drawing of a graph as bytes, in the format of a file suffix."""
    from archdsl.backends.diagram import picture

    return picture(dot_text(graph, what), suffix.removeprefix("."))
