"""Callable modules, for functions with the name of a package: `archdsl.train(…)`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from archdsl.registry import imported


def callable_module(name: str, place: str) -> None:
    """Makes a module call the function at "module:attribute", which is imported by the first call.

    `archdsl.train` is the package of that name once something in it was imported, and a function for users.
    """

    class Callable(ModuleType):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return imported(place)(*args, **kwargs)

        @property
        def __signature__(self) -> Any:
            import inspect

            return inspect.signature(imported(place))

    sys.modules[name].__class__ = Callable
