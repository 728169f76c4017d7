"""`archdsl widen`: writes the neighbourhood of a network as a space."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from archdsl import atomic
from archdsl.cli import opening
from archdsl.cli.networks import fixed
from archdsl.cli.outputs import Output, demand_free, overwrite_option
from archdsl.cli.printing import document
from archdsl.cli.set_option import SetCommand, name_option, set_option
from archdsl.lang.machine import NAME

_EPILOG = """\b
Examples:
  archdsl widen specs/plain_small.arch --width 0.5..1.5 -o near.arch
  archdsl widen specs/plain_small.arch --depth 1 --ops 'sep_conv, conv(k = 5)'
  archdsl widen unet.arch --width '0.75..1.25 step 0.125' --multiple 4
"""

STEP = Fraction(1, 4)


class _Factors(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    """The type of --width: factors such as 0.5..1.5, optionally with a step, 0.5..1.5 step 0.25."""

    name = "factors"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = r"([0-9]{1,4}(?:\.[0-9]{1,6})?)"
        found = re.fullmatch(rf"\s*{number}\s*\.\.\s*{number}(?:\s+step\s+{number})?\s*", str(value))
        if found is None:
            self.fail(f"expected a range of factors, such as 0.5..1.5, got {value}", param, ctx)
        low, high = Fraction(found[1]), Fraction(found[2])
        step = Fraction(found[3]) if found[3] else STEP
        if not 0 < low <= 1 <= high or step <= 0 or (high - low) / step > 100:
            self.fail(f"expected a range around 1 of at most 100 factors, got {value}", param, ctx)
        factors = [low + n * step for n in range(int((high - low) / step) + 1)]
        return [*factors, high, Fraction(1)]


class _Depth(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    """The type of --depth: the number of iterations by which depths vary, 1 or ±1."""

    name = "depth"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = re.fullmatch(r"(?:±|\+/?-)?([0-9]{1,2})", str(value).strip())
        if found is None:
            self.fail(
                f"expected a number of iterations to add or remove, such as 1 or ±1, got {value}", param, ctx
            )
        return int(found[1])


@click.command(cls=SetCommand, epilog=_EPILOG)
@click.argument("spec", metavar="SPEC")
@name_option
@click.option(
    "--width", "factors", type=_Factors(), default=None, metavar="LOW..HIGH",
    help="Multiply widths by factors in this range, in steps of 0.25, or of S in LOW..HIGH step S.",
)  # fmt: skip
@click.option(
    "--multiple", type=click.IntRange(1, 1024), default=8, show_default=True,
    help="Round widths to multiples of this number; smaller widths to integers.",
)  # fmt: skip
@click.option(
    "--depth", type=_Depth(), default=0, metavar="±N",
    help="Vary the number of repetitions of blocks that keep their size by up to N; at least one remains.",
)  # fmt: skip
@click.option(
    "--ops", default="", metavar="OPS",
    help="Ops that may replace blocks: of SPEC, primitives and ops of the library, with settings.",
)  # fmt: skip
@click.option("--space", "space_name", metavar="NAME", help="Name of the space (default: NETWORKNear).")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Output file (default: standard output).",
)  # fmt: skip
@set_option
@overwrite_option
def widen(
    spec: str,
    name: str | None,
    factors: list[Fraction] | None,
    multiple: int,
    depth: int,
    ops: str,
    space_name: str | None,
    output: Path | None,
    settings: dict[str, Any],
    overwrite: bool,
) -> None:
    """Write the neighbourhood of a network as a space that contains the network.

    Widths, depths and ops become decisions. Widths that must be equal, such as those of the operands of a
    sum, are one decision; widths of outputs do not vary. Every network of the space is proved to be
    well-typed. The file also contains the network itself, as decisions of the space.
    """
    if factors is None and not depth and not ops.strip():
        raise click.UsageError("nothing to vary: use --width 0.5..1.5, --depth 1 or --ops sep_conv")
    program = opening.load(spec)
    if output is not None:
        demand_free([Output(output, "spec")], opening.files(program), overwrite)
    from archdsl.widen.candidates import candidates
    from archdsl.widen.widening import Neighbourhood
    from archdsl.widen.widening import widen as widened

    network = fixed(opening.target(program, name, settings, train_outputs=True))
    own = space_name if space_name is not None else f"{network.name}Near"
    if not NAME.match(own) or own == network.name:
        raise click.UsageError(f"--space must be a plain word other than the network's name, got {own}")
    around = Neighbourhood(factors or [Fraction(1)], multiple, depth, candidates(ops, program.unit))
    found = widened(network, around, own)
    if output is None:
        document(found.text)
    else:
        atomic.write_text(output, found.text)
        click.echo(f"wrote {output}", err=True)
    _report(found)


def _report(found: Any) -> None:
    from archdsl.report.numbers import large, plural

    space = found.space
    click.echo(
        f"{space.name}: {plural(len(space.decisions), 'decision')}, "
        f"{large(space.size)} combinations of outcomes; {found.origin.name} is one of them",
        err=True,
    )
