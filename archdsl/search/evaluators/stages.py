"""Splits networks into the encoder, the part that does not depend on decisions, and the decoder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

import torch
from torch import nn

from archdsl import ops
from archdsl.backends.straightline import lower
from archdsl.backends.torch_module import CompiledNetwork, build
from archdsl.ir import Graph, Mux, Node
from archdsl.passes.analyses.shapes import infer
from archdsl.passes.analyses.trainable import has_parameters
from archdsl.passes.analyses.undecided import boundary, undecided


class Parts:
    """Splits the graph of a space into the encoder, and decoders of its networks.

    `features` are the names of the tensors that decoders read: of the encoder, and inputs.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        self.inside = undecided(graph)
        self.features = boundary(graph, self.inside)
        nodes = {name: item for name, item in graph.nodes.items() if name in self.inside}
        read = {name: name for name in self.features if name in nodes}
        self.encoder = replace(
            graph, name="Encoder", nodes=nodes, outputs=read, decisions={}, requirements=(),
            train_only=frozenset(),
        )  # fmt: skip

    @cached_property
    def inputs_read(self) -> frozenset[str]:
        """The inputs of which decoders read the values, and not only the size."""
        behind = {n: item for n, item in self.graph.nodes.items() if n not in self.inside}
        found = values_read(behind.values(), self.graph.outputs.values())
        return frozenset(found & set(self.encoder.inputs))

    @property
    def is_trained(self) -> bool:
        """Whether the encoder has parameters."""
        nodes = [node for node in self.encoder.nodes.values() if isinstance(node, Node)]
        return bool(self.encoder.outputs) and has_parameters(nodes, infer(self.encoder))

    def encoder_module(self) -> CompiledNetwork:
        """The encoder with random weights; its `forward_all` returns the features that are not inputs."""
        return build(self.encoder)

    def decoder(self, network: Graph) -> Graph:
        """The decoder of a network, whose inputs are the features.

        It may contain nodes that the encoder has too, if equal nodes were merged in the network.
        """
        shapes, features = infer(network), frozenset(self.features)
        read = set(network.outputs.values())
        for name, item in reversed(list(network.nodes.items())):
            if name in read and name not in features:
                read |= set(item.inputs)
        nodes = {name: item for name, item in network.nodes.items() if name in read - features}
        inputs = {name: shapes[name] for name in self.features if name in read}
        return replace(network, name="Decoder", inputs=inputs, nodes=nodes)


def values_read(items: Iterable[Node | Mux], outputs: Iterable[str]) -> set[str]:
    """The names of the tensors whose values nodes or outputs read; of other inputs, only the size is read."""
    read = set(outputs)
    for item in items:
        count = ops.get(item.op).tensors(len(item.inputs)) if isinstance(item, Node) else None
        read |= set(item.inputs[:count])
    return read


@torch.no_grad()
def share_weights(source: CompiledNetwork, target: CompiledNetwork) -> list[nn.Parameter]:
    """Copies parameters and buffers between networks, for layers whose weights have the same names.

    Returns the parameters of these layers in the target.
    """
    layers = {weights: name for name, weights in lower(target.archdsl_graph).weights.items()}
    found: list[nn.Parameter] = []
    for name, weights in lower(source.archdsl_graph).weights.items():
        if weights in layers:
            layer = target.get_submodule(layers[weights])
            layer.load_state_dict(source.get_submodule(name).state_dict())
            found += layer.parameters()
    return found
