"""Lifts a model: the model is traced and recognized, its spec is written, read back, and compared with the
model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from archdsl.backends.straightline import lower
from archdsl.backends.torch_module import CompiledNetwork
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.fold.writing import folded
from archdsl.ir.graph import Graph
from archdsl.ir.same import paired
from archdsl.lift.comparing import difference
from archdsl.lift.composing import Weights, composed
from archdsl.lift.holes import fed, recognized
from archdsl.lift.recognizing import Hole, Recognized
from archdsl.lift.tracing import Trace, changed_part, traced
from archdsl.ops.lifting import FixedSizes, Rows
from archdsl.passes.transforms.simplify import simplify
from archdsl.program import Network, load

LARGEST_DIFFERENCE = 1e-4
"""The maximum difference of outputs, relative to the largest; float32 sums in another order differ less."""


@dataclass(frozen=True)
class Lifted:
    """A model as a network. `text` is its spec, `module` has the model's weights.

    `difference` is the largest difference of outputs, relative to the model's largest value. `holes` are the
    parts that could not be lifted.
    """

    text: str
    network: Network
    module: CompiledNetwork
    holes: Sequence[Hole]
    difference: float
    missing: int
    """The number of parameters of the model that are not in the network."""


def lift(model: torch.nn.Module, sizes: Sequence[FixedSizes], name: str, notes: Sequence[str] = ()) -> Lifted:
    """Lifts a model to a network with inputs of these sizes (channels, height, width).

    Raises SpecError: ARCH831 if the model cannot be traced, ARCH833 if an output cannot be lifted at all, or
    if outputs of the network differ from the model's.
    """
    trace = traced(model, sizes)
    found = recognized(trace, name)
    stored = {node: {own: Rows(name) for own, name in known.items()} for node, known in found.weights.items()}
    graph, weights = composed(_with_fed(trace, found), stored)
    remarks = {hole.name: f"not lifted: {hole}" for hole in found.holes}
    text = folded(graph, notes, remarks)
    network = load(f"{name}.arch", text=text).network(name)
    module = network.module()
    _give_weights(module, paired(network.graph, graph), trace, weights)
    module.eval()
    error = difference(trace, found, module)
    if error > LARGEST_DIFFERENCE:
        headline = f"outputs of the lifted network differ from the model's by {error:.1e} of the largest"
        part = next((call for node in trace.nodes if (call := changed_part(node))), None)
        help = (
            f"the model changes a part of a tensor in place ({part}); compute a new tensor instead"
            if part
            else "please report it with the model: one of its operators was converted incorrectly"
        )
        raise SpecError([Diagnostic("ARCH833", headline, help=help)])
    missing = sum(p.numel() for p in model.parameters()) - network.params
    return Lifted(text, network, module, found.holes, error, max(missing, 0))


def _with_fed(trace: Trace, found: Recognized) -> Graph:
    graph = found.graph
    if not graph.outputs:
        call = found.unknown[0] if found.unknown else None
        what = f": no primitive computes {call.target}" if call is not None else ""
        raise SpecError([Diagnostic("ARCH833", f"no output of the model can be converted to a spec{what}")])
    own = {f"into_{n}": name for n, name in enumerate(fed(trace, found), start=1)}
    return simplify(replace(graph, outputs={**graph.outputs, **own}))


def _give_weights(module: CompiledNetwork, names: Mapping[str, str], trace: Trace, weights: Weights) -> None:
    """Copies the model's weights to the layers of the network; `names` pairs their nodes."""
    state = module.state_dict()  # the module's own tensors, not copies
    owners: dict[str, list[str]] = {}
    for key in state:
        for end in (n for n, letter in enumerate(key) if letter == "."):
            owners.setdefault(key[:end], []).append(key)
    graph = module.archdsl_graph
    layers = {name: attribute for attribute, name in lower(graph).weights.items()}
    for node, original in names.items():
        attribute = layers.get(graph.nodes[node].weights)  # type: ignore[union-attr]
        known = weights.get(original)
        if attribute is None or not known:
            continue
        beside = next(iter(known.values())).stored.rpartition(".")[0]
        for key in owners.get(attribute, ()):
            own = key.removeprefix(f"{attribute}.")
            rows = known.get(own, Rows(f"{beside}.{own}"))
            stored = trace.stored.get(rows.stored)
            if stored is not None:
                part = stored[rows.first : rows.last] if stored.dim() else stored
                state[key].copy_(part.detach().reshape(state[key].shape))
