"""The interface of a runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from archdsl.ir.graph import Graph

Run = Callable[[], None]
"""Runs a network once, on existing inputs."""


class Runtime(ABC):
    """Runs networks on a device.

    `package` is the distribution whose version is recorded in tables. `devices` are the supported ones of
    "cpu" and "cuda".  Only `prepare` imports the package.
    """

    package: ClassVar[str]
    devices: ClassVar[tuple[str, ...]] = ("cpu",)

    @property
    @abstractmethod
    def options(self) -> Mapping[str, str]:
        """The runtime options, as text; part of a table's conditions."""

    @abstractmethod
    def prepare(self, graph: Graph, *, threads: int, batch: int, device: str) -> Run:
        """A function that runs the network once, on `batch` images of its declared size.

        Raises the runtime's exceptions.
        """
