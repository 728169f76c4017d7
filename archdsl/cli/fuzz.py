"""`archdsl fuzz`: tests random networks of a space on every backend."""

from __future__ import annotations

import random
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl import atomic
from archdsl.cli import opening
from archdsl.cli.outputs import Output, demand_free, overwrite_option
from archdsl.cli.set_option import SetCommand, name_option, over_option, set_option
from archdsl.diagnostics import SpecError
from archdsl.render.terminal import is_terminal
from archdsl.report.numbers import plural, setting
from archdsl.spec.from_text import parse_value

if TYPE_CHECKING:
    from archdsl.passes.analyses.networks import Over
    from archdsl.program import Network, Program, Space

_EPILOG = """\b
Examples:
  archdsl fuzz specs/template.arch -n 20
  archdsl fuzz mine.arch -n 5 --seed 7 --image 3x64x128
  archdsl fuzz mine.arch -n 200 --no-onnx

Exit codes: 0 all passed, 1 a network failed, 2 usage.
"""


@click.command(cls=SetCommand, epilog=_EPILOG)
@click.argument("spec", metavar="SPEC")
@click.option(
    "-n",
    "number",
    type=click.IntRange(1, 1_000_000),
    default=10,
    show_default=True,
    help="Number of networks.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Network i is sampled with seed + i.")
@click.option(
    "--image", metavar="CxHxW", help="Input shape, such as 3x64x128; the same as --set image=CxHxW."
)
@click.option("--onnx/--no-onnx", default=True, help="Also export to ONNX and run it by onnxruntime.")
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), default=Path("fuzz"),
    show_default=True, metavar="DIR", help="Folder for failing networks, as .arch files.",
)  # fmt: skip
@over_option
@name_option
@set_option
@overwrite_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def fuzz(
    ctx: click.Context,
    spec: str,
    number: int,
    seed: int,
    image: str | None,
    onnx: bool,
    output: Path,
    over: Over,
    name: str | None,
    settings: dict[str, Any],
    overwrite: bool,
    as_json: bool,
) -> None:
    """Sample random networks of a space and compare the backends on each.

    For each network, checks that its .arch text and graph text parse to the same graph; that inferred shapes
    equal PyTorch's; that the emitted Python computes identical logits; and that ONNX agrees to 1e-4 of the
    largest logit. If the file has no space, its network is tested once.
    """
    if image is not None:
        settings = {**settings, "image": parse_value(image)}
    program = opening.load(spec)
    if name is None and program.spaces:
        name = list(program.spaces)[-1]
    if image is not None:
        settings = _sized(program, name, settings)
    target = opening.target(program, name, settings)
    seeds = list(range(seed, seed + number)) if not target.graph.is_fixed else [seed]
    repeat = _Repeat(spec, target.name, settings, onnx, over)
    written = [Output(_path(output, target, one), "spec") for one in seeds]
    demand_free(written, opening.files(program), overwrite)
    failed: dict[int, list[str]] = {}
    for one in _progress(seeds, quiet=as_json):
        failures = _try(program, target, one, onnx, over)
        if failures:
            failed[one] = failures
            _keep(target, one, failures, output, repeat, over)
    if as_json:
        from archdsl.render.json import document

        click.echo(
            document("fuzz", tried=len(seeds), failed={str(s): f for s, f in failed.items()}), nl=False
        )
    else:
        click.echo(f"{plural(len(seeds), 'network')} of {target.name}: {plural(len(failed), 'failure')}")
    ctx.exit(1 if failed else 0)


def _sized(program: Program, name: str | None, settings: dict[str, Any]) -> dict[str, Any]:
    """Adds settings that resize the other inputs with the size of the image, unless they are set."""
    plain = {key: value for key, value in settings.items() if key != "image"}
    inputs = opening.target(program, name, plain).graph.inputs
    if "image" not in inputs or not isinstance(settings["image"], tuple | list):
        return settings
    _, *before = inputs["image"]
    _, *after = settings["image"]
    alike = {n: (c, *after) for n, (c, *size) in inputs.items() if n != "image" and size == before}
    return {**alike, **settings}


class _Repeat:
    """The command that reproduces the test of one network."""

    def __init__(self, spec: str, name: str, settings: dict[str, Any], onnx: bool, over: Over):
        given = [f"{k}={setting(v)}" for k, v in settings.items()]
        self.words = ["archdsl", "fuzz", spec, "--name", name]
        self.words += (["--set", *given] if given else []) + ([] if onnx else ["--no-onnx"])
        self.words += [] if over == "outcomes" else ["--over", over]

    def command(self, seed: int) -> str:
        return shlex.join([*self.words, "-n", "1", "--seed", str(seed)])


def _progress(seeds: list[int], *, quiet: bool) -> Iterator[int]:
    """Iterates over seeds and reports progress: as a bar on a terminal, otherwise one line per network."""
    if not quiet and is_terminal(sys.stderr):
        with click.progressbar(seeds, label="networks", file=sys.stderr, show_pos=True) as bar:
            yield from bar
        return
    for n, seed in enumerate(seeds, 1):
        if not quiet:
            click.echo(f"network {n} of {len(seeds)} (seed {seed})", err=True)
        yield seed


def _draw(target: Space | Network, seed: int, over: Over) -> Network:
    from archdsl.program import Network

    return target if isinstance(target, Network) else target.bind(target.sample(random.Random(seed), over))


def _try(program: Program, target: Space | Network, seed: int, onnx: bool, over: Over) -> list[str]:
    """The failures of the network of a seed, including a failure to build it."""
    from archdsl.cli.parity import failures

    try:
        return list(failures(program, _draw(target, seed, over), seed=seed, onnx=onnx))
    except SpecError as error:
        return [f"cannot build the network: {error}"]


def _path(folder: Path, target: Space | Network, seed: int) -> Path:
    """The path to which a failing network is written."""
    return folder / f"{target.name.lower()}_{seed}.arch"


def _keep(
    target: Space | Network, seed: int, failures: list[str], output: Path, repeat: _Repeat, over: Over
) -> None:
    """Writes a failing network, with the reason and the command to reproduce it."""
    try:
        text = _draw(target, seed, over).to_arch()
    except SpecError:
        text = "arch 1\n"
    head = [f"# {line}" for failure in failures for line in failure.splitlines()]
    path = _path(output, target, seed)
    atomic.write_text(path, "\n".join([*head, f"# reproduce: {repeat.command(seed)}", text]))
    click.echo(
        f"seed {seed}: {'; '.join(failures)}\n  written to {path}; reproduce: {repeat.command(seed)}",
        err=True,
    )
