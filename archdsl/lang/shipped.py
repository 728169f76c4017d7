"""The declarations of the standard library, for messages that suggest an import."""

from __future__ import annotations

import re

from archdsl.resources import specs_folder


def declared_in(name: str) -> str | None:
    """The path `std/…` of the library file that declares an op or cell of this name; None if none does."""
    found = re.compile(rf"^(op|cell) {re.escape(name)}\b", re.MULTILINE)
    for path in sorted((specs_folder() / "std").glob("*.arch")):
        if found.search(path.read_text(encoding="utf-8")):
            return f"std/{path.name}"
    return None
