"""The forward pass of a supernet as statements, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import NamedTuple


@dataclass(frozen=True, eq=False)
class Statement:
    """Generated lines that compute one or more nodes of the graph.

    `targets` and `reads` are the variables that the lines assign and read, `layers` are the modules that they
    call. `cell` is the cell of the spec that they belong to; None outside of cells, and for weighted sums of
    candidates.
    """

    lines: tuple[str, ...]
    targets: tuple[str, ...]
    reads: tuple[str, ...]
    layers: tuple[str, ...]
    cell: str | None

    @cached_property
    def compiled(self) -> CodeType:
        """The lines as compiled Python code; cached."""
        return compile("\n".join(self.lines), "<supernet>", "exec")


class Step(NamedTuple):
    """A statement of a forward pass, and the variables that no later statement reads."""

    statement: Statement
    gone: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of the statement, and the deletions of variables after it."""
        return (*self.statement.lines, f"del {', '.join(self.gone)}") if self.gone else self.statement.lines


@dataclass(frozen=True)
class Style:
    """Options of code generation.

    With `fuse`, nodes with equal inputs and settings are computed together, if their primitive supports it;
    with `in_place`, activation functions overwrite tensors that no other node reads. Nodes with equal numbers
    in `Structure.alike` are computed in one call if their order allows it.
    """

    fuse: bool = False
    in_place: bool = True


@dataclass(frozen=True)
class Code:
    """The code of a forward pass: steps, the variables of inputs and outputs, and the mixtures whose weights
    it reads.
    """

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    results: tuple[str, ...]
    mixtures: tuple[int, ...]
