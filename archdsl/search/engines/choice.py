"""The choice of an engine for a search by its caller; specs cannot choose engines."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from archdsl.diagnostics import Diagnostic, SpecError, closest

ENGINES = {
    "process": "in the process of the search, sequentially",
    "workers": "local processes (--workers N)",
    "folder": "a shared run folder; workers are started by `archdsl work RUN`",
    "ray": "Ray: a local head, or with ray://ADDRESS a cluster",
}
"""The available engines, with descriptions."""
MOST = 1024
_LEASE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|min|h)")
_UNITS = {"s": 1, "min": 60, "h": 3600}


class EngineChoice(NamedTuple):
    """An engine and its settings.

    `workers` is the number of local processes or Ray actors; `gpus` and `threads` are the resources of one
    trial; `address` is the address of a Ray cluster. A worker of a shared folder is considered lost if it
    does not update its heartbeat file for `lease_s` seconds.
    """

    name: str = "process"
    workers: int | None = None
    gpus: float | None = None
    threads: int | None = None
    address: str | None = None
    lease_s: float | None = None

    def words(self) -> list[str]:
        """The equivalent command-line options."""
        lease = "" if self.lease_s is None else f":{self.lease_s:.3f}s"
        address = "" if self.address is None else f"://{self.address}"
        engine = None if self.name in ("process", "workers") else f"{self.name}{lease}{address}"
        options = {
            "--engine": engine, "--workers": self.workers, "--gpus-per-trial": self.gpus,
            "--threads": self.threads,
        }  # fmt: skip
        return [str(word) for pair in options.items() if pair[1] is not None for word in pair]


IN_PROCESS = EngineChoice()


def read_engine(
    engine: str | None = None, workers: int | None = None, gpus: float | None = None,
    threads: int | None = None,
) -> EngineChoice:  # fmt: skip
    """Parses an engine: `process`, `workers`, `folder`, `folder:20s`, `ray`, `ray://HOST:PORT`.

    None stands for local workers if `workers` is set, else for the process of the search. Raises SpecError
    (ARCH958) for an unknown engine, and for settings that the engine does not have.
    """
    name, _, rest = (engine or ("workers" if workers is not None else "process")).partition(":")
    if name not in ENGINES:
        guess = closest(name, list(ENGINES))
        help = f"did you mean `{guess}`?" if guess else f"available: {', '.join(ENGINES)}"
        raise _refused(f"unknown engine `{name}`", help)
    _demand_read(name, workers, gpus, threads)
    if name == "workers" and workers is None:
        workers = os.cpu_count() or 1
    if name == "folder":
        return EngineChoice(name, threads=threads, lease_s=_lease(rest) if rest else None)
    if rest and (name != "ray" or not rest.startswith("//") or rest == "//"):
        raise _refused(f"invalid engine `{engine}`", "ray://HOST:PORT, folder:20s")
    return EngineChoice(name, workers, gpus, threads, rest.removeprefix("//") or None)


def _demand_read(name: str, workers: int | None, gpus: float | None, threads: int | None) -> None:
    """Raises SpecError (ARCH958) for settings out of range, or that an engine does not have."""
    for setting, value in (("workers", workers), ("threads", threads)):
        if value is not None and not 1 <= value <= MOST:
            raise _refused(
                f"`{setting}` must be an integer from 1 to {MOST:,}, got {value}",
                f"set {setting} in this range",
            )
    if gpus is not None and not (0 < gpus < 1 or (1 <= gpus <= 64 and gpus == int(gpus))):
        raise _refused(
            f"invalid number of GPUs per trial: {gpus:g}", "use a fraction such as 0.5, or an integer"
        )
    if name == "folder" and (workers is not None or gpus is not None):
        help = "archdsl work RUN --workers N, on each machine"
        raise _refused("the engine `folder` does not start workers", help)
    if name == "process" and (workers is not None or gpus is not None or threads is not None):
        help = "add --workers N; without workers, the number of threads is that of OMP_NUM_THREADS"
        raise _refused("the engine `process` has no workers", help)


def _lease(text: str) -> float:
    match = _LEASE.fullmatch(text)
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 1 <= seconds <= 86_400:
        raise _refused(f"invalid lease `{text}`", "write a time from 1s to 24h: folder:20s, folder:5min")
    return seconds


def _refused(headline: str, help: str) -> SpecError:
    return SpecError([Diagnostic("ARCH958", headline, help=help)])
