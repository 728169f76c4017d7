"""The supernet that a search trains."""

from __future__ import annotations

from typing import Union

from archdsl.backends.elastic.network import ElasticNetwork
from archdsl.backends.elastic.network import build as build_elastic
from archdsl.backends.supernet.module import SuperNetwork
from archdsl.backends.supernet.module import build as build_candidates
from archdsl.ir import Graph
from archdsl.search.differentiable.sharing import is_elastic

Supernet = Union[SuperNetwork, ElasticNetwork]


def build(graph: Graph, share: str | None, *, fuse: bool = False, checkpoint: bool = False) -> Supernet:
    """The supernet of a space, in training mode: elastic weights, or a layer for each candidate.

    `share` is the setting of the search; `fuse` applies to layers of candidates alone.  Raises SpecError as
    both do.
    """
    if is_elastic(share, graph):
        return build_elastic(graph, checkpoint=checkpoint)
    return build_candidates(graph, fuse=fuse, checkpoint=checkpoint)
