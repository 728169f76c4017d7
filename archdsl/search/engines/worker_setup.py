"""The setup of a worker that evaluates networks of a run."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from archdsl.data.source import DataSource
from archdsl.search.engines.base import Done

GRACE_S = 3.0
"""The seconds that a worker has to end after its driver; a program that it runs is killed after two."""


class WorkerSetup(NamedTuple):
    """The run folder `run`, and what a worker needs in addition to it.

    `command` is the program of the evaluator, `device` the torch device, `plugins` the names of plug-ins,
    `threads` the number of torch's threads, and `data` the dataset of the search with an absolute path.
    """

    run: Path
    command: tuple[str, ...] | None = None
    device: str | None = None
    plugins: tuple[str, ...] = ()
    threads: int = 1
    data: DataSource | None = None

    def plain(self) -> dict[str, Any]:
        """The setup as JSON values."""
        data = None if self.data is None else [self.data.kind, dict(self.data.settings)]
        return self._asdict() | {"run": str(self.run), "data": data}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> WorkerSetup:
        """The setup in JSON values written by `plain`."""
        command, data = plain["command"], plain["data"]
        return cls(
            Path(plain["run"]), None if command is None else tuple(command), plain["device"],
            tuple(plain["plugins"]), plain["threads"], None if data is None else _source(*data),
        )  # fmt: skip


def _source(kind: str, settings: Mapping[str, Any]) -> DataSource:
    tuples = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    return DataSource(kind, tuples, kind)


def name_here() -> str:
    """The name of this worker in journals: machine and process id."""
    return f"{platform.node() or 'here'}:{os.getpid()}"


def is_spent(done: Done) -> bool:
    """Whether the worker process that returned this result must be replaced, because of a failure.

    Running out of memory may leak memory, and after a failed CUDA kernel, all later kernels fail.
    """
    if done.failure is None:
        return False
    torch = sys.modules.get("torch")
    return done.failure.kind == "memory" or (torch is not None and bool(torch.cuda.is_initialized()))
