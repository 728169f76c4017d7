"""Builds the supernet that a differentiable search trains, and loads its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

from torch import nn

from archdsl.backends.elastic.network import ElasticNetwork
from archdsl.backends.elastic.network import build as build_elastic
from archdsl.backends.elastic.shared import build as build_shared
from archdsl.backends.supernet.module import SuperNetwork
from archdsl.backends.supernet.module import build as build_candidates
from archdsl.configs.sharing import BN, Kernels
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir import Graph
from archdsl.runs.restoring import Unfit, like
from archdsl.search.config import SearchConfig
from archdsl.search.differentiable.sharing import is_elastic

Supernet = Union[SuperNetwork, ElasticNetwork]


def build(
    graph: Graph, share: str | None, bn: BN = "shared", kernels: Kernels = "cropped", *, fuse: bool = False,
    checkpoint: bool = False,
) -> Supernet:  # fmt: skip
    """The supernet of a space, in training mode: with elastic weights, or with a layer for each candidate.

    `share`, `bn` and `kernels` are settings of the search; `fuse` has no effect on elastic weights;
    `checkpoint` enables gradient checkpointing. Raises SpecError as the functions `build` of both kinds.
    """
    if is_elastic(share, graph):
        return build_elastic(graph, bn=bn, kernels=kernels, checkpoint=checkpoint)
    return build_candidates(graph, fuse=fuse, checkpoint=checkpoint)


def load_weights(net: nn.Module, state: Mapping[str, Any], folder: Path, name: str) -> None:
    """Loads the weights of a supernet from the state of a checkpoint of the run in `folder`.

    Raises SpecError (ARCH913) if the checkpoint belongs to another space; `name` is the space or network in
    the message.
    """
    try:
        net.load_state_dict(like(state, "net", dict(net.state_dict())))
    except Unfit as error:
        headline = f"the supernet in {folder} belongs to another space than {name}"
        raise SpecError([Diagnostic("ARCH913", headline, help=str(error))]) from error


def build_all(
    graphs: Mapping[str, Graph], config: SearchConfig, *, fuse: bool = True, checkpoint: bool = False
) -> tuple[nn.Module, dict[str, Supernet]]:
    """The module with the weights of all members of a search, and the supernet of each member, by name.

    Raises SpecError as `build`.
    """
    if not config.members:
        ((name, graph),) = graphs.items()
        net = build(graph, config.share, config.bn, config.kernels, fuse=fuse, checkpoint=checkpoint)
        return net, {name: net}
    shared = build_shared(graphs, config.private, bn=config.bn, kernels=config.kernels, checkpoint=checkpoint)
    return shared, {**shared.members}
