"""An elastic supernet as a PyTorch module."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import nn

from archdsl.backends.elastic.slices import Sliced, narrowed
from archdsl.backends.elastic.widths import Widths
from archdsl.backends.making import make
from archdsl.backends.naming import RESERVED, identifier, unique
from archdsl.backends.straightline import lower, methods
from archdsl.backends.torch_module import MOST_PARAMETERS, CompiledNetwork, class_of
from archdsl.backends.torch_module import build as build_network
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir import Graph, Node
from archdsl.ops.base import Layer
from archdsl.ops.places import Parts
from archdsl.passes.transforms.bind import Binder, Bound, Prepared
from archdsl.passes.transforms.simplify import simplify

LAYERS = 65_536
"""Layers over parts of stored ones that are remembered."""
PATHS = 512
"""Networks whose forward is remembered."""


@dataclass(frozen=True)
class _Path:
    """A network: its graph, what computes it, and its layers over the stored weights."""

    graph: Graph
    forward: Any
    layers: SimpleNamespace
    parts: Mapping[str, tuple[str, Parts]]
    """By attribute of a layer of the network, the name of the stored layer, and the part of it."""
    stateless: tuple[nn.Module, ...]
    """The layers without weights, which follow the mode of the supernet."""


class ElasticNetwork(nn.Module):
    """All networks of a space over weights that are stored once, at their largest size.

    `archdsl_graph` is the graph of the space.  The stored layers are ordinary children, named by their place
    in the spec.
    """

    def __init__(self, graph: Graph, widths: Widths):
        super().__init__()
        self.archdsl_graph, self._widths = graph, widths
        self._binder: Binder = Prepared()(graph)
        taken = set(RESERVED)
        self._stored = {weights: unique(identifier(weights), taken) for weights in widths.slots}
        for weights, attribute in self._stored.items():
            self._modules[attribute] = make(widths.slots[weights].layer)
        self._layers: dict[Hashable, Sliced] = {}
        self._paths: OrderedDict[tuple[int, ...], _Path] = OrderedDict()

    def path(self, *inputs: torch.Tensor, outcomes: Mapping[str, int]) -> torch.Tensor:
        """The main output (N × K × H × W) of one network; `outcomes` are numbers of outcomes.

        Equal to that of `network` bit for bit.  Raises SpecError where the network is not well-typed.
        """
        found = self._path(outcomes)
        for layer in found.stateless:
            layer.train(self.training)
        return cast(torch.Tensor, found.forward(found.layers, *inputs))

    def network(self, outcomes: Mapping[str, int], name: str = "Found") -> CompiledNetwork:
        """One network as a module of its own, with copies of its weights and running statistics.

        In the mode (training or evaluation) that this module is in.
        """
        path = self._path(outcomes)
        module = build_network(replace(path.graph, name=name))
        for attribute, (stored, parts) in path.parts.items():
            own, mine = self._modules[stored], module._modules[attribute]
            assert own is not None
            assert mine is not None
            state = own.state_dict()
            mine.load_state_dict({key: narrowed(value, parts.get(key)) for key, value in state.items()})
        like = next(self.parameters(), None)
        return (module if like is None else module.to(like.device, like.dtype)).train(self.training)

    def _path(self, outcomes: Mapping[str, int]) -> _Path:
        decisions = self.archdsl_graph.decisions
        key = tuple(outcomes.get(path, -1) for path in decisions)
        found = self._paths.get(key)
        if found is None:
            found = self._made({path: o for path, o in outcomes.items() if path in decisions})
            self._paths[key] = found
            if len(self._paths) > PATHS:
                self._paths.popitem(last=False)
        self._paths.move_to_end(key)
        return found

    def _made(self, outcomes: Mapping[str, int]) -> _Path:
        bound = self._binder.bind(outcomes)
        if bound.failures:
            where, number, message = bound.failures[0]
            raise SpecError([Diagnostic(number, f"`{where}`: {message}")])
        places = self._widths.places(bound, outcomes)
        graph = simplify(bound.graph, bound.shapes)
        code = lower(graph)
        cls = class_of(f"class {code.name}(CompiledNetwork):\n{methods(code)}")
        node_of = _first_nodes(bound)
        parts, layers, stateless = {}, SimpleNamespace(), []
        for attribute, layer in code.layers:
            weights = code.weights[attribute]
            if weights not in self._stored:  # a layer without weights, such as dropout
                stateless.append(make(layer))
                setattr(layers, attribute, stateless[-1])
                continue
            node = node_of[weights]
            own = self._widths.parts(node, *places[node.name])
            parts[attribute] = self._stored[weights], own
            setattr(layers, attribute, self._sliced(weights, layer, own))
        return _Path(graph, cls.forward, layers, parts, tuple(stateless))

    def _sliced(self, weights: str, layer: Layer, parts: Parts) -> Sliced:
        """A layer over a part of stored weights; most networks have those of others."""
        key = weights, tuple(layer.kwargs.items()), tuple(parts.items())
        found = self._layers.get(key)
        if found is None:
            if len(self._layers) >= LAYERS:
                self._layers.clear()
            stored = self._modules[self._stored[weights]]
            assert stored is not None
            found = self._layers[key] = Sliced(stored, layer, parts)
        return found

    def __deepcopy__(self, memo: dict[int, Any]) -> ElasticNetwork:
        """A copy with its own weights; what never changes is shared."""
        for shared in (self.archdsl_graph, self._widths, self._binder):
            memo[id(shared)] = shared
        memo[id(self._paths)], memo[id(self._layers)] = OrderedDict(), {}  # they are of this one's weights
        copy = ElasticNetwork.__new__(ElasticNetwork)
        memo[id(self)] = copy
        copy.__dict__.update(deepcopy(self.__dict__, memo))
        return copy


def _first_nodes(bound: Bound) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for node in bound.graph.nodes.values():
        assert isinstance(node, Node)
        found.setdefault(node.weights, node)
    return found


def build(graph: Graph) -> ElasticNetwork:
    """The elastic supernet of a space, in training mode.

    Raises SpecError: ARCH810 where weights cannot be shared, ARCH801 for more parameters than are built.
    """
    widths = Widths(graph)
    params = sum(slot.params for slot in widths.slots.values())
    if params > MOST_PARAMETERS:
        headline = (
            f"the supernet of {graph.name} has {params:,} parameters; at most {MOST_PARAMETERS:,} are built"
        )
        raise SpecError([Diagnostic("ARCH801", headline)])
    return ElasticNetwork(graph, widths)
