"""`archdsl latency`: latency tables, estimates, and their accuracy."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from archdsl.cli import opening
from archdsl.cli.outputs import Kind, Output, demand_free, overwrite_option
from archdsl.cli.reporting import Bar
from archdsl.cli.set_option import SetCommand, name_option, set_option
from archdsl.report.duration import duration
from archdsl.report.numbers import plural
from archdsl.spec.from_text import parse_value

if TYPE_CHECKING:
    from archdsl.devices.measure import Timer
    from archdsl.program import Network, Program, Space

F = TypeVar("F", bound=Callable[..., Any])

_TABLE = "table.json"

_EPILOG = """\b
Examples:
  archdsl latency build specs/space.arch -o table.json
  archdsl latency validate specs/space.arch --table table.json --networks 50
  archdsl latency estimate found.arch --table table.json
  archdsl latency measure found.arch
  archdsl latency import fasterseg_latency_table.json --mapping fasterseg -o gtx1080ti.json
"""


class _Backend(click.ParamType[str]):
    """The name of a runtime, built-in or from a plug-in."""

    name = "backend"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"[{'|'.join(self._names())}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self._names():
            self.fail(f"unknown runtime `{value}`; available: {', '.join(self._names())}", param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in self._names() if name.startswith(incomplete)]

    def _names(self) -> Sequence[str]:
        from archdsl.devices.runtimes import NOT_TIMED, RUNTIMES

        return tuple(dict.fromkeys((*RUNTIMES, *NOT_TIMED)))


@click.group(epilog=_EPILOG)
def latency() -> None:
    """Build latency tables on this machine, estimate networks, and validate the estimates.

    Latencies are milliseconds per image. `validate` calibrates the sum of op latencies on networks that are
    measured end to end.
    """


def _timing(command: F) -> F:
    """Adds the options of commands that measure latencies."""
    for option in (
        click.option(
            "--backend", type=_Backend(), default="onnxruntime", show_default=True,
            help="Runtime that executes the ops.",
        ),
        click.option(
            "--threads", type=click.IntRange(1, 1024), default=1, show_default=True,
            help="Number of threads.",
        ),
        click.option(
            "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
            help="Device.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def _spec(command: F) -> F:
    """Adds the SPEC argument and the options for its settings."""
    image = click.option(
        "--image", metavar="HxW", help="Image size HxW (3 channels) or CxHxW; the same as --set image=CxHxW."
    )
    return click.argument("spec", metavar="SPEC")(name_option(set_option(image(command))))


def _table_option(exists: bool = False) -> Callable[[F], F]:
    return click.option(
        "-t", "--table", "path", type=click.Path(exists=exists, dir_okay=False, path_type=Path),
        default=_TABLE, show_default=True, metavar="FILE", help="The table.",
    )  # fmt: skip


def _passes(default: int) -> Callable[[F], F]:
    return click.option(
        "--passes", type=click.IntRange(2, 100), default=default, show_default=True,
        help="Measurement rounds, spread over time.",
    )  # fmt: skip


_stale_option = click.option(
    "--allow-stale", is_flag=True, help="Use a table of another device, version or protocol, with a note."
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_report_option = click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write a self-contained HTML page with charts.",
)  # fmt: skip


def _target(spec: str, name: str | None, settings: dict[str, Any], image: str | None) -> Space | Network:
    return opening.target(opening.load(spec), name, _settings(settings, image))


def _network(spec: str, name: str | None, settings: dict[str, Any], image: str | None) -> Network:
    from archdsl.program import Network

    target = _target(spec, name, settings, image)
    if isinstance(target, Network):
        return target
    raise click.UsageError(
        f"{target.name} is a space: choose a network with --name, or sample one with `archdsl sample`"
    )


def _settings(settings: dict[str, Any], image: str | None) -> dict[str, Any]:
    if image is None:
        return settings
    size = parse_value(image)
    if not isinstance(size, tuple) or len(size) not in (2, 3):
        raise click.BadParameter(
            f"expected a size such as --image 360x480, got `{image}`", param_hint="--image"
        )
    if "image" in settings:
        raise click.BadParameter("the image is set twice", param_hint="--image")
    return {**settings, "image": size if len(size) == 3 else (3, *size)}


def _timer(backend: str, threads: int, device: str) -> Timer:
    from archdsl.devices import runtimes
    from archdsl.devices.measure import Timer, passive_waiting

    runtime = runtimes.find(backend)
    if device not in runtime.devices:
        others = " or ".join(name for name, found in runtimes.RUNTIMES.items() if device in found.devices)
        raise click.UsageError(f"{backend} supports the CPU only; use --backend {others} for CUDA")
    passive_waiting()
    return Timer(backend, threads, device=device)


@latency.command(cls=SetCommand)
@_spec
@_timing
@click.option(
    "-o", "--output", "path", type=click.Path(dir_okay=False, path_type=Path), default=_TABLE,
    show_default=True, metavar="FILE", help="The table file; existing rows are kept.",
)  # fmt: skip
@click.option(
    "--passes", type=click.IntRange(2, 100), default=5, show_default=True, help="Measurement rounds."
)
@click.option(
    "--most", type=click.IntRange(1), default=2000, show_default=True,
    help="Maximum number of networks sampled to find the distinct ops of a space.",
)  # fmt: skip
@_stale_option
@_json_option
def build(
    spec: str, name: str | None, settings: dict[str, Any], image: str | None, backend: str, threads: int,
    device: str, path: Path, passes: int, most: int, allow_stale: bool, as_json: bool,
) -> None:  # fmt: skip
    """Measure each distinct op of a space, or of a network, once.

    Run the command again to resume an interrupted run.
    """
    from dataclasses import replace

    from archdsl.devices import build as building
    from archdsl.devices.keys import network_keys, space_keys
    from archdsl.devices.rounds import TimingPlan
    from archdsl.program import Space

    target = _target(spec, name, settings, image)
    timer = _timer(backend, threads, device)
    begin = time.monotonic()
    found = None
    if isinstance(target, Space):
        found = space_keys(target, random.Random(0), most=most)
        units = list(found.units.values())
        given = target.settings
    else:
        units, given = list(network_keys([target]).values()), target.graph.settings
    plan = replace(TimingPlan(), rounds=passes)
    if found is not None and not as_json:
        click.echo(_coverage(found), err=True)
    if not as_json:
        least = len(units) * passes * plan.seconds
        click.echo(f"timing {plural(len(units), 'row')}, at least {duration(least)}", err=True)
    with Bar() as bar:
        made = building.build(
            path, units, timer, plan=plan, start=building.new_table(timer, target.name, given),
            stale=allow_stale, progress=lambda p: bar.show(p.row.op, p.share, p.seconds_left),
        )  # fmt: skip
    seconds = time.monotonic() - begin
    failed = building.failed_rows(made)
    noisy = [row for row in made.rows if row.noisy]
    if as_json:
        from archdsl.render.json import document

        click.echo(
            document(
                "latency-build", table=str(path), rows=len(made.rows), seconds=round(seconds, 2),
                networks_drawn=found.networks if found else 1,
                new_keys_per_network=found.new_per_network if found else 0.0,
                disturbed=round(building.disturbed(made), 3),
                retimed=sum(row.retimed > 0 for row in made.rows), noisy=[row.key for row in noisy],
                failed=[{"key": r.key, "op": r.op, "inputs": r.inputs, "why": r.failed} for r in failed],
            ),
            nl=False,
        )  # fmt: skip
        return
    for row in failed:
        click.echo(f"failed: {row.op} {row.inputs}: {row.failed}", err=True)
    if building.disturbed(made) > 0.1:
        click.echo(f"{building.disturbed(made):.0%} of the runs were disturbed by other programs", err=True)
    if noisy:
        click.echo(
            f"{plural(len(noisy), 'row')} varied by more than 5 % even when timed again: the machine is busy",
            err=True,
        )
    click.echo(f"wrote {path}: {plural(len(made.rows), 'row')} in {duration(seconds)}", err=True)


def _coverage(found: Any) -> str:
    drawn = f"{plural(len(found.units), 'key')} in {plural(found.networks, 'network')}"
    if found.rare == 0:
        return f"{drawn}, each seen more than once"
    return f"{drawn}; about {found.new_per_network:.2g} new ones per further network"


@latency.command(cls=SetCommand)
@_spec
@_timing
@_table_option()
@click.option(
    "--networks", type=click.IntRange(10, 10_000), default=50, show_default=True,
    help="Held-out networks for the accuracy.",
)  # fmt: skip
@click.option(
    "--fit", type=click.IntRange(10, 10_000), default=150, show_default=True,
    help="Networks to fit the calibration on.",
)  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the sampled networks.")
@_passes(7)
@click.option(
    "--raw", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write measured and predicted latencies of all networks as JSON.",
)  # fmt: skip
@_report_option
@overwrite_option
@_stale_option
@_json_option
def validate(
    spec: str, name: str | None, settings: dict[str, Any], image: str | None, backend: str, threads: int,
    device: str, path: Path, networks: int, fit: int, seed: int, passes: int, raw: Path | None,
    report: Path | None, overwrite: bool, allow_stale: bool, as_json: bool,
) -> None:  # fmt: skip
    """Measure random networks end to end, calibrate the table on some, and validate it on the others.

    The calibration and its error are stored in the table. Rows that the table lacks are measured first.
    """
    from dataclasses import replace

    from archdsl.cli import latency_text
    from archdsl.devices.validate import WHOLE
    from archdsl.devices.validate import validate as run

    program = opening.load(spec)
    _demand_free(program, path, overwrite, json=raw, html=report)
    space = opening.space(program, name, _settings(settings, image))
    timer = _timer(backend, threads, device)
    with Bar() as bar:
        found = run(
            space, path, timer, held_out=networks, fit=fit, seed=seed, stale=allow_stale,
            whole=replace(WHOLE, rounds=passes),
            progress=lambda s: bar.show(f"timing {s.what}", s.share, s.seconds_left),
        )  # fmt: skip
    if raw is not None:
        _write(raw, latency_text.validation_json(space, found, raw=True))
    if report is not None:
        _write(report, latency_text.validation_page(space, found))
    if as_json:
        click.echo(latency_text.validation_json(space, found), nl=False)
    else:
        click.echo(latency_text.validation_text(space, found, path), nl=False)


def _demand_free(program: Program, table: Path, overwrite: bool, **outputs: Path | None) -> None:
    """Raises SpecError if an output would overwrite a file of another kind."""
    kinds: dict[str, Kind] = {"json": "json", "html": "html"}
    written = [Output(path, kinds[kind]) for kind, path in outputs.items() if path is not None]
    demand_free(written, [table, *opening.files(program)], overwrite)


def _write(path: Path, text: str) -> None:
    from archdsl import atomic

    atomic.write_text(path, text)
    click.echo(f"wrote {path}", err=True)


@latency.command(cls=SetCommand)
@_spec
@_table_option(exists=True)
@click.option(
    "--samples", type=click.IntRange(1, 1_000_000), default=200, show_default=True,
    help="Number of random networks to estimate, if SPEC is a space.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of these networks.")
@click.option("--backend", type=_Backend(), help="Reject a table of another backend.")
@click.option(
    "--threads", type=click.IntRange(1, 1024), help="Reject a table with another number of threads."
)
@_report_option
@overwrite_option
@_stale_option
@_json_option
@click.pass_context
def estimate(
    ctx: click.Context, spec: str, name: str | None, settings: dict[str, Any], image: str | None,
    path: Path, samples: int, seed: int, backend: str | None, threads: int | None, report: Path | None,
    overwrite: bool, allow_stale: bool, as_json: bool,
) -> None:  # fmt: skip
    """Estimate the latency of a network by layer, or the distribution over a space.

    Rows that the table lacks are listed, not guessed. The exit code is 1 if rows are missing, or if the
    network violates a requirement on latency or rate.
    """
    from archdsl.cli import latency_text
    from archdsl.devices import estimate as estimating
    from archdsl.devices.requirement import judge
    from archdsl.program import Space

    program = opening.load(spec)
    _demand_free(program, path, overwrite, html=report)
    table, stale = estimating.read_table(path, allow_stale=allow_stale, backend=backend, threads=threads)
    target = opening.target(program, name, _settings(settings, image))
    if isinstance(target, Space):
        rng = random.Random(seed)
        networks = [target.bind(target.sample(rng)) for _ in range(samples)]
        found = [estimating.estimate(n, table, stale) for n in networks]
        write = latency_text.space_json if as_json else latency_text.space_text
        click.echo(write(target, networks, found), nl=False)
        if report is not None:
            _write(report, latency_text.space_page(target, networks, found))
        ctx.exit(1 if all(f.missing for f in found) else 0)
    one = estimating.estimate(target, table, stale)
    judged = judge(target, one)
    write_one = latency_text.estimate_json if as_json else latency_text.estimate_text
    click.echo(write_one(one, judged), nl=False)
    if report is not None:
        _write(report, latency_text.estimate_page(one))
    ctx.exit(1 if one.missing or any(j.met is False for j in judged) else 0)


@latency.command(cls=SetCommand)
@_spec
@_timing
@_passes(5)
@_json_option
def measure(
    spec: str, name: str | None, settings: dict[str, Any], image: str | None, backend: str, threads: int,
    device: str, passes: int, as_json: bool,
) -> None:  # fmt: skip
    """Measure a network end to end on this machine."""
    from dataclasses import replace

    from archdsl.cli import latency_text
    from archdsl.devices.validate import ALONE
    from archdsl.devices.validate import measure as run

    network = _network(spec, name, settings, image)
    timer = _timer(backend, threads, device)
    whole = run(network, timer, replace(ALONE, rounds=passes))
    write = latency_text.measured_json if as_json else latency_text.measured_text
    click.echo(write(network, timer, whole), nl=False)


@latency.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--mapping", required=True, metavar="NAME",
    help="Mapping from ops to the names of its rows: fasterseg, fasterseg_released (as in the released code, "
    "zoomed convolutions have the rows of plain ones), or a JSON file.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
    help="Output table.",
)  # fmt: skip
@overwrite_option
@_json_option
def import_(file: Path, mapping: str, output: Path, overwrite: bool, as_json: bool) -> None:
    """Import a third-party table: a JSON object of names and milliseconds."""
    from archdsl.devices import foreign, table

    demand_free([Output(output, "table")], [file, Path(mapping)], overwrite)
    by = foreign.mapping(mapping)
    made = foreign.import_table(file, by)
    table.write(made, output)
    if as_json:
        from archdsl.render.json import document

        text = document(
            "latency-import", table=str(output), rows=len(made.rows), device=by.device,
            runtime=by.runtime, notes=by.notes, final_upsampling=by.final_upsampling,
        )  # fmt: skip
        click.echo(text, nl=False)
        return
    click.echo(f"wrote {output}: {plural(len(made.rows), 'row')} of {by.device}, {by.runtime}", err=True)
    for note in by.notes:
        click.echo(f"note: {note}", err=True)
