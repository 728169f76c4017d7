"""The space that is left to a search by passes: hyper-cells of a fixed depth, fewer candidates."""

from __future__ import annotations

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.program import Space


def pruned(space: Space, passes: str | None) -> Space:
    """What a pipeline, `prune(hyper[1].gate = 2)`, leaves of a space; None leaves all of it.

    Networks of it are networks of `space`, and are written as rows of that.  Raises SpecError as the passes
    do, and ARCH606 where they leave nothing to search.
    """
    left = space if passes is None else space.through(passes)
    if isinstance(left, Space):
        return left
    headline = f"`{passes}` leaves nothing to search of {space.name}"
    raise SpecError([Diagnostic("ARCH606", headline, help="leave a decision open")])
