"""The forward pass of a network as steps in order; each tensor is deleted after its last use."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from archdsl.backends.elastic.forms import Function, Look
from archdsl.backends.elastic.slices import Sliced
from archdsl.backends.making import make
from archdsl.ops.base import Layer


class Tensor:
    """A tensor of a network: its variable in code and its look (size, channel indices, whether it is zeros).

    There is one object for each combination, so that tensors are compared by identity.
    """

    __slots__ = ("look", "shape", "variable")

    def __init__(self, variable: str, look: Look):
        self.variable, self.look, self.shape = variable, look, look.shape


class Made:
    """A planned node of a network, ready to be called.

    `output` is the tensor computed. `reads` are the variables of the inputs whose values it reads, and
    `measures` those of which it reads only the size. `function` computes the output from `layer` and these
    inputs; None if the node returns its first input unchanged. `in_place` does so by overwriting the first
    input; None if that is not possible. `equal` is a key: nodes with equal keys compute the same value.
    """

    __slots__ = ("equal", "fresh", "function", "in_place", "layer", "measures", "names", "output", "reads")

    def __init__(
        self, output: Tensor, reads: tuple[str, ...] = (), measures: tuple[str, ...] = (),
        function: Function | None = None, in_place: Function | None = None, fresh: bool = False,
        layer: Sliced | Layer | None = None, equal: Hashable = None,
    ):  # fmt: skip
        self.output, self.reads, self.measures = output, reads, measures
        self.names = (*reads, *map(_size, measures))
        """The variables that are passed to the function."""
        self.function, self.in_place, self.fresh, self.layer = function, in_place, fresh, layer
        self.equal = equal


Step = tuple[Function, Any, tuple[str, ...], str, tuple[str, ...]]
"""A step of a forward pass: a function, its layer, its argument variables, its result variable, variables to
delete.
"""


@dataclass(frozen=True)
class Path:
    """The forward pass of a network: its operations in order."""

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    results: tuple[str, ...]
    stateless: tuple[nn.Module, ...]
    """The layers without weights, which are switched between training and evaluation with the supernet."""

    def __call__(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        variables: dict[str, Any] = dict(zip(self.inputs, inputs, strict=True))
        for name in self.inputs:
            variables[_size(name)] = variables[name].shape[-2:]
        for function, layer, names, target, gone in self.steps:
            variables[target] = function(layer, *[variables[name] for name in names])
            for name in gone:
                del variables[name]
        return tuple([variables[name] for name in self.results])


def scheduled(inputs: tuple[str, ...], order: list[Made], results: tuple[str, ...]) -> Path:
    """The forward pass of the steps on which the results depend; each tensor is deleted after its last
    use.
    """
    wanted, count = set(results), dict.fromkeys(results, 2)
    measured: set[str] = set()
    alive: list[Made] = []
    for made in reversed(order):
        if made.output.variable not in wanted:
            continue
        alive.append(made)
        for name in made.reads:
            count[name] = count.get(name, 0) + 1
        wanted.update(made.reads)
        measured.update(made.measures)
        wanted.update(made.measures)
    alive.reverse()
    last: dict[str, int] = {}
    for at, made in enumerate(alive):
        last[made.output.variable] = at
        for name in made.reads:
            last[name] = at
    for name in (*results, *inputs):
        last[name] = -1
    fresh: set[str] = set()
    steps: list[Step] = []
    stateless: list[nn.Module] = []
    for at, made in enumerate(alive):
        function, reads, target, layer = made.function, made.reads, made.output.variable, made.layer
        assert function is not None
        if made.in_place is not None and reads[0] in fresh and count[reads[0]] == 1:
            function = made.in_place
        if made.fresh:
            fresh.add(target)
        if isinstance(layer, Layer):
            stateless.append(make(layer))
        module = stateless[-1] if isinstance(layer, Layer) else layer
        gone = tuple([name for name in dict.fromkeys(reads) if last[name] == at])
        own = (target,) if last[target] == at else ()
        if target in measured:
            # The size is kept, so that the tensor itself can be freed earlier.
            steps.append((function, module, made.names, target, ()))
            steps.append((_measured, None, (target,), _size(target), (*gone, *own)))
        else:
            steps.append((function, module, made.names, target, (*gone, *own)))
    return Path(inputs, tuple(steps), results, tuple(stateless))


def _size(variable: str) -> str:
    """The variable that contains the size of a tensor."""
    return f"s{variable}"


def _measured(_: None, x: torch.Tensor) -> torch.Size:
    return x.shape[-2:]
