"""Modules that can be called, for a package with the name of a function: `archdsl.train(…)`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from archdsl.registry import imported


def callable_module(name: str, place: str) -> None:
    """Makes the module `name` callable: a call imports and calls the function at `place`, "module:attribute".

    Needed because `archdsl.train` is a function of the public API, but importing a module of the package
    `archdsl/train` sets that attribute to the package.
    """

    class Callable(ModuleType):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return imported(place)(*args, **kwargs)

        @property
        def __signature__(self) -> Any:
            import inspect

            return inspect.signature(imported(place))

    sys.modules[name].__class__ = Callable
