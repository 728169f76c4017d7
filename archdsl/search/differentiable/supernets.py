"""The supernet that a search trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Union

from torch import nn

from archdsl.backends.elastic.network import ElasticNetwork
from archdsl.backends.elastic.network import build as build_elastic
from archdsl.backends.elastic.shared import build as build_shared
from archdsl.backends.supernet.module import SuperNetwork
from archdsl.backends.supernet.module import build as build_candidates
from archdsl.configs.sharing import BN
from archdsl.ir import Graph
from archdsl.search.config import SearchConfig
from archdsl.search.differentiable.sharing import is_elastic
from archdsl.search.terms import cannot

Supernet = Union[SuperNetwork, ElasticNetwork]


def build(
    graph: Graph, share: str | None, bn: BN = "shared", *, fuse: bool = False, checkpoint: bool = False
) -> Supernet:
    """The supernet of a space, in training mode: elastic weights, or a layer for each candidate.

    `share` and `bn` are settings of the search; `fuse` has no effect on elastic weights. Raises SpecError as
    both kinds do, and ARCH606 for a `bn` that requires elastic weights.
    """
    if is_elastic(share, graph):
        return build_elastic(graph, bn=bn, checkpoint=checkpoint)
    if bn != "shared":
        help = "set share = elastic, or leave `bn` out"
        raise cannot(f"`bn = {bn}` applies to elastic weights, which {graph.name} does not have", help)
    return build_candidates(graph, fuse=fuse, checkpoint=checkpoint)


def build_all(
    graphs: Mapping[str, Graph], config: SearchConfig, *, checkpoint: bool = False
) -> tuple[nn.Module, dict[str, Supernet]]:
    """The supernet of the members of a search, and the module that computes each member, by name.

    Raises SpecError as `build`.
    """
    if not config.members:
        ((name, graph),) = graphs.items()
        net = build(graph, config.share, config.bn, fuse=True, checkpoint=checkpoint)
        return net, {name: net}
    shared = build_shared(graphs, config.private, bn=config.bn, checkpoint=checkpoint)
    return shared, {**shared.members}
