"""Blocks of steps: the block of the network, and one for each op, with the settings of all applications."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Union

from archdsl.fold.pieces import Piece, Ref, grouped
from archdsl.ops.lifting import FixedSizes


@dataclass(eq=False)
class Step:
    """A primitive (by name) or an op, applied to tensors of a block.

    `values` are a primitive's settings and `sizes` the sizes of its inputs, for each application of the
    block; `which` are the indices of an op's applications. `tied` is the name under which the step shares its
    weights.
    """

    callee: Union[str, Body]
    reads: tuple[Ref, ...]
    path: str
    outputs: int = 1
    values: dict[str, list[Any]] = field(default_factory=dict)
    sizes: list[tuple[FixedSizes, ...]] = field(default_factory=list)
    which: list[int] = field(default_factory=list)
    tied: str | None = None
    nodes: tuple[str, ...] = ()
    """The nodes that the step consists of, in the first application of the block."""
    results: tuple[str, ...] = ()
    """The output tensors of the step, in the first application of the block."""

    @property
    def key(self) -> tuple[object, ...]:
        """A key that is equal for steps that differ only in settings."""
        callee = self.callee if isinstance(self.callee, str) else id(self.callee)
        return callee, tuple(self.values), len(self.reads), self.outputs, self.path if self.tied else None


@dataclass(eq=False)
class Parameter:
    """A setting of an op that is passed to settings of its primitives named `of`.

    `values` are its values in all applications; `default` is `x.c`, a constant, or None.
    """

    name: str
    of: str
    kind: str
    values: list[Any]
    default: str | None = None
    usual: list[Any] = field(default_factory=list)
    """The value of the default in each application."""


@dataclass(eq=False)
class Body:
    """A block with its steps. `channels` are the channels of each input in each application."""

    label: str
    path: str
    inputs: int
    steps: list[Step]
    results: list[Ref]
    channels: list[list[int]] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    name: str = ""

    @property
    def applications(self) -> int:
        return len(self.channels[0]) if self.channels else 1

    def readers(self) -> Mapping[Ref, list[int]]:
        """The indices of the steps that read each tensor; a result of the block has the reader -1."""
        found: dict[Ref, list[int]] = {}
        for number, step in enumerate(self.steps):
            for ref in step.reads:
                found.setdefault(ref, []).append(number)
        for ref in self.results:
            found.setdefault(ref, []).append(-1)
        return found


def saves(times: int, steps: int) -> bool:
    """Whether the text becomes shorter if a sequence of `steps` steps that occurs `times` times becomes an
    op.
    """
    return times > 1 and (times - 1) * (steps - 1) >= 4


def blocks(top: Piece, sizes: Mapping[str, FixedSizes]) -> tuple[Body, list[Body]]:
    """The block of the network, and the blocks of its ops, each before the blocks that apply it."""
    return _Blocks(top, sizes).run()


class _Blocks:
    def __init__(self, top: Piece, sizes: Mapping[str, FixedSizes]):
        self.top, self.sizes = top, sizes
        self.first: dict[str, Piece] = {}
        uses: Counter[str] = Counter()
        ahead = [top]
        while ahead:
            piece = ahead.pop()
            for part in piece.parts:
                uses[part.key] += 1
                if part.parts and part.key not in self.first:
                    self.first[part.key] = part
                    ahead.append(part)
        self.ops = {key for key, part in self.first.items() if saves(uses[key], part.size)}
        self.bodies: dict[str, Body] = {}

    def run(self) -> tuple[Body, list[Body]]:
        body = self._body(self._flat(self.top))
        self._apply(body, self._flat(self.top))
        return body, list(self.bodies.values())

    def _flat(self, piece: Piece) -> Piece:
        """A group in which the groups that do not become ops are replaced by their parts."""
        parts = list(self._parts(piece))
        return grouped(parts, piece.path, piece.label, piece.outputs, piece.inputs)

    def _parts(self, piece: Piece) -> Iterator[Piece]:
        for part in piece.parts:
            if part.parts and part.key not in self.ops:
                yield from self._parts(part)
            else:
                yield part

    def _body(self, flat: Piece) -> Body:
        steps = [self._step(part, reads) for part, reads in zip(flat.parts, flat.reads, strict=True)]
        return Body(
            flat.label, flat.path, len(flat.inputs), steps, list(flat.results), [[] for _ in flat.inputs]
        )

    def _step(self, part: Piece, reads: tuple[Ref, ...]) -> Step:
        if part.node is None:
            if part.key not in self.bodies:
                body = self._body(self._flat(part))
                self.bodies[part.key] = body
            callee, nodes = self.bodies[part.key], tuple(names_of(part))
            return Step(callee, reads, part.path, len(part.outputs), nodes=nodes, results=part.outputs)
        own = part.outputs
        return Step(part.node.op, reads, part.path, tied=part.tied, nodes=own, results=own)

    def _apply(self, body: Body, flat: Piece) -> int:
        """Records the channels, sizes and setting values of an application, `flat`, of the block `body`;
        returns the index of the application in the block.
        """
        for n, source in enumerate(flat.inputs):
            body.channels[n].append(self.sizes[source][0])
        for step, part in zip(body.steps, flat.parts, strict=True):
            if part.node is None:
                assert isinstance(step.callee, Body)
                step.which.append(self._apply(step.callee, self._flat(part)))
            else:
                step.sizes.append(tuple(self.sizes[source] for source in part.inputs))
                for name, value in part.node.attrs.items():
                    step.values.setdefault(name, []).append(value)
        return body.applications - 1


def names_of(piece: Piece) -> Iterator[str]:
    """Yields the names of the nodes of a group, in order."""
    if piece.node is not None:
        yield piece.node.name
    for part in piece.parts:
        yield from names_of(part)


def replaced(body: Body, start: int, length: int, by: Step) -> None:
    """Replaces `length` steps of a block, beginning with step `start`, by one step with the output of the
    last of them.
    """
    new: dict[int, int] = {}
    for number in range(len(body.steps)):
        inside = start <= number < start + length
        new[number] = start if inside else number if number < start else number - length + 1

    def moved(refs: Sequence[Ref]) -> tuple[Ref, ...]:
        return tuple(ref if ref[0] < 0 else (new[ref[0]], ref[1]) for ref in refs)

    after = [replace(step, reads=moved(step.reads)) for step in body.steps[start + length :]]
    body.steps[start:] = [by, *after]
    body.results[:] = moved(body.results)


def same(values: Sequence[Any]) -> bool:
    """Whether all values are equal and of one type: 1 and True are different."""
    return all(type(value) is type(values[0]) and value == values[0] for value in values)
