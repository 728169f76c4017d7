"""The forward of a supernet before it is text: statements, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import NamedTuple


@dataclass(frozen=True, eq=False)
class Statement:
    """Lines that compute one item, or several at once, what variables they set and read, and their layers.

    `cell` is the cell of the spec that it belongs to; None where it is in none, and for sums of candidates.
    """

    lines: tuple[str, ...]
    targets: tuple[str, ...]
    reads: tuple[str, ...]
    layers: tuple[str, ...]
    cell: str | None

    @cached_property
    def compiled(self) -> CodeType:
        """The lines as Python compiles them, once."""
        return compile("\n".join(self.lines), "<supernet>", "exec")


class Step(NamedTuple):
    """A statement of a forward, and the variables that it is the last to read."""

    statement: Statement
    gone: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The statement's, and the end of variables."""
        return (*self.statement.lines, f"del {', '.join(self.gone)}") if self.gone else self.statement.lines


@dataclass(frozen=True)
class Style:
    """How code is written: with `fuse` nodes that read the same with the same settings are computed at once,
    where their primitive gains by it; `in_place` lets activations overwrite what nothing else reads.
    """

    fuse: bool = False
    in_place: bool = True


@dataclass(frozen=True)
class Code:
    """Steps, the variables of the inputs and of the outputs, and which mixtures are weighed by."""

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    results: tuple[str, ...]
    mixtures: tuple[int, ...]
