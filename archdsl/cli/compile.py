"""`archdsl compile`: compiles a network to another form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl import atomic
from archdsl.cli import opening
from archdsl.cli.exporting import demand_untrained, export, fitted, form_of
from archdsl.cli.networks import fixed
from archdsl.cli.outputs import Kind, Output, demand_free, overwrite_option
from archdsl.cli.passing import passes_options, piped
from archdsl.cli.printing import document
from archdsl.cli.set_option import SetCommand, name_option, set_option, train_outputs_option
from archdsl.cli.unread import demand_read
from archdsl.cli.weights_file import WeightsFile
from archdsl.report import text_tables
from archdsl.report.numbers import shape

if TYPE_CHECKING:
    from archdsl.passes.pipeline import Pipeline
    from archdsl.program import Network, Program, Space

_EPILOG = """\b
Examples:
  archdsl compile specs/autortnet_a.arch                          the layer table
  archdsl compile specs/autortnet_a.arch --out out/               everything, run on an image
  archdsl compile specs/fasterseg_student.arch --emit python -o student.py
  archdsl compile specs/fasterseg_student.arch --emit onnx -o student.onnx --set image=3x512x1024
  archdsl compile best.arch --weights runs/a/weights.safetensors --emit onnx -o best.onnx
  archdsl compile best.arch --weights runs/a/weights.safetensors --emit torch -o best.pt2
  archdsl compile specs/gas_like.arch --emit torch -o weights.safetensors
  archdsl compile specs/space.arch --passes 'prune(hyper[1].gate = 1), simplify' --emit ir
"""


_WHOLE = ("ir", "shapes", "dot", "svg", "png", "arch")
"""Output forms that always include train-only outputs."""

FORMS = ("ast", "ir", "shapes", "torch", "python", "onnx", "dot", "svg", "png", "arch")


@click.command("compile", cls=SetCommand, epilog=_EPILOG)
@click.argument("spec", metavar="SPEC")
@name_option
@click.option(
    "--emit", type=click.Choice(FORMS),
    help="Output form (default: a layer table).",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Output file (default: standard output).",
)  # fmt: skip
@click.option(
    "--out", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write all forms into DIR and run the network on an image.",
)  # fmt: skip
@click.option(
    "--image", "picture", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="With --out: the input image (default: a generated street scene).",
)  # fmt: skip
@click.option(
    "--weights", type=WeightsFile(), metavar="FILE",
    help="Weights from `archdsl train` (default: random).",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Seed of random weights."
)
@click.option(
    "--fixed-size", is_flag=True,
    help="Static shapes in ONNX and .pt2 (default: dynamic batch, height and width).",
)  # fmt: skip
@passes_options
@train_outputs_option
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
    weights: Path | None,
    seed: int,
    fixed_size: bool,
    passes: str | None,
    verify: bool,
    print_after_all: bool,
    train_outputs: bool,
    settings: dict[str, Any],
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compile a network to PyTorch, Python, ONNX, a diagram or .arch; or print its layers.

    `--emit arch` writes a network in full, independent of its space; a space is formatted. `--emit torch`
    prints the module, saves weights to FILE.safetensors, or saves a torch.export program to FILE.pt2. Without
    --weights, weights are random, which is recorded in every file.
    """
    _refuse(emit, output, folder, picture, as_json)
    _refuse_passes(passes, verify or print_after_all, emit, folder, train_outputs)
    form = form_of(emit, output)
    if weights is not None and form is None and folder is None:
        raise click.UsageError("--weights requires --emit onnx, python or torch with -o FILE, or --out DIR")
    if fixed_size and form not in ("onnx", "pt2"):
        raise click.UsageError("--fixed-size requires --emit onnx -o FILE or --emit torch -o FILE.pt2")
    if weights is not None:
        demand_read("is of random weights, and cannot be combined with --weights", "seed")
    if form is None and folder is None:
        demand_read("requires --emit onnx, python or torch with -o FILE, or --out DIR", "seed")
    if emit == "ast":
        demand_read("cannot be combined with --emit ast, which is the whole file", "settings", "name")
    pipeline = _pipeline(passes)
    program = opening.load(spec)
    read = [*opening.files(program), *(path for path in (picture, weights) if path is not None)]
    outputs = _outputs(emit, output, folder, weights is not None)
    demand_free(outputs, read, overwrite)
    if weights is None and not overwrite:
        demand_untrained(outputs)
    if emit == "ast":
        _put(_ast(program), output)
        return
    if folder is not None:
        from archdsl.cli.everything import write_everything

        network = fitted(program, name, settings, weights, train_outputs)
        write_everything(network, folder, picture, weights, seed)
        return
    target: Space | Network
    if form is not None and (pipeline is None or opening.chosen(program, name) in program.networks):
        target = fitted(program, name, settings, weights, train_outputs)
    else:
        target = opening.target(program, name, settings, train_outputs or emit in _WHOLE)
    if pipeline is not None:
        target = piped(target, pipeline, verify, print_after_all)
        if emit == "arch" and not target.graph.is_fixed:
            raise click.UsageError(
                "a transformed space cannot be written as .arch: use --emit ir, or the pass `bind`"
            )
    if form is not None and output is not None:
        export(fixed(target), form, output, weights, seed, not fixed_size)
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
        raise click.UsageError("--out cannot be combined with --emit, -o or --json")
    if picture is not None and folder is None:
        raise click.UsageError("--image requires --out")
    if as_json and emit is not None:
        raise click.UsageError("--json cannot be combined with --emit")
    if emit in ("onnx", "png") and output is None:
        raise click.UsageError(f"--emit {emit} is binary and requires -o FILE")


