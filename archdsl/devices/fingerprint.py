"""Determines the measurement conditions: the machine, the runtime with its version, and the protocol."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from archdsl.devices.runtimes import RUNTIMES, installed
from archdsl.devices.table import Device, Protocol, RuntimeRecord
from archdsl.diagnostics import Diagnostic, SpecError

STATISTIC = "CPU time of the timing thread, lowest tenth of the quietest round"
STATISTIC_WALL = "wall-clock time, lowest tenth of the quietest round"
STATISTIC_CUDA = "time between CUDA events, lowest tenth of the quietest round, clocks warm, no CUDA graphs"


def runtime(backend: str) -> RuntimeRecord:
    """The version and options of a runtime on this machine, without importing it.

    Raises KeyError if unknown.
    """
    found = RUNTIMES[backend]
    return RuntimeRecord(
        backend=backend,
        versions={found.package: installed(found.package) or "none"},
        options=dict(found.options),
    )


def protocol(threads: int = 1, batch: int = 1, device: str = "cpu") -> Protocol:
    """The measurement protocol for a number of threads, a batch size and a device ("cpu" or "cuda")."""
    statistic = STATISTIC if threads == 1 else STATISTIC_WALL
    return Protocol(
        threads=threads,
        batch=batch,
        dtype="float32",
        memory_format="contiguous",
        statistic=STATISTIC_CUDA if device == "cuda" else statistic,
    )


def device(kind: str = "cpu") -> Device:
    """The processor of this machine, or its first CUDA device, which imports torch.

    Raises SpecError (ARCH823) if no CUDA device is found.
    """
    if kind == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise SpecError([Diagnostic("ARCH823", "no CUDA device found")])
        return Device(kind="cuda", model=torch.cuda.get_device_name(0))
    return Device(kind="cpu", model=_cpu_model(), cores=_cores(), governor=_governor())


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    named = {key.strip(): value.strip() for key, value in facts.items()}
    parts = [named.get("model name") or platform.machine()]
    parts += [
        f"{name} {named[key]}" for name, key in (("family", "cpu family"), ("model", "model")) if key in named
    ]
    return ", ".join(parts)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _governor() -> str | None:
    try:
        return Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").read_text("utf-8").strip()
    except OSError:
        return None
