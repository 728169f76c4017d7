"""What the machine refused, as diagnostics: memory, depth, numbers, a full or broken device."""

from __future__ import annotations

import errno

from archdsl.diagnostics import Diagnostic

_MEMORY = ("allocate memory", "out of memory", "bad_alloc", "bad allocation", "cannot allocate")
"""What the messages of torch and onnxruntime say."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def refusal(error: BaseException) -> Diagnostic | None:
    """The diagnostic for an exception that says what the machine cannot do; None for any other."""
    if isinstance(error, MemoryError) or _is_of_memory(error):
        return Diagnostic(
            "ARCH716",
            "not enough memory for this",
            help="make sizes smaller, for instance --set image=…; `archdsl cost` says what a network needs",
        )
    if isinstance(error, RecursionError):
        return Diagnostic(
            "ARCH717",
            "something here is nested too deeply",
            help="name its parts; report it if the spec is plain",
        )
    if isinstance(error, OverflowError):
        return Diagnostic(
            "ARCH718", f"a number is too large to compute with: {error}", help="make sizes smaller"
        )
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
