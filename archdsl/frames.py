"""Speeds up deep recursion by reserving a large chunk of Python's frame stack.

CPython allocates frames in chunks of 16 KiB, and unmaps a chunk when the call whose frame is first in it
returns. If a loop inside a deep recursion runs at the end of a chunk, each call in the loop maps and unmaps a
chunk, which took a third of the time of evaluating a space. A function with a very large frame (`SLOTS`)
makes CPython allocate one large chunk, in which the frames of the calls below it fit as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

SLOTS = 70_000
"""The size of the large frame, in slots of 8 bytes; never written, so they take addresses but no memory.

CPython rounds the chunk up to a power of two, 1 MiB, which leaves 0.5 MiB for the calls below.
"""

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _call(function: Callable[..., Any], args: Any, settings: Any) -> Any:
    return function(*args, **settings)


# Codes that differ only in the size of their frames are equal, and tools that replace one would replace both.
_call_with_room = FunctionType(_call.__code__.replace(co_name="_call_with_room", co_stacksize=SLOTS), {})


def roomy(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A decorator: each call reserves a chunk of the frame stack for the deep recursion below it."""

    @wraps(function)
    def called(*args: _P.args, **settings: _P.kwargs) -> _R:
        return _call_with_room(function, args, settings)  # type: ignore[no-any-return]

    return called
