"""Extracts a network with inherited weights from the supernet of a search."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from archdsl.backends.torch_module import CompiledNetwork
from archdsl.program import Network
from archdsl.search.differentiable.supernets import Supernet
from archdsl.train.evaluation import inputs_of


def extract(net: Supernet, network: Network) -> CompiledNetwork:
    """A network as a module in eval mode, with copies of the supernet's weights and batch-norm statistics.

    Its outputs equal those of the supernet for the same outcomes, bit for bit.
    """
    return net.network(outcomes_of(net, network), network.name).eval()


def outcomes_of(net: Supernet, network: Network) -> Mapping[str, int]:
    """The outcome indices of a network by decision of the supernet; 0 for inactive decisions.

    Decisions on which only train-only outputs depend are omitted, as the supernet does not have them.
    """
    decisions = net.archdsl_graph.decisions
    first = dict.fromkeys(decisions, 0)
    chosen = {path: outcome for path, outcome in network.chosen.items() if path in decisions}
    return first | {path: decisions[path].index[outcome] for path, outcome in chosen.items()}


def recalibrate(module: torch.nn.Module, batches: list[torch.Tensor]) -> None:
    """Recomputes the batch-norm running statistics of a module as means over these batches.

    A batch is N × C × H × W: images, with the maps that the network reads as further channels.
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
