"""Selects decisions by a prefix of their paths, or by a name that they have in several blocks.

A part of the prefix without an index matches all indices: `hyper.gate` selects `hyper[1].gate` and
`hyper[2].gate`, `hyper[2]` selects all decisions in iteration 2, and the name `gate` selects both gates.
"""

from __future__ import annotations

import re

_DOT = re.compile(r"\.(?![^\[\]]*\])")
"""A dot between the parts of a path, but not one inside a subscript, as in `body[0.5].w`."""


def parts_of(path: str) -> list[str]:
    """The parts of a path, with their indices."""
    return _DOT.split(path)


def is_named(path: str, name: str) -> bool:
    """Whether a path begins with a prefix; a part of the prefix without an index matches any index."""
    parts, wanted = parts_of(path), parts_of(name)
    if len(wanted) > len(parts):
        return False
    return all(w in (part, part.partition("[")[0]) for w, part in zip(wanted, parts, strict=False))


def is_called(path: str, name: str) -> bool:
    """Whether `name` is the last part of a path, with or without its index: `gate` for `hyper[2].gate`."""
    last = parts_of(path)[-1]
    return name in (last, last.partition("[")[0])
