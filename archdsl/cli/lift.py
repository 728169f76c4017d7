"""`archdsl lift`: turns a PyTorch model into a spec."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl import atomic
from archdsl.cli.outputs import Output, demand_free, overwrite_option
from archdsl.cli.printing import document
from archdsl.lang.machine import NAME

if TYPE_CHECKING:
    from archdsl.diagnostics import Diagnostic
    from archdsl.lift.lifting import Lifted
    from archdsl.lift.recognizing import Hole

_EPILOG = """\b
Examples:
  archdsl lift models.unet:UNet
  archdsl lift unet.py:UNet --args 'classes=19' --input 3x512x1024 -o unet.arch
  archdsl lift unet.py:trained -o unet.arch --weights-out unet.safetensors
  archdsl lift monai.networks.nets:UNet --args '2, 3, 19, [16, 32, 64], [2, 2]'
"""


class _Size(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    """The type of --input: channels, height and width, such as 3x512x1024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = re.fullmatch(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", str(value))
        if found is None:
            self.fail(f"expected channels, height and width, such as 3x512x1024, got {value}", param, ctx)
        return tuple(int(size) for size in found.groups())


@click.command(epilog=_EPILOG)
@click.argument("model", metavar="MODULE:CLASS")
@click.option(
    "--input", "sizes", type=_Size(), multiple=True, default=["3x512x1024"], metavar="CxHxW",
    show_default=True, help="Size of an input, without the batch; repeat it for several inputs.",
)  # fmt: skip
@click.option(
    "--args", "arguments", default="", metavar="ARGS",
    help="Arguments of CLASS, as Python literals: 'classes=19, widths=[16, 32]'.",
)  # fmt: skip
@click.option("--name", help="Name of the network (default: CLASS).")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Output file (default: standard output).",
)  # fmt: skip
@click.option(
    "--weights-out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the model's weights for the network, as safetensors.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True,
    help="Seed of random weights, if the model has no others.",
)  # fmt: skip
@overwrite_option
def lift(
    model: str,
    sizes: Sequence[tuple[int, int, int]],
    arguments: str,
    name: str | None,
    output: Path | None,
    weights_out: Path | None,
    seed: int,
    overwrite: bool,
) -> None:
    """Turn a PyTorch model into a spec of primitives, in which repeated blocks are ops and stages.

    MODULE is a module that Python can import, or a file; CLASS is a class or a function without required
    arguments, or a module object. Its code is run. The network is compiled and compared with the model: the
    outputs must be equal up to rounding. A tensor that no primitive can compute becomes an input of the
    network, and is listed with its location in the model.
    """
    outputs = [Output(path, kind) for path, kind in ((output, "spec"), (weights_out, "weights")) if path]  # type: ignore[arg-type]
    file = model.rpartition(":")[0]
    demand_free(outputs, [Path(file)] if file.endswith(".py") else [], overwrite)
    from archdsl.lift.lifting import lift as lifted
    from archdsl.lift.model import model_of

    own = name if name is not None else _name_of(model)
    if not NAME.match(own):
        raise click.UsageError(f"--name must be a plain word, got {own}")
    found = lifted(model_of(model, arguments, seed), sizes, own, [f"Lifted from {model} by archdsl lift."])
    if output is None:
        document(found.text)
    else:
        atomic.write_text(output, found.text)
    if weights_out is not None:
        _save(found, weights_out, model)
    _report(found, [path for path in (output, weights_out) if path is not None])


def _name_of(model: str) -> str:
    """The name of the network: CLASS as an identifier."""
    word = re.sub(r"[^A-Za-z0-9]+", "_", model.rpartition(":")[2]).strip("_")
    return word if word[:1].isupper() else "".join(part.capitalize() for part in word.split("_")) or "Lifted"


def _save(found: Lifted, path: Path, model: str) -> None:
    from archdsl.train.weights import SPEC, network_hash, save_weights

    metadata = {SPEC: network_hash(found.network), "name": found.network.name, "from": model}
    save_weights(path, found.module, metadata)


def _report(found: Lifted, written: Sequence[Path]) -> None:
    from archdsl.cli.findings import print_findings
    from archdsl.report.numbers import plural

    print_findings([_warning(hole) for hole in found.holes], err=True)
    for path in written:
        click.echo(f"wrote {path}", err=True)
    network = found.network
    equal = "equal to the model's" if found.difference == 0 else f"{found.difference:.1e} from the model's"
    click.echo(
        f"{network.name}: {plural(network.params, 'parameter')}, {plural(len(network.graph.nodes), 'node')}; "
        f"outputs are {equal}, relative to the largest value",
        err=True,
    )
    if found.missing:
        lost = plural(found.missing, "parameter")
        why = "in what was not lifted, or not used by the outputs"
        click.echo(f"{lost} of the model are not in the network: {why}", err=True)


def _warning(hole: Hole) -> Diagnostic:
    from archdsl.diagnostics import Diagnostic

    help = (
        f"its result is the input `{hole.name}` of the network; write it with primitives, or add a primitive"
    )
    return Diagnostic("ARCH832", f"not lifted: {hole}", severity="warning", help=help)
