"""Converts system errors to diagnostics: memory, recursion depth, overflow, a full or broken disk."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from archdsl.diagnostics import Diagnostic, SpecError

_MEMORY = ("allocate memory", "out of memory", "bad_alloc", "bad allocation", "cannot allocate")
"""Phrases by which messages of torch and onnxruntime about exhausted memory are recognized."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def refusal(error: BaseException) -> Diagnostic | None:
    """The diagnostic (ARCH716 to ARCH719) for an exception about a limit of the system; else None."""
    if isinstance(error, MemoryError) or _is_of_memory(error):
        return Diagnostic(
            "ARCH716",
            "out of memory",
            help="reduce sizes, for instance --set image=…; `archdsl cost` shows the memory of a network",
        )
    if isinstance(error, RecursionError):
        return Diagnostic(
            "ARCH717",
            "the nesting is too deep",
            help="assign parts to names; report a bug if the spec is simple",
        )
    if isinstance(error, OverflowError):
        return Diagnostic("ARCH718", f"number too large: {error}", help="reduce sizes")
    if isinstance(error, OSError) and error.errno in _FULL:
        where = f"{error.filename}" if error.filename else "the output"
        return Diagnostic(
            "ARCH719", f"{where} could not be written: {(error.strerror or 'input/output error').lower()}"
        )
    return None


def _is_of_memory(error: BaseException) -> bool:
    of_runtime = type(error).__module__.startswith("onnxruntime.")  # whose exceptions have no common base
    if not (isinstance(error, RuntimeError) or of_runtime):
        return False
    return any(words in str(error).lower() for words in _MEMORY)


def refused(error: BaseException) -> Diagnostic | None:
    """The diagnostic of `refusal`; or ARCH719 for a file or folder that cannot be opened or created; else
    None.
    """
    found = refusal(error)
    if found is None and isinstance(error, OSError) and error.filename is not None:
        what = (error.strerror or "cannot be opened").lower()
        return Diagnostic("ARCH719", f"{error.filename}: {what}", help="choose another place")
    if found is None and isinstance(error, ValueError) and "null byte" in str(error):
        return Diagnostic("ARCH719", "a file name has a null byte")
    return found


@contextmanager
def refusing() -> Iterator[None]:
    """A context manager that raises SpecError (ARCH719) if a file cannot be opened, created or written."""
    try:
        yield
    except (OSError, ValueError) as error:
        found = refused(error)
        if found is None:
            raise
        raise SpecError([found]) from error
