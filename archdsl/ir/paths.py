"""Selects decisions by path prefixes, or by the name of a decision in every block.

A part without an index matches all indices: `hyper.gate` selects `hyper[1].gate` and `hyper[2].gate`,
`hyper[2]` all decisions in that iteration; `gate` is the name of both.
"""

from __future__ import annotations


def is_named(path: str, name: str) -> bool:
    """Whether a path matches a prefix; parts of the prefix without an index match all indices."""
    parts, wanted = path.split("."), name.split(".")
    if len(wanted) > len(parts):
        return False
    return all(w in (part, part.partition("[")[0]) for w, part in zip(wanted, parts, strict=False))


def is_called(path: str, name: str) -> bool:
    """Whether a name is the last part of a path, with or without its index (`gate` of `hyper[2].gate`)."""
    last = path.rpartition(".")[2]
    return name in (last, last.partition("[")[0])
