"""Extracts a network with inherited weights from the supernet of a search."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import torch

from archdsl.backends.torch_module import CompiledNetwork
from archdsl.configs.sharing import BN, Kernels
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.passes.transforms.deployed import Deploy
from archdsl.program import Network, load
from archdsl.runs.restoring import Unfit, like
from archdsl.search.differentiable.supernets import Supernet, build
from archdsl.search.folder import SearchFolder
from archdsl.search.pruning import pruned
from archdsl.train.evaluation import inputs_of


def supernet_of(
    folder: SearchFolder,
    network: Network,
    spec: Path,
    passes: str | None = None,
    share: str | None = None,
    bn: BN = "shared",
    kernels: Kernels = "cropped",
    outputs: Collection[str] = (),
) -> tuple[Supernet, int]:
    """The supernet of a search's newest checkpoint, and its step.

    `network` is a network of its space, from the file `spec`; `passes`, `share`, `bn` and `kernels` are
    settings of the search, `outputs` those that its losses name.

    Raises SpecError: ARCH911 without a checkpoint, ARCH913 if it belongs to another space, ARCH505 for a
    network that is not written as decisions of a space.
    """
    if network.origin is None or network.source is None:
        raise SpecError([Diagnostic("ARCH505", f"{network.name} is not written as decisions in a space")])
    space = pruned(load(spec.parent / network.source).space(network.origin, **network.given), passes)
    graph = Deploy(keep_decisions=False, kept=frozenset(outputs))(space.graph)
    net = build(graph, share, bn, kernels).eval()
    return net, loaded(net, folder, network)


def loaded(net: torch.nn.Module, folder: SearchFolder, network: Network) -> int:
    """Loads the newest checkpoint of a search into a supernet of its space; returns its step.

    Raises SpecError: ARCH911 without a checkpoint, ARCH913 if it belongs to another space than `network`.
    """
    found = folder.checkpoints.latest()
    if found is None:
        raise SpecError([Diagnostic("ARCH911", f"{folder.path} has no checkpoint")])
    step, state = found
    try:
        net.load_state_dict(like(state, "net", dict(net.state_dict())))
    except Unfit as error:
        headline = f"the supernet in {folder.path} belongs to another space than {network.name}"
        raise SpecError([Diagnostic("ARCH913", headline, help=str(error))]) from error
    return step


def extract(net: Supernet, network: Network) -> CompiledNetwork:
    """The network as a module, with copies of the supernet's weights and batch-norm statistics.

    In evaluation, its logits equal those of the supernet's path bit for bit.
    """
    return net.network(outcomes_of(net, network), network.name).eval()


def outcomes_of(net: Supernet, network: Network) -> Mapping[str, int]:
    """The outcomes of a network by index; 0 for inactive decisions.

    Decisions of train-only outputs are not in the supernet.
    """
    decisions = net.archdsl_graph.decisions
    first = dict.fromkeys(decisions, 0)
    chosen = {path: outcome for path, outcome in network.chosen.items() if path in decisions}
    return first | {path: decisions[path].index[outcome] for path, outcome in chosen.items()}


def recalibrate(module: torch.nn.Module, batches: list[torch.Tensor]) -> None:
    """Recomputes batch-norm running statistics as plain means over batches of images, with maps as further
    channels where the network reads them (N × C × H × W).
    """
    norms = [m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    before = [(norm, norm.momentum) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    training = module.training
    module.train()
    with torch.no_grad():
        for images_B3HW in batches:
            module(*inputs_of(module, images_B3HW))
    module.train(training)
    for norm, momentum in before:
        norm.momentum = momentum
