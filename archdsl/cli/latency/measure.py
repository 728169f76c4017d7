"""`archdsl latency measure`: times a whole network."""

from __future__ import annotations

from typing import Any

import click

from archdsl.cli.latency.options import (
    json_option,
    network_of,
    passes_option,
    spec_argument,
    timer_of,
    timing_options,
)
from archdsl.cli.set_option import SetCommand


@click.command(cls=SetCommand)
@spec_argument
@timing_options
@passes_option(5)
@json_option
def measure(
    spec: str, name: str | None, settings: dict[str, Any], image: str | None, backend: str, threads: int,
    device: str, passes: int, as_json: bool,
) -> None:  # fmt: skip
    """Measure a network end to end on this machine."""
    from dataclasses import replace

    from archdsl.cli.latency import text
    from archdsl.devices.validate import ALONE
    from archdsl.devices.validate import measure as run

    network = network_of(spec, name, settings, image)
    timer = timer_of(backend, threads, device)
    whole = run(network, timer, replace(ALONE, rounds=passes))
    write = text.measured_json if as_json else text.measured_text
    click.echo(write(network, timer, whole), nl=False)
