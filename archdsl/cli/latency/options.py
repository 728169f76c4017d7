"""Options that several latency commands have, and what the commands do with their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from archdsl.cli import opening
from archdsl.cli.outputs import Kind, Output, demand_free
from archdsl.cli.set_option import name_option, set_option
from archdsl.spec.from_text import parse_value

if TYPE_CHECKING:
    from archdsl.devices.measure import Timer
    from archdsl.program import Network, Program, Space

F = TypeVar("F", bound=Callable[..., Any])

TABLE = "table.json"


class Backend(click.ParamType[str]):
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


def timing_options(command: F) -> F:
    """Adds the options of commands that measure latencies."""
    for option in (
        click.option(
            "--backend", type=Backend(), default="onnxruntime", show_default=True,
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


def spec_argument(command: F) -> F:
    """Adds the SPEC argument and the options for its settings."""
    image = click.option(
        "--image", metavar="HxW", help="Image size HxW (3 channels) or CxHxW; the same as --set image=CxHxW."
    )
    return click.argument("spec", metavar="SPEC")(name_option(set_option(image(command))))


def table_option(exists: bool = False) -> Callable[[F], F]:
    return click.option(
        "-t", "--table", "path", type=click.Path(exists=exists, dir_okay=False, path_type=Path),
        default=TABLE, show_default=True, metavar="FILE", help="The table.",
    )  # fmt: skip


def passes_option(default: int) -> Callable[[F], F]:
    return click.option(
        "--passes", type=click.IntRange(2, 100), default=default, show_default=True,
        help="Measurement rounds, spread over time.",
    )  # fmt: skip


stale_option = click.option(
    "--allow-stale", is_flag=True, help="Use a table of another device, version or protocol, with a note."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
report_option = click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write a self-contained HTML page with charts.",
)  # fmt: skip


def target_of(spec: str, name: str | None, settings: dict[str, Any], image: str | None) -> Space | Network:
    return opening.target(opening.load(spec), name, settings_with(settings, image))


def network_of(spec: str, name: str | None, settings: dict[str, Any], image: str | None) -> Network:
    from archdsl.program import Network

    target = target_of(spec, name, settings, image)
    if isinstance(target, Network):
        return target
    raise click.UsageError(
        f"{target.name} is a space: choose a network with --name, or sample one with `archdsl sample`"
    )


def settings_with(settings: dict[str, Any], image: str | None) -> dict[str, Any]:
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


def timer_of(backend: str, threads: int, device: str) -> Timer:
    from archdsl.devices import runtimes
    from archdsl.devices.measure import Timer, passive_waiting

    runtime = runtimes.find(backend)
    if device not in runtime.devices:
        others = " or ".join(name for name, found in runtimes.RUNTIMES.items() if device in found.devices)
        raise click.UsageError(f"{backend} supports the CPU only; use --backend {others} for CUDA")
    passive_waiting()
    return Timer(backend, threads, device=device)


def demand_outputs_free(program: Program, table: Path, overwrite: bool, **outputs: Path | None) -> None:
    """Raises SpecError if an output would overwrite a file of another kind."""
    kinds: dict[str, Kind] = {"json": "json", "html": "html"}
    written = [Output(path, kinds[kind]) for kind, path in outputs.items() if path is not None]
    demand_free(written, [table, *opening.files(program)], overwrite)


def write_output(path: Path, text: str) -> None:
    from archdsl import atomic

    atomic.write_text(path, text)
    click.echo(f"wrote {path}", err=True)
