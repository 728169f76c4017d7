"""Locations of the grammar, specs and error pages: in the wheel, or beside the package in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


def grammar_path() -> Path:
    """The path of the grammar of the language, `arch.lark`."""
    return _folder("grammars") / "arch.lark"


def specs_folder() -> Path:
    """The folder of the shipped specs; imports of `"std/…"` are resolved in it."""
    return _folder("specs")


def errors_folder() -> Path:
    """The folder of the documentation pages of the diagnostic codes, one `ARCHnnn.md` each."""
    return _folder("docs/errors")
