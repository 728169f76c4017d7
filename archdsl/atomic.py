"""Atomic writes of files: the contents are written to a temporary file, which is then renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archdsl.diagnostics import Diagnostic, SpecError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LONGEST_STEM = 60  # of a temporary name, which must stay shorter than what a file system takes


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A context manager that yields a temporary path in the same folder, and renames it to `path` at the end.

    Permissions of an existing file are kept, and symbolic links are followed. If the block raises, `path` is
    unchanged. Raises SpecError (ARCH917) if the disk is full, and OSError naming `path` if `path` cannot be
    written, or is a device, pipe or folder.
    """
    import tempfile  # slow to import, and `check` writes nothing

    with room_for(path):
        target = Path(os.path.realpath(path))
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        stem, suffix = target.stem[:_LONGEST_STEM], target.suffix[:_LONGEST_STEM]
        try:
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{stem}-", suffix=suffix)
        except OSError as error:  # which names the temporary file
            raise OSError(error.errno, error.strerror, str(path)) from error
        os.close(handle)
        temporary = Path(name)
        try:
            with _named(path, temporary):
                yield temporary
                temporary.chmod(_mode(target))
                temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """A context manager that raises SpecError (ARCH917) if its block runs out of disk space.

    An OSError without a file name, as raised by a failed write, is raised again with the name of `path`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise SpecError([_full(path, error)]) from error
        if error.filename is None:
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise


@contextmanager
def _named(path: Path, temporary: Path) -> Iterator[None]:
    """A context manager that replaces the name of the temporary file in an OSError by `path`."""
    try:
        yield
    except OSError as error:
        if error.filename == str(temporary):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Writes a text to a file atomically, as UTF-8, without converting line ends."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _mode(target: Path) -> int:
    """The permissions for a file: those of the existing file, or those of a new one under the umask.

    Needed because mkstemp creates files that only the owner can read.
    """
    if target.exists():
        return target.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _full(path: Path, error: OSError) -> Diagnostic:
    return Diagnostic(
        "ARCH917",
        f"cannot write {path}: {(error.strerror or 'the disk is full').lower()}",
        help="free disk space and repeat the command (a run with --resume); existing files are unchanged",
    )
