"""`archdsl compile`: a network in the form that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl import atomic
from archdsl.cli import opening, tables
from archdsl.cli.numbers import shape
from archdsl.cli.outputs import Kind, Output, demand_free, overwrite_option
from archdsl.cli.settings import SetCommand, name_option, set_option

if TYPE_CHECKING:
    from archdsl.program import Network, Program, Space

_EPILOG = """\b
Examples:
  archdsl compile specs/autortnet_a.arch                          the layer table
  archdsl compile specs/autortnet_a.arch --out out/               everything, run on an image
  archdsl compile specs/fasterseg_student.arch --emit python -o student.py
  archdsl compile specs/fasterseg_student.arch --emit onnx -o student.onnx --set image=3x512x1024
  archdsl compile specs/gas_like.arch --emit torch -o weights.safetensors
"""


FORMS = ("ast", "ir", "shapes", "torch", "python", "onnx", "dot", "svg", "png", "arch")


@click.command("compile", cls=SetCommand, epilog=_EPILOG)
@click.argument("spec", metavar="SPEC")
@name_option
@click.option(
    "--emit", type=click.Choice(FORMS),
    help="What to make of it (default: a layer table).",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Where to write it (default: standard output).",
)  # fmt: skip
@click.option(
    "--out", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write everything into DIR and run the network once on an image.",
)  # fmt: skip
@click.option(
    "--image", "picture", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="With --out: the image to run on (default: a street that is drawn).",
)  # fmt: skip
@set_option
@overwrite_option
@click.option("--json", "as_json", is_flag=True, help="Print the layer table as JSON.")
def compile_(
    spec: str,
    name: str | None,
    emit: str | None,
    output: Path | None,
    folder: Path | None,
    picture: Path | None,
    settings: dict[str, Any],
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compile a network to PyTorch, Python, ONNX, a diagram or .arch; or print its layers.

    `--emit arch` writes a network out in full, so that it needs no space; a space's file it formats.
    `--emit torch` prints the module, or saves its (untrained) weights where FILE ends in .safetensors.
    """
    _refuse(emit, output, folder, picture, as_json)
    program = opening.load(spec)
    read = [*opening.files(program), *([picture] if picture else [])]
    demand_free(_outputs(emit, output, folder), read, overwrite)
    if emit == "ast":
        _put(_ast(program), output)
        return
    target = opening.target(program, name, settings)
    if folder is not None:
        from archdsl.cli.everything import write_everything

        write_everything(_fixed(target), folder, picture)
    elif emit is None:
        _put(_summary(program, target, as_json), output)
    elif emit in _WRITERS and output is not None:
        _WRITERS[emit](target, output)
        click.echo(f"wrote {output}", err=True)
    else:
        _put(_TEXTS[emit](program, target), output)


def _refuse(
    emit: str | None, output: Path | None, folder: Path | None, picture: Path | None, as_json: bool
) -> None:
    if folder is not None and (emit or output or as_json):
        raise click.UsageError("--out writes everything: leave out --emit, -o and --json")
    if picture is not None and folder is None:
        raise click.UsageError("--image goes with --out")
    if as_json and emit is not None:
        raise click.UsageError("--json prints the layer table: leave out --emit")
    if emit in ("onnx", "png") and output is None:
        raise click.UsageError(f"--emit {emit} is binary: say where to write it with -o FILE")


_KINDS: dict[str, Kind] = {"arch": "spec", "torch": "modules"}
"""Kinds of file by form, where they are called otherwise."""


def _outputs(emit: str | None, output: Path | None, folder: Path | None) -> list[Output]:
    if folder is not None:
        from archdsl.cli.everything import outputs

        return outputs(folder)
    if output is None:
        return []
    if emit == "torch" and output.suffix == ".safetensors":
        return [Output(output, "weights")]
    return [Output(output, "layers" if emit is None else _KINDS.get(emit, emit))]  # type: ignore[arg-type]


def _put(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    atomic.write_text(output, text if text.endswith("\n") else text + "\n")
    click.echo(f"wrote {output}", err=True)


def _fixed(target: Space | Network) -> Network:
    from archdsl.program import Network

    if isinstance(target, Network):
        return target
    raise click.UsageError(
        f"{target.name} is a space: take a network with --name, or draw one with `archdsl sample`"
    )


def _summary(program: Program, target: Space | Network, as_json: bool) -> str:
    from archdsl.cli.explain import as_json as explained
    from archdsl.cli.explain import as_text

    return explained(program, target) if as_json else as_text(program, target, chosen=False)


def _ast(program: Program) -> str:
    from pprint import pformat

    return pformat(program.unit.file, width=110, compact=True)


def _ir(_program: Program, target: Space | Network) -> str:
    from archdsl.ir.text.writer import dump

    return dump(target.graph)


def _shapes(_program: Program, target: Space | Network) -> str:
    from archdsl.passes.shapes import infer

    rows = [[name, shape(sizes)] for name, sizes in infer(_fixed(target).graph).items()]
    return tables.table(("node", "shape"), rows)


def _torch(_program: Program, target: Space | Network) -> str:
    return repr(_fixed(target).module())


def _python(_program: Program, target: Space | Network) -> str:
    from archdsl.backends.source import emit

    return emit(_fixed(target).graph)


def _dot(_program: Program, target: Space | Network) -> str:
    from archdsl.cli.viz import dot_text

    return dot_text(target.graph, None)


def _svg(_program: Program, target: Space | Network) -> str:
    return _picture(target, ".svg").decode("utf-8")


def _picture(target: Space | Network, suffix: str) -> bytes:
    """The picture in the form of a suffix, whatever the file will be called that it goes to."""
    from archdsl.cli.viz import drawn

    return drawn(target.graph, None, suffix)


def _arch(program: Program, target: Space | Network) -> str:
    from archdsl.program import Network

    if isinstance(target, Network):
        from archdsl.spec.decompile import written_out

        return written_out(target.graph)
    from archdsl.lang.formatter import format_source

    return format_source(program.unit.source)


def _write_png(target: Space | Network, output: Path) -> None:
    atomic.write_bytes(output, _picture(target, ".png"))


def _write_torch(target: Space | Network, output: Path) -> None:
    if output.suffix != ".safetensors":
        atomic.write_text(output, repr(_fixed(target).module()) + "\n")
        return
    from safetensors.torch import save

    network = _fixed(target)
    atomic.write_bytes(output, save(network.module().state_dict(), metadata={"network": network.name}))


def _write_onnx(target: Space | Network, output: Path) -> None:
    from archdsl.backends.onnx_file import export

    export(_fixed(target).graph, output)


_TEXTS: dict[str, Callable[[Program, Space | Network], str]] = {
    "ir": _ir,
    "shapes": _shapes,
    "torch": _torch,
    "python": _python,
    "dot": _dot,
    "svg": _svg,
    "arch": _arch,
}
_WRITERS: dict[str, Callable[[Space | Network, Path], None]] = {
    "torch": _write_torch,
    "onnx": _write_onnx,
    "png": _write_png,
}
