"""What a runtime is: how tables name it, and how it prepares a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from archdsl.ir.graph import Graph

Run = Callable[[], None]
"""Runs a network once, on inputs that are there already."""


class Runtime(ABC):
    """Something that runs networks on a device.

    `package` is the distribution whose version a table is of.  `devices` are those that it can be timed on,
    of "cpu" and "cuda".  The package is imported by `prepare`, so that tables are read without it.
    """

    package: ClassVar[str]
    devices: ClassVar[tuple[str, ...]] = ("cpu",)

    @property
    @abstractmethod
    def options(self) -> Mapping[str, str]:
        """The options that it runs with, in words: a table is only valid for the same."""

    @abstractmethod
    def prepare(self, graph: Graph, *, threads: int, batch: int, device: str) -> Run:
        """A function that runs the network once, on `batch` images of its declared size.

        Raises whatever the runtime raises where it cannot.
        """