def _refuse_passes(
    passes: str | None, shown: bool, emit: str | None, folder: Path | None, train_outputs: bool
) -> None:
    if passes is None and shown:
        raise click.UsageError("--verify and --print-after-all require --passes")
    if passes is not None and (emit == "ast" or folder is not None):
        raise click.UsageError(
            "--passes cannot be combined with --emit ast or --out; --emit ir prints the resulting graph"
        )
    if passes is not None and train_outputs:
        raise click.UsageError(
            "--train-outputs is implied by --passes; the pass `deploy` removes train-only outputs"
        )


def _pipeline(passes: str | None) -> Pipeline | None:
    if passes is None:
        return None
    from archdsl.passes.pipeline_text import read_pipeline

    return read_pipeline(passes, name="--passes")


_KINDS: dict[str, Kind] = {"arch": "spec", "torch": "modules"}
"""The kinds of files of output forms whose names differ from the kind."""


def _outputs(emit: str | None, output: Path | None, folder: Path | None, trained: bool) -> list[Output]:
    if folder is not None:
        from archdsl.cli.everything import outputs

        return outputs(folder, trained)
    if output is None:
        return []
    if emit == "python" and trained:
        return [Output(output, "python"), Output(output.with_suffix(".safetensors"), "weights")]
    if emit == "torch" and form_of(emit, output) is not None:
        return [Output(output, "weights" if form_of(emit, output) == "safetensors" else "program")]
    return [Output(output, "layers" if emit is None else _KINDS.get(emit, emit))]  # type: ignore[arg-type]


def _put(text: str, output: Path | None) -> None:
    if output is None:
        document(text if text.endswith("\n") else text + "\n")
        return
    atomic.write_text(output, text if text.endswith("\n") else text + "\n")
    click.echo(f"wrote {output}", err=True)


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
    from archdsl.passes.analyses.shapes import infer

    rows = [[name, shape(sizes)] for name, sizes in infer(fixed(target).graph).items()]
    return text_tables.table(("node", "shape"), rows)


def _torch(_program: Program, target: Space | Network) -> str:
    return repr(fixed(target).module())


def _python(_program: Program, target: Space | Network) -> str:
    from archdsl.backends.source import WITHOUT_WEIGHTS, emit

    return emit(fixed(target).graph, (WITHOUT_WEIGHTS,))


def _dot(_program: Program, target: Space | Network) -> str:
    from archdsl.cli.viz import dot_text

    return dot_text(target.graph, None)


def _svg(_program: Program, target: Space | Network) -> str:
    return _picture(target, ".svg").decode("utf-8")


def _picture(target: Space | Network, suffix: str) -> bytes:
    """Draws a space or network, in the format of a file suffix."""
    from archdsl.cli.viz import rendered

    return rendered(target.graph, None, suffix)


def _arch(program: Program, target: Space | Network) -> str:
    from archdsl.program import Network

    if isinstance(target, Network):
        from archdsl.spec.decompile import written_out

        return written_out(target.graph)
    from archdsl.lang.formatter import format_source

    return format_source(program.unit.source)


def _write_png(target: Space | Network, output: Path) -> None:
    atomic.write_bytes(output, _picture(target, ".png"))


_TEXTS: dict[str, Callable[[Program, Space | Network], str]] = {
    "ir": _ir,
    "shapes": _shapes,
    "torch": _torch,
    "python": _python,
    "dot": _dot,
    "svg": _svg,
    "arch": _arch,
}
_WRITERS: dict[str, Callable[[Space | Network, Path], None]] = {"png": _write_png}
