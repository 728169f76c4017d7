"""The conditions of measurements: whether a latency table was measured under those of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from archdsl.devices.table import Device, Protocol, RuntimeRecord, Table
from archdsl.diagnostics import Diagnostic, SpecError


def differences(table: Table, here: Mapping[str, str]) -> list[str]:
    """The differences between the conditions of a table and those of this machine, `here`, as text."""
    there = conditions(table.device, table.runtime, table.protocol)
    return [
        f"{name}: {there.get(name, 'unknown')} in the table, {here.get(name, 'none')} here"
        for name in dict.fromkeys([*there, *here])
        if there.get(name) != here.get(name)
    ]


def conditions(device: Device, runtime: RuntimeRecord, protocol: Protocol) -> dict[str, str]:
    """The conditions that must be equal for two measurements to be comparable, as text by name."""
    return {
        "device": device.model,
        "cores": str(device.cores),
        "governor": str(device.governor),
        "backend": runtime.backend,
        **{f"version of {k}": v for k, v in runtime.versions.items()},
        **{f"option {k}": v for k, v in runtime.options.items()},
        "threads": str(protocol.threads),
        "batch": str(protocol.batch),
        "dtype": protocol.dtype,
        "memory format": protocol.memory_format,
        "statistic": protocol.statistic,
    }


def demand_same(table: Table, here: Mapping[str, str], path: Path, rebuild: str) -> None:
    """Raises SpecError (ARCH821) if the table in `path` was measured under other conditions than `here`.

    `rebuild` is the command that builds a table, for the help.
    """
    found = differences(table, here)
    if not found:
        return
    headline = f"{path} was measured under other conditions: " + "; ".join(found)
    help = f"build a table for these: {rebuild}; or use this one with --allow-stale"
    raise SpecError([Diagnostic("ARCH821", headline, help=help)])
