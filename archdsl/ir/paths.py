"""Selects decisions by path prefixes.

A part without an index matches all indices: `hyper.gate` selects `hyper[1].gate` and `hyper[2].gate`,
`hyper[2]` all decisions in that iteration.
"""

from __future__ import annotations


def is_named(path: str, name: str) -> bool:
    """Whether a path matches a prefix; parts of the prefix without an index match all indices."""
    parts, wanted = path.split("."), name.split(".")
    if len(wanted) > len(parts):
        return False
    return all(w in (part, part.partition("[")[0]) for w, part in zip(wanted, parts, strict=False))
