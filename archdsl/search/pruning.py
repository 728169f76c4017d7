"""Restricts the space of a search by passes, for example to fixed depths or fewer candidates."""

from __future__ import annotations

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.program import Space


def pruned(space: Space, passes: str | None) -> Space:
    """Applies a pipeline of passes such as `prune(hyper[1].gate = 2)` to a space; None leaves it unchanged.

    All networks of the result are networks of `space`. Raises SpecError as the passes do, and ARCH606 if no
    decision remains.
    """
    left = space if passes is None else space.through(passes)
    if isinstance(left, Space):
        return left
    headline = f"no decisions of {space.name} remain after `{passes}`"
    raise SpecError([Diagnostic("ARCH606", headline, help="keep at least one decision")])
