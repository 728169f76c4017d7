"""Room for deep recursion on the stack of Python frames.

CPython allocates frames in chunks of 16 KiB, and unmaps a chunk as soon as the call that began it returns.
Where a loop of a deep recursion happens to stand at the end of a chunk, each of its calls maps and unmaps
one: a third of the time of evaluating a space. A frame that asks for a large stack of its own begins a large
chunk, in which the calls below it find room.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

SLOTS = 70_000
"""Slots of 8 bytes that the large frame reserves; never written, so that they take address space only.

The chunk is the next power of two, 1 MiB, which leaves 0.5 MiB for the calls below.
"""

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _call(function: Callable[..., Any], args: Any, settings: Any) -> Any:
    return function(*args, **settings)


_call_with_room = FunctionType(_call.__code__.replace(co_stacksize=SLOTS), {})


def roomy(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function, called with room for deep recursion below it."""

    @wraps(function)
    def called(*args: _P.args, **settings: _P.kwargs) -> _R:
        return _call_with_room(function, args, settings)  # type: ignore[no-any-return]

    return called
