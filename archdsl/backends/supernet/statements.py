"""The forward of a supernet before it is text: statements, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Statement(NamedTuple):
    """Lines that compute one item, or several at once, what variables they set and read, and their layers.

    `cell` is the cell of the spec that it belongs to; None where it is in none, and for sums of candidates.
    """

    lines: tuple[str, ...]
    targets: tuple[str, ...]
    reads: tuple[str, ...]
    layers: tuple[str, ...]
    cell: str | None


@dataclass(frozen=True)
class Style:
    """How code is written: with `fuse` nodes that read the same with the same settings are computed at once,
    where their primitive gains by it; `in_place` lets activations overwrite what nothing else reads.
    """

    fuse: bool = False
    in_place: bool = True


@dataclass(frozen=True)
class Code:
    """Statements, the variables of the inputs and of the outputs, and which mixtures are weighed by."""

    inputs: tuple[str, ...]
    statements: tuple[Statement, ...]
    results: tuple[str, ...]
    mixtures: tuple[int, ...]
