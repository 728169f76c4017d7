"""The command `archdsl compile` for output forms that contain weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.networks import with_classes
from archdsl.cli.opening import left_out
from archdsl.cli.outputs import Output
from archdsl.diagnostics import Diagnostic, SpecError

if TYPE_CHECKING:
    from archdsl.program import Network, Program


def form_of(emit: str | None, output: Path | None) -> str | None:
    """The form in `archdsl.train.exporting` that --emit and -o select; None for a form without weights."""
    if output is None:
        return None
    if emit == "torch":
        suffix = output.suffix.lower()
        return suffix[1:] if suffix in (".safetensors", ".pt2") else None
    return emit if emit in ("onnx", "python") else None


def fitted(
    program: Program, name: str | None, settings: dict[str, Any], weights: Path | None, train_outputs: bool
) -> Network:
    """The network of a file, with the number of classes that is recorded in the weights."""
    classes = None
    if weights is not None:
        from archdsl.train.weights import classes_of, read_metadata

        classes = len(classes_of(read_metadata(weights))[0]) or None
    return with_classes(program, name, settings, classes, train_outputs)


def demand_untrained(outputs: Iterable[Output]) -> None:
    """Raises SpecError (ARCH931) if random weights would overwrite trained ones."""
    for output in outputs:
        if output.kind == "weights" and _holds_trained(output.path):
            headline = f"{output.path} contains trained weights, and would be overwritten by random ones"
            help = "use trained weights with --weights FILE, choose another path, or add --overwrite"
            raise SpecError([Diagnostic("ARCH931", headline, help=help)])


def _holds_trained(path: Path) -> bool:
    from archdsl.train.exporting import WEIGHTS
    from archdsl.train.weights import read_metadata

    if not path.is_file() or path.stat().st_size == 0:
        return False
    try:
        return not read_metadata(path).get(WEIGHTS, "").startswith("random")
    except SpecError:  # damaged, so it may be overwritten
        return False


def export(network: Network, form: str, output: Path, weights: Path | None, seed: int, dynamic: bool) -> None:
    """Exports a network, and prints a description of the files to standard error."""
    from archdsl.train.exporting import filled, write

    if weights is None and form != "python":  # source without weights states that
        say_random(seed)
    written = write(filled(network, weights, seed), output, form, dynamic=dynamic)
    click.echo(f"wrote {' and '.join(map(str, written.files))}", err=True)
    for note in filter(None, (*written.notes, left_out(network))):
        click.echo(f"  {note}", err=True)


def say_random(seed: int) -> None:
    click.echo(
        f"the weights are random (seed {seed}), not trained; use trained ones with --weights FILE", err=True
    )
