"""Hierarchical names: `hyper[1].cells[2].x` is x in round 2 of cells in round 1 of hyper."""

from __future__ import annotations

import re
from functools import lru_cache

DEEPEST = 32
_COMPONENT = re.compile(r"(?:[^.\[]|\[[^\]]*\])+|\[|\.")


@lru_cache(maxsize=1 << 16)
def components(path: str) -> tuple[str, ...]:
    """The parts between dots; dots inside brackets do not count.  A very deep path ends in a long part."""
    parts = tuple(part for part in _COMPONENT.findall(path) if part != ".")
    return parts if len(parts) <= DEEPEST else (*parts[:DEEPEST], ".".join(parts[DEEPEST:]))


def ancestors(path: str) -> list[str]:
    """The proper prefixes, outermost first."""
    parts = components(path)
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def is_indexed(path: str) -> bool:
    """Whether the last part has an index: a round of a stage, or an entry of an indexed name."""
    return path.endswith("]")


def family(path: str) -> str:
    """The path without indices: what rounds of one stage have in common."""
    return re.sub(r"\[[^\]]*\]", "", path)


def below(path: str, prefix: str) -> bool:
    """Whether the prefix leads to the path (or is it); the empty one leads everywhere."""
    return not prefix or path == prefix or path.startswith(f"{prefix}.")


def within(path: str, prefix: str) -> str:
    """The path as it is called inside `prefix`."""
    return path[len(prefix) + 1 :] if prefix and path.startswith(f"{prefix}.") else path
