"""An elastic supernet as a PyTorch module."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from archdsl.backends.elastic.compiling import Compiler
from archdsl.backends.elastic.entries import Entries, Entry
from archdsl.backends.elastic.kernels import Transforms
from archdsl.backends.elastic.partial import remaining
from archdsl.backends.elastic.paths import Paths
from archdsl.backends.elastic.sampled import sampled_decisions
from archdsl.backends.elastic.scaling import Scaled, Weighed, results_of_calls
from archdsl.backends.elastic.schedule import Path
from archdsl.backends.elastic.slices import Sliced, new_stored, state_of
from archdsl.backends.elastic.widths import Widths
from archdsl.backends.making import bare, make
from archdsl.backends.naming import RESERVED, identifier, unique
from archdsl.backends.straightline import lower
from archdsl.backends.supernet.forward import ForwardGenerator
from archdsl.backends.supernet.mixing import Mixture
from archdsl.backends.supernet.module import Forward, Weights
from archdsl.backends.supernet.statements import Style
from archdsl.backends.torch_module import MOST_PARAMETERS, CompiledNetwork
from archdsl.backends.torch_module import build as build_network
from archdsl.configs.sharing import BN, Kernels
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir import Graph, Node
from archdsl.ops.base import Layer
from archdsl.ops.places import Parts
from archdsl.passes.transforms.bind import Binder, Bound, Prepared
from archdsl.passes.transforms.deployed import Deploy
from archdsl.passes.transforms.simplify import Simplified, simplified, simplify

LAYERS = 65_536
"""The maximum number of layers over slices of stored layers in the cache."""
PATHS = 512
"""The maximum number of networks whose forward passes are cached."""
_NONE: Mapping[str, Any] = {}


@dataclass(frozen=True)
class _Plan:
    """A forward pass in which some decisions are sampled and the others mixed."""

    outputs: tuple[str, ...]
    function: Forward
    layers: SimpleNamespace
    stateless: tuple[nn.Module, ...]
    mixed: tuple[tuple[int, Mixture | Scaled], ...]
    """The mixtures whose candidates are weighted, each with its number in the generated code."""
    bases: tuple[Mixture, ...]
    """The mixtures whose weights are computed from the weights of outcomes."""
    mixes: tuple[str, ...]
    """The paths of the decisions of which the caller must give weights of outcomes."""


class ElasticNetwork(nn.Module):
    """All networks of a space over weights that are stored once, at their largest size.

    `archdsl_graph` is the graph of the space. The stored layers are ordinary children, named by their paths
    in the spec. `sampled` are the decisions that change the size of a tensor, its presence, or the origins of
    its channels: a forward pass uses one outcome of each. All other decisions may be mixed.
    """

    def __init__(
        self, simple: Simplified, widths: Widths, results: Collection[str],
        store: Mapping[str, nn.Module] = _NONE, *, checkpoint: bool = False, batch: bool = False,
    ):  # fmt: skip
        """`simple` is the simplified graph of the space, `widths` are its widths.

        `results` are the results of op calls before simplification (`scaling.results_of_calls`). `store` are
        the stored layers by the names of their weights; by default, new ones. With `batch`, a layer that a
        mixed forward pass applies to several small maps of one size is called once, on the images of all;
        results are equal up to rounding.
        """
        super().__init__()
        graph = simple.graph
        self.archdsl_graph, self._widths, self._checkpoint = graph, widths, checkpoint
        self.sampled = tuple(sampled_decisions(graph, widths))
        self._binder: Binder = Prepared()(graph)
        self._whole: Binder = Prepared()(simple.whole)
        self._instead = simple.instead
        self._entries = Entries(graph, widths, self._binder, results, batch)
        taken = set(RESERVED)
        self._stored = {weights: unique(identifier(weights), taken) for weights in widths.slots}
        for weights, attribute in self._stored.items():
            slot = widths.slots[weights]
            self._modules[attribute] = store.get(weights) or new_stored(slot.layer, slot.transforms)
        self._layers: dict[Hashable, Sliced] = {}
        self._bares: dict[Hashable, nn.Module] = {}
        """Layers without tensors, by class and settings."""
        self._lents: dict[Entry, tuple[Sliced, nn.Module]] = {}
        self._written: dict[Hashable, tuple[Forward, tuple[int, ...]]] = {}
        self._paths: OrderedDict[tuple[int, ...], Path] = OrderedDict()
        self._plans: OrderedDict[Hashable, _Plan] = OrderedDict()
        self._compiler = Compiler()
        self._planner = self._new_planner()
        self._matrices: dict[Mixture, torch.Tensor] = {}

    def _new_planner(self) -> Paths:
        return Paths(
            self._whole, self._instead, self._widths, self._entries.variable,
            self._compiler.expression, self._sliced,
        )  # fmt: skip

    def forward(
        self, *inputs: torch.Tensor, outcomes: Mapping[str, int] = _NONE, weights: Weights = _NONE
    ) -> torch.Tensor:
        """The main output (N × K × H × W), with the decisions of `outcomes` sampled and all others mixed.

        `outcomes` are outcome indices, `weights` vectors over the outcomes of a decision, both by path. The
        weights of a mixed decision sum to 1; with one-hot weights, the output is that of the network, bit for
        bit. The weights of a sampled decision are one-hot in value and have a gradient (straight-through):
        they multiply the tensor that the decision selects, and the results of op calls whose channels depend
        on it (see `scaling`).

        Raises SpecError: ARCH811 for a decision that must be sampled and is not, ARCH504 for one that is
        neither sampled nor mixed, and the errors of a network that is not well-typed.
        """
        if not weights and not self._checkpoint:
            return self.path(*inputs, outcomes=outcomes)
        (main, *_) = self.archdsl_graph.outputs
        return self._run((main,), inputs, outcomes, weights)[0]

    @property
    def compilations(self) -> int:
        """The number of compilations of forward code so far; networks that differ only in widths share
        code.
        """
        return self._compiler.count

    def forward_all(
        self, *inputs: torch.Tensor, outcomes: Mapping[str, int] = _NONE, weights: Weights = _NONE
    ) -> dict[str, torch.Tensor]:
        """All outputs by name, including train-only ones; otherwise like `forward`."""
        names = tuple(self.archdsl_graph.outputs)
        return dict(zip(names, self._run(names, inputs, outcomes, weights), strict=True))

    def _run(
        self, outputs: tuple[str, ...], inputs: Sequence[torch.Tensor], outcomes: Mapping[str, int],
        weights: Weights,
    ) -> tuple[torch.Tensor, ...]:  # fmt: skip
        plan = self._plan(outputs, outcomes, frozenset(path for path in weights if path in outcomes))
        missing = [path for path in plan.mixes if path not in weights]
        if missing:
            raise self._missing(missing)
        for layer in plan.stateless:
            layer.train(self.training)
        weighed = Weighed({base: base.weights(weights, self._matrix(base)) for base in plan.bases})
        mixed = {
            n: found.weights(weighed) if isinstance(found, Scaled) else weighed.candidates(found)
            for n, found in plan.mixed
        }
        return plan.function(plan.layers, *inputs, mixed)

    def _matrix(self, found: Mixture) -> torch.Tensor:
        matrix = self._matrices.get(found)
        if matrix is None:
            matrix = self._matrices[found] = found.matrix()
        return matrix

    def path(
        self, *inputs: torch.Tensor, outcomes: Mapping[str, int], weights: Weights | None = None
    ) -> torch.Tensor:
        """The main output (N × K × H × W) of one network; `outcomes` are outcome indices.

        Equal to the output of the module `network(outcomes)`, bit for bit, also with `weights`, whose value
        is 1 and which only pass gradients (see `forward`). Raises SpecError if the network is not well-typed.
        """
        if weights or self._checkpoint:
            return self(*inputs, outcomes=outcomes, weights=weights or _NONE)  # type: ignore[no-any-return]
        found = self._path(outcomes)
        for layer in found.stateless:
            layer.train(self.training)
        return found(*inputs)[0]

    def network(self, outcomes: Mapping[str, int], name: str = "Found") -> CompiledNetwork:
        """One network as a separate module, with copies of its weights and running statistics.

        Train-only outputs are removed. The module is in the mode (training or evaluation) of this one.
        """
        graph, taken = self._taken({p: o for p, o in outcomes.items() if p in self.archdsl_graph.decisions})
        module = build_network(replace(graph, name=name))
        for attribute, (stored, parts, transforms) in taken.items():
            own, mine = self._modules[stored], module._modules[attribute]
            assert own is not None
            assert mine is not None
            mine.load_state_dict(state_of(own, parts, transforms))
        like = next(self.parameters(), None)
        return (module if like is None else module.to(like.device, like.dtype)).train(self.training)

    def _path(self, outcomes: Mapping[str, int]) -> Path:
        graph = self.archdsl_graph
        key = tuple(outcomes.get(path, -1) for path in graph.decisions)
        found = self._paths.get(key)
        if found is None:
            main = next(iter(graph.outputs.items()))
            try:
                found = self._planner.plan(outcomes, dict([main]))
            except KeyError:
                self._binder.bind(outcomes)  # says which decisions are missing
                raise
            self._paths[key] = found
            if len(self._paths) > PATHS:
                self._paths.popitem(last=False)
        self._paths.move_to_end(key)
        return found

    def _taken(self, outcomes: Mapping[str, int]) -> tuple[Graph, dict[str, tuple[str, Parts, Transforms]]]:
        """The deployed graph of a network; for each layer, the stored layer, its slices, and its kernel
        transforms.
        """
        bound = self._binder.bind(outcomes)
        if bound.failures:
            where, number, message = bound.failures[0]
            raise SpecError([Diagnostic(number, f"`{where}`: {message}")])
        places = self._widths.places(bound, outcomes)
        whole = self._whole.bind(outcomes)
        graph = Deploy()(simplify(whole.graph, whole.shapes))
        code, node_of = lower(graph), _first_nodes(bound)
        taken = {}
        for attribute, _ in code.layers:
            weights = code.weights[attribute]
            if weights in self._widths.weights:  # a layer without weights, such as dropout, is not
                node = node_of[weights]
                name, own = self._widths.stored(node, *places[node.name])
                taken[attribute] = self._stored[name], own, self._widths.slots[name].transforms
        return graph, taken

    def _plan(self, outputs: tuple[str, ...], outcomes: Mapping[str, int], weighed: frozenset[str]) -> _Plan:
        decisions = self.archdsl_graph.decisions
        key = outputs, tuple(outcomes.get(path, -1) for path in decisions), weighed
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = self._planned(outputs, outcomes, weighed)
            if len(self._plans) > PATHS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(key)
        return found

    def _planned(
        self, outputs: tuple[str, ...], outcomes: Mapping[str, int], weighed: frozenset[str]
    ) -> _Plan:
        graph = self.archdsl_graph
        wanted = {name: graph.outputs[name] for name in outputs}
        given = {path: o for path, o in outcomes.items() if path in graph.decisions}
        found = remaining(self._entries, given, weighed, wanted)
        written = self._written.get(found.key)
        if written is None:
            if len(self._written) >= PATHS:
                self._written.clear()
            code = ForwardGenerator(found.parts(), Style(in_place=not self._checkpoint)).forward()
            function = self._compiler.segments(code) if self._checkpoint else self._compiler.steps(code)
            written = self._written[found.key] = function, code.mixtures
        function, numbers = written
        stored: dict[str, nn.Module | None] = {}  # of which checkpointing keeps the statistics
        layers, stateless = SimpleNamespace(_modules=stored), []
        attributes = layers.__dict__
        for entry in found.layers:
            attribute = entry.attribute or ""
            if entry.node.weights in self._widths.weights:
                attributes[attribute], stored[attribute] = self._lent(entry)
                continue
            assert entry.layer is not None
            stateless.append(make(entry.layer))
            attributes[attribute] = stored[attribute] = stateless[-1]
        mixed = tuple((n, found.mixtures[n]) for n in numbers)
        bases = dict.fromkeys(base for _, one in mixed for base in _bases(one))
        mixes = dict.fromkeys(path for base in bases for path in base.decisions)
        return _Plan(outputs, function, layers, tuple(stateless), mixed, tuple(bases), tuple(mixes))

    def _lent(self, entry: Entry) -> tuple[Sliced, nn.Module]:
        """The layer of a node, and the stored layer of which it is a slice."""
        found = self._lents.get(entry)
        if found is None:
            if len(self._lents) >= LAYERS:
                self._lents.clear()
            assert entry.layer is not None
            name, own = self._widths.stored(entry.node, entry.x, entry.lay.places)
            stored = self._modules[self._stored[name]]
            assert stored is not None
            found = self._lents[entry] = self._sliced(name, entry.layer, own), stored
        return found

    def _missing(self, paths: Sequence[str]) -> SpecError:
        listed = ", ".join(f"`{path}`" for path in paths[:5])
        headline = f"no outcome for {len(paths)} of the decisions of `{self.archdsl_graph.name}`: {listed}"
        help = "pass an outcome or weights for each"
        return SpecError([Diagnostic("ARCH504", headline, help=help)])

    def _sliced(self, weights: str, layer: Layer, parts: Parts) -> Sliced:
        """A layer over a slice of stored weights; cached, since networks have most of their slices in
        common.
        """
        key = weights, tuple(layer.kwargs.items()), tuple(parts.items())
        found = self._layers.get(key)
        if found is None:
            if len(self._layers) >= LAYERS:
                self._layers.clear()
                self._bares.clear()
            stored = self._modules[self._stored[weights]]
            assert stored is not None
            transforms = self._widths.slots[weights].transforms
            found = self._layers[key] = Sliced(stored, self._bare(layer, type(stored)), parts, transforms)
        return found

    def _bare(self, layer: Layer, cls: type[nn.Module]) -> nn.Module:
        """A module with the settings of `layer`, but without parameters and buffers: slices are assigned to
        it when it is called; cached.

        Its class is that of the stored layer, `cls`, which may be a synchronized batch normalization
        (`archdsl.train.synchronised`).
        """
        key = cls, layer.cls, tuple(layer.kwargs.items())
        found = self._bares.get(key)
        if found is None:
            found = self._bares[key] = bare(layer)
            found.__class__ = cls
        return found

    def __deepcopy__(self, memo: dict[int, Any]) -> ElasticNetwork:
        """A copy with separate weights; immutable parts are shared."""
        shared = (
            self.archdsl_graph,
            self._widths,
            self._binder,
            self._whole,
            self._entries,
            self._compiler,
            self._matrices,
            self._written,
        )
        memo.update((id(one), one) for one in shared)
        for own in (self._paths, self._plans):  # they are of this one's weights
            memo[id(own)] = OrderedDict()
        for cached in (self._layers, self._bares, self._lents):
            memo[id(cached)] = {}
        copy = ElasticNetwork.__new__(ElasticNetwork)
        memo[id(self)] = copy
        memo[id(self._planner)] = None
        copy.__dict__.update(deepcopy(self.__dict__, memo))
        copy._planner = copy._new_planner()
        return copy


def _first_nodes(bound: Bound) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for node in bound.graph.nodes.values():
        assert isinstance(node, Node)
        found.setdefault(node.weights, node)
    return found


def _bases(found: Mixture | Scaled) -> Iterable[Mixture]:
    return found.mixtures if isinstance(found, Scaled) else (found,)


def build(
    graph: Graph, *, bn: BN = "shared", kernels: Kernels = "cropped", checkpoint: bool = False
) -> ElasticNetwork:
    """Builds the elastic supernet of a space, in training mode.

    With `bn` "per_width", a batch normalization has separate weights and statistics for each combination of
    widths of the origins of its input, otherwise slices of one set. With `kernels` "transformed", smaller
    kernels are learned linear maps of the largest, as in once-for-all networks (arXiv:1908.09791, section
    3.3), otherwise its centre. With `checkpoint`, only tensors passed between cells are stored for the
    backward pass, which recomputes the others (gradient checkpointing).

    Raises SpecError: ARCH818 for more than 32 such combinations, ARCH810 if weights cannot be shared, ARCH801
    for too many parameters.
    """
    results, simple = results_of_calls(graph), simplified(graph)
    graph = simple.graph
    widths = Widths(graph, bn, kernels)
    params = sum(slot.params for slot in widths.slots.values())
    if params > MOST_PARAMETERS:
        headline = (
            f"the supernet of {graph.name} has {params:,} parameters; at most {MOST_PARAMETERS:,} are built"
        )
        raise SpecError([Diagnostic("ARCH801", headline)])
    return ElasticNetwork(simple, widths, results, checkpoint=checkpoint)
