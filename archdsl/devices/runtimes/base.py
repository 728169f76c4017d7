"""The interface of runtimes, on which latencies are measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from archdsl.ir.graph import Graph

Run = Callable[[], None]
"""A function that runs a prepared network once, on prepared inputs."""


class Runtime(ABC):
    """A runtime, which runs networks on a device.

    `package` is the distribution whose version is recorded in tables; only `prepare` imports it. `devices`
    are the supported kinds of devices: "cpu", "cuda".
    """

    package: ClassVar[str]
    devices: ClassVar[tuple[str, ...]] = ("cpu",)

    @property
    @abstractmethod
    def options(self) -> Mapping[str, str]:
        """The options of the runtime as text by name, part of the conditions of a table."""

    @abstractmethod
    def prepare(self, graph: Graph, *, threads: int, batch: int, device: str) -> Run:
        """A function that runs the network once, on `batch` images of its declared size.

        Raises any exceptions of the runtime.
        """
