"""Elastic supernets of several spaces over one set of weights, for the networks of a co-search."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from torch import nn

from archdsl.backends.elastic.network import ElasticNetwork
from archdsl.backends.elastic.scaling import results_of_calls
from archdsl.backends.elastic.slices import new_stored
from archdsl.backends.elastic.slots import Slot, merged
from archdsl.backends.elastic.widths import Widths
from archdsl.backends.naming import RESERVED, identifier, unique
from archdsl.backends.torch_module import MOST_PARAMETERS
from archdsl.configs.sharing import BN, Kernels
from archdsl.diagnostics import Diagnostic, SpecError, closest
from archdsl.ir import Graph, Mux, Node
from archdsl.passes.transforms.simplify import Simplified, simplified


class SharedNetworks(nn.Module):
    """Elastic supernets of several spaces over the same stored layers; `members` are the supernets by name.

    The stored layers are children of this module, whose mode and device also apply to its members. Blocks of
    members are often evaluated on several inputs (`Distribute`), so layers are called on batches of these.
    """

    def __init__(
        self, spaces: Mapping[str, Simplified], slots: Mapping[str, Slot], widths: Mapping[str, Widths],
        results: Mapping[str, Collection[str]], checkpoint: bool,
    ):  # fmt: skip
        super().__init__()
        taken = set(RESERVED)
        attributes = {weights: unique(identifier(weights), taken) for weights in slots}
        store = {weights: new_stored(slot.layer, slot.transforms) for weights, slot in slots.items()}
        for weights, module in store.items():
            self._modules[attributes[weights]] = module
        # In a plain dict, as each stored layer is a child once.
        self.members: dict[str, ElasticNetwork] = {
            name: ElasticNetwork(
                simple, widths[name], results[name], store, checkpoint=checkpoint, batch=True
            )
            for name, simple in spaces.items()
        }

    def train(self, mode: bool = True) -> SharedNetworks:
        """Sets training or evaluation mode, also of the members."""
        super().train(mode)
        for member in self.members.values():
            member.train(mode)
        return self


def build(
    graphs: Mapping[str, Graph], private: Collection[str] = (), *, bn: BN = "shared",
    kernels: Kernels = "cropped", checkpoint: bool = False,
) -> SharedNetworks:  # fmt: skip
    """Builds elastic supernets of spaces, by name, in training mode.

    Layers of equal name in several spaces share their weights, stored at their largest size in any of them,
    except in the parts in `private` (a name of the space, `stem`, or a path, `keep[0, 8]`), for which each
    space has separate weights. `bn` and `kernels` are as for one space (`network.build`).

    Raises SpecError: ARCH810 if weights cannot be shared, ARCH818 for too many combinations of widths,
    ARCH606 for a part without weights, ARCH801 for too many parameters.
    """
    own = {name: simplified(_with_private(graph, name, private)) for name, graph in graphs.items()}
    widths = {name: Widths(simple.graph, bn, kernels) for name, simple in own.items()}
    slots = merged(one.slots for one in widths.values())
    params = sum(slot.params for slot in slots.values())
    if params > MOST_PARAMETERS:
        headline = f"the supernet has {params:,} parameters; at most {MOST_PARAMETERS:,} are built"
        raise SpecError([Diagnostic("ARCH801", headline)])
    for one in widths.values():
        one.slots = {weights: slots[weights] for weights in one.slots}
    results = {name: results_of_calls(graph) for name, graph in graphs.items()}
    return SharedNetworks(own, slots, widths, results, checkpoint)


def _with_private(graph: Graph, name: str, private: Collection[str]) -> Graph:
    """A graph in which the names of private weights are prefixed by the name of the space."""
    nodes: dict[str, Node | Mux] = {}
    found: set[str] = set()
    for key, item in graph.nodes.items():
        if isinstance(item, Node):
            part = next((part for part in private if _is_in(item.weights, part)), None)
            if part is not None:
                found.add(part)
                item = replace(item, weights=f"{name}.{item.weights}")
        nodes[key] = item
    for part in private:
        if part not in found:
            known = {item.weights.split(".")[0] for item in graph.nodes.values() if isinstance(item, Node)}
            guess = closest(part, sorted(known))
            help = f"did you mean `{guess}`?" if guess else "name a part of the space that has layers"
            headline = f"no layer of {graph.name} is in the private part `{part}`"
            raise SpecError([Diagnostic("ARCH606", headline, help=help)])
    return replace(graph, nodes=nodes)


def _is_in(weights: str, part: str) -> bool:
    """Whether weights belong to a part of a space; a part without an index matches all indices."""
    rest = weights.removeprefix(part)
    return rest != weights and rest[:1] in ("", ".", "[")
