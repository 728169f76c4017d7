"""Parts of hierarchical names: `hyper[1].cells[2].x` is x in iteration 2 of cells in iteration 1 of hyper."""

from __future__ import annotations

import re
from functools import lru_cache

DEEPEST = 32
_COMPONENT = re.compile(r"(?:[^.\[]|\[[^\]]*\])+|\[|\.")


@lru_cache(maxsize=1 << 16)
def components(path: str) -> tuple[str, ...]:
    """The parts between dots, ignoring dots inside brackets. The rest of a very deep path is one part."""
    parts = tuple(part for part in _COMPONENT.findall(path) if part != ".")
    return parts if len(parts) <= DEEPEST else (*parts[:DEEPEST], ".".join(parts[DEEPEST:]))


def ancestors(path: str) -> list[str]:
    """The proper prefixes of a path, outermost first."""
    parts = components(path)
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def is_indexed(path: str) -> bool:
    """Whether the last part of a path has an index: an iteration of a stage, or an entry of a family."""
    return path.endswith("]")


def family(path: str) -> str:
    """The path without indices; it is equal for all iterations of a stage."""
    return re.sub(r"\[[^\]]*\]", "", path)


def below(path: str, prefix: str) -> bool:
    """Whether a path starts with a prefix, part by part; the empty prefix matches every path."""
    return not prefix or path == prefix or path.startswith(f"{prefix}.")


def within(path: str, prefix: str) -> str:
    """The path relative to `prefix`."""
    return path[len(prefix) + 1 :] if prefix and path.startswith(f"{prefix}.") else path
