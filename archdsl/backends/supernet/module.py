"""The supernet as a PyTorch module: shared layers, a mixed forward pass, and a forward pass for each
network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import lru_cache
from types import CodeType
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name, also in generated code)
from torch import nn

from archdsl.backends.making import make
from archdsl.backends.straightline import lower
from archdsl.backends.supernet.checkpointing import checkpointed
from archdsl.backends.supernet.forward import ForwardGenerator
from archdsl.backends.supernet.rendering import in_segments, whole
from archdsl.backends.supernet.statements import Code, Statement, Style
from archdsl.backends.supernet.structure import Structure, layer_key, parts
from archdsl.backends.torch_module import MOST_PARAMETERS, CompiledNetwork
from archdsl.backends.torch_module import build as build_network
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir import Graph
from archdsl.ops import layers as own_layers
from archdsl.ops.base import Layer
from archdsl.passes.transforms.bind import Bind
from archdsl.passes.transforms.deployed import Deploy
from archdsl.passes.transforms.simplify import Simplify

Weights = Mapping[str, torch.Tensor]
"""The weights of outcomes by decision: vectors that sum to 1."""

Forward = Callable[..., tuple[torch.Tensor, ...]]
"""The function of a forward pass: of the module, its inputs, and the weights of candidates by mixture."""

Compiled = tuple[Forward, tuple[int, ...]]
"""The function of a forward pass, and the numbers of the mixtures whose weights it takes."""


GLOBALS: dict[str, Any] = {
    "torch": torch,
    "F": F,
    "layers": own_layers,
    "checkpointed": checkpointed,
    "__name__": __name__,
}
"""The global names in generated code."""


class SuperNetwork(nn.Module):
    """All networks of a space over shared layers; `archdsl_graph` is the graph of the space.

    The layers are ordinary children, named by their paths in the spec. The weights of outcomes are arguments
    of `forward`, computed by the search.
    """

    def __init__(self, found: Structure, fuse: bool = False, checkpoint: bool = False):
        super().__init__()
        self.archdsl_graph = found.graph
        self._parts, self._checkpoint = found, checkpoint
        self._generator = ForwardGenerator(found, Style(fuse, in_place=not checkpoint))
        self._every = self._compiled()
        for n, mixture in enumerate(found.mixtures):
            self.register_buffer(f"archdsl_mixture_{n}", mixture.matrix(), persistent=False)
        self._paths: dict[Any, Compiled] = {}
        for attribute, layer in found.layers.values():
            self._modules[attribute] = make(layer)

    def forward(self, *inputs: torch.Tensor, weights: Weights) -> torch.Tensor:
        """The main output (N × K × H × W), with every mux a weighted sum of its candidates.

        With one-hot weights, the output is that of the selected network, bit for bit.
        """
        function, mixtures = self._every
        mixed = {n: vector.unbind() for n, vector in self._mixed(weights, mixtures).items()}
        return function(self, *inputs, mixed)[0]

    sampled: tuple[str, ...] = ()
    """The decisions that must be sampled: none, since tensors have the same size in all networks."""

    def forward_all(
        self, *inputs: torch.Tensor, outcomes: Mapping[str, int], weights: Weights
    ) -> dict[str, torch.Tensor]:
        """All outputs by name: of one network if `outcomes` are given (see `path`), else mixed (see
        `forward`).
        """
        function, mixtures = self._path(outcomes, bool(weights)) if outcomes else self._every
        mixed = {n: vector.unbind() for n, vector in self._mixed(weights, mixtures).items()}
        found = function(self, *inputs, mixed)
        return dict(zip(self.archdsl_graph.outputs, found, strict=True))

    def path(
        self, *inputs: torch.Tensor, outcomes: Mapping[str, int], weights: Weights | None = None
    ) -> torch.Tensor:
        """The main output of one network, computing only its nodes.

        `outcomes` are outcome indices. With `weights`, each candidate is multiplied by its weight; weights of
        1 only pass gradients (straight-through), and the output is the network's, bit for bit.
        """
        function, mixtures = self._path(outcomes, weights is not None)
        return function(self, *inputs, None if weights is None else self._mixed(weights, mixtures))[0]

    def network(self, outcomes: Mapping[str, int], name: str = "Found") -> CompiledNetwork:
        """One network as a separate module, with copies of the weights and batch-norm statistics.

        Train-only outputs are removed. The module is in the current mode (training or evaluation) of this
        one.
        """
        decisions = self.archdsl_graph.decisions
        named = {path: decisions[path].outcomes[outcome] for path, outcome in outcomes.items()}
        graph = Simplify()(Deploy()(Bind(named, name)(self.archdsl_graph)))
        module = build_network(graph)
        code = lower(graph)
        for attribute, layer in code.layers:
            mine, _ = self._parts.layers[layer_key(code.weights[attribute], layer)]
            module._modules[attribute].load_state_dict(self._modules[mine].state_dict())  # type: ignore[union-attr]
        like = next(self.parameters(), None)
        return (module if like is None else module.to(like.device, like.dtype)).train(self.training)

    def _path(self, outcomes: Mapping[str, int], weighted: bool) -> Compiled:
        key = weighted, tuple(outcomes[path] for path in self.archdsl_graph.decisions)
        found = self._paths.get(key)
        if found is None:
            if len(self._paths) >= 4096:
                self._paths.clear()
            found = self._paths[key] = self._compiled(outcomes, weighted)
        return found

    def _compiled(self, outcomes: Mapping[str, int] | None = None, weighted: bool = True) -> Compiled:
        code = self._generator.forward(outcomes, weighted)
        if self._checkpoint:
            return function_of(in_segments(code)), code.mixtures
        # A path is seldom requested twice, and its statements are often those of others.
        if outcomes is None:
            return function_of(whole(code)), code.mixtures
        return in_steps(code, lambda statement: statement.compiled), code.mixtures

    def _mixed(self, weights: Weights, mixtures: Iterable[int]) -> dict[int, torch.Tensor]:
        found = self._parts.mixtures
        return {n: found[n].weights(weights, self._buffers[f"archdsl_mixture_{n}"]) for n in mixtures}  # type: ignore[arg-type]

    def __deepcopy__(self, memo: dict[int, Any]) -> SuperNetwork:
        """A copy with weights, device and dtype of its own; immutable parts are shared."""
        for shared in (self.archdsl_graph, self._parts, self._generator):
            memo[id(shared)] = shared
        copy = SuperNetwork.__new__(SuperNetwork)
        memo[id(self)] = copy
        copy.__dict__.update(deepcopy(self.__dict__, memo))
        return copy


def build(graph: Graph, *, fuse: bool = False, checkpoint: bool = False) -> SuperNetwork:
    """Builds the supernet of a space, in training mode.

    With `fuse`, candidates that apply the same operation to one tensor are computed together, and
    convolutions in their fastest form; results are equal up to rounding. With `checkpoint`, only tensors
    passed between cells are stored for the backward pass, which recomputes the rest (gradient checkpointing):
    less memory, more time, equal results. Raises SpecError: ARCH802 for a space whose networks differ in the
    size of a tensor, ARCH801 if it has too many parameters to build.
    """
    found = parts(graph)
    params = sum(_size(layer) for _, layer in found.layers.values())
    if params > MOST_PARAMETERS:
        headline = (
            f"the supernet of {graph.name} has {params:,} parameters, more than the limit of "
            f"{MOST_PARAMETERS:,}"
        )
        raise SpecError([Diagnostic("ARCH801", headline)])
    return SuperNetwork(found, fuse, checkpoint)


def _size(layer: Layer) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in make(layer).parameters())


@lru_cache(maxsize=1024)
def function_of(text: str) -> Forward:
    """The function defined by a source text, compiled once for each text."""
    scope = dict(GLOBALS)
    exec(compile(text, "<supernet>", "exec"), scope)
    function: Forward = scope["forward"]
    return function


def in_steps(code: Code, compiled_of: Callable[[Statement], CodeType]) -> Forward:
    """A function that runs the statements in order, each as compiled by `compiled_of`."""
    steps = [(compiled_of(step.statement), step.gone) for step in code.steps]
    names = ("self", *code.inputs, "m")

    def forward(*arguments: Any) -> tuple[torch.Tensor, ...]:
        variables = dict(zip(names, arguments, strict=True))
        for compiled, gone in steps:
            exec(compiled, GLOBALS, variables)
            for name in gone:
                del variables[name]
        return tuple(variables[name] for name in code.results)

    return forward
