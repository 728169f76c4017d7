"""Compiles a network to an ordinary PyTorch module with named children and a straight-line forward.

The forward is generated as text, compiled once for each distinct text, and does not access the graph at run
time. Weights have torch's default initialization, in the order of the layers, so that a network written by
hand in that order has the same initial weights.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name, also in generated code)
from torch import nn

from archdsl.backends.making import make
from archdsl.backends.straightline import lower, methods
from archdsl.diagnostics import Diagnostic, SpecError, closest
from archdsl.ir.graph import Graph, Node

Initialisation = Literal["default", "kaiming"]

MOST_PARAMETERS = 2**29
"""The maximum number of parameters of a compiled network: 2 GiB of float32, as much as an ONNX file can
contain.

So a mistake in a width does not exhaust the memory.
"""


class CompiledNetwork(nn.Module):
    """Base class of compiled networks. `archdsl_graph` is the compiled graph."""

    _source: str
    archdsl_graph: Graph

    def forward_all(self, *inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """All outputs by name; `forward` returns the main (first) output only."""
        (name,) = self.archdsl_graph.outputs
        return {name: self.forward(*inputs)}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the module by the source text of its class, which is not in an importable Python module."""
        state = dict(self.__dict__, archdsl_graph=replace(self.archdsl_graph))  # without cached views
        return _empty, (self._source,), state

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledNetwork:
        """A copy with weights of its own; the graph, which is immutable, is shared."""
        from copy import deepcopy

        memo[id(self.archdsl_graph)] = self.archdsl_graph
        copy = _empty(self._source)
        memo[id(self)] = copy
        copy.__dict__.update(deepcopy(self.__dict__, memo))
        return copy


def build(graph: Graph, init: Initialisation = "default") -> CompiledNetwork:
    """Builds the module of a network (a graph without decisions), in training mode.

    `forward` takes the inputs in the order of the graph, N × C × H × W, and returns the main output;
    `forward_all` returns all outputs. `init="kaiming"` draws convolution weights from a normal distribution
    by fan-in (He et al. 2015, arXiv:1502.01852) and sets their biases to zero. Raises SpecError if the
    network is not well-typed, or has more parameters than `MOST_PARAMETERS`.
    """
    code = lower(graph)
    if code.params > MOST_PARAMETERS:
        headline = f"{graph.name} has {code.params:,} parameters, more than the limit of {MOST_PARAMETERS:,}"
        raise SpecError([Diagnostic("ARCH801", headline)])
    module = _empty(f"class {code.name}(CompiledNetwork):\n{methods(code)}")
    children = module._modules
    for attribute, layer in code.layers:
        children[attribute] = make(layer)
    module.archdsl_graph = graph
    if init == "kaiming":
        module.apply(_kaiming)
    return module


def view(module: CompiledNetwork, graph: Graph) -> CompiledNetwork:
    """Another network over the layers of a module: layers with weights of the same name are shared.

    Raises KeyError if the graph has weights that the module lacks.
    """
    layer_of = {weights: attribute for attribute, weights in lower(module.archdsl_graph).weights.items()}
    code = lower(graph)
    made = _empty(f"class {code.name}(CompiledNetwork):\n{methods(code)}")
    for attribute, _ in code.layers:
        made._modules[attribute] = module._modules[layer_of[code.weights[attribute]]]
    made.archdsl_graph = graph
    made.training = module.training
    return made


def features(module: CompiledNetwork, *names: str) -> CompiledNetwork:
    """A view of a module that returns intermediate tensors: the outputs of ops or nodes.

    `names` are their names in the layer table. The view shares the layers of the module and their mode;
    `forward_all` returns the tensors by name. Raises SpecError (ARCH950) for an unknown name; TypeError for
    other modules, and without names.
    """
    if not isinstance(module, CompiledNetwork):
        raise TypeError("features requires a module built by archdsl: Network.module(), archdsl.compile")
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError('names are strings, at least one: features(module, "stage[4]", "stage[5]")')
    graph = module.archdsl_graph
    last = {node.instance: name for name, node in graph.nodes.items() if isinstance(node, Node)}
    found = {}
    for name in names:
        node = name if name in graph.nodes or name in graph.inputs else last.get(name)
        if node is None:
            raise SpecError([_unknown(graph, name, [*graph.inputs, *graph.nodes, *filter(None, last)])])
        found[name] = node
    return view(module, replace(graph, outputs=found, train_only=frozenset()))


def _unknown(graph: Graph, name: str, known: list[str]) -> Diagnostic:
    inside = [other for other in known if other.startswith(f"{name}.")]
    guess = inside[-1] if inside else closest(name, known)
    help = f"did you mean `{guess}`?" if guess else "`Network.layers` lists the names"
    return Diagnostic("ARCH950", f"{graph.name} has no tensor `{name}`", help=help)


def _kaiming(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


@lru_cache(maxsize=256)
def class_of(source: str) -> type[CompiledNetwork]:
    """The class defined by a source text, compiled once for each text."""
    scope: dict[str, Any] = {"CompiledNetwork": CompiledNetwork, "torch": torch, "F": F, "__name__": __name__}
    exec(compile(source, "<compiled network>", "exec"), scope)
    cls = cast(type[CompiledNetwork], scope.popitem()[1])  # the last name that was defined
    cls._source = source
    return cls


def _empty(source: str) -> CompiledNetwork:
    """An instance of the class defined by a source text, without layers."""
    return class_of(source)()
