"""Checks whether a search can use shared weights. Does not import torch, since `check` uses this module."""

from __future__ import annotations

from random import Random
from typing import Any

from archdsl.backends.elastic.widths import Widths
from archdsl.configs.evaluators import Weights
from archdsl.configs.sharing import Progressive, Sandwich
from archdsl.ir import Graph, Node
from archdsl.passes.transforms.bind import Prepared
from archdsl.passes.transforms.simplify import simplify
from archdsl.search.differentiable.sharing import demand_kernels
from archdsl.search.evaluators.shrinking import SANDWICH, networks_of, shrinking_schedule
from archdsl.search.terms import cannot, configured

SAMPLES = 16
"""The number of random networks checked, in addition to those of the first and of the last outcomes."""


def demand_settings(config: Weights, graph: Graph) -> None:
    """Raises SpecError (ARCH606) for settings of `weights` that contradict each other or the space."""
    term: Any = config.train
    if config.path is not None and term is not None:
        headline = "`path` and `train` of `weights` cannot be combined"
        raise cannot(headline, "remove one of them", getattr(term, "at", None))
    if config.path is not None and config.distill is not None:
        raise cannot("`path` and `distill` of `weights` cannot be combined", "remove one of them")
    if config.distill == "in_place" and not has_largest(config):
        headline = (
            "`distill = in_place` needs the largest network in each step, which `train` does not sample"
        )
        raise cannot(headline, "train = sandwich, or remove `distill`", getattr(term, "at", None))
    rule = None if term is None else configured(term)
    if isinstance(rule, Progressive):
        shrinking_schedule(rule, graph.decisions, term.at)


def has_largest(config: Weights) -> bool:
    """Whether the first network of each training step is the largest: if the sandwich rule is used."""
    rule = configured(config.train or SANDWICH)
    return isinstance(networks_of(rule) if isinstance(rule, Progressive) else rule, Sandwich)


def demand_weights(config: Weights, graph: Graph) -> None:
    """Raises SpecError if the evaluator `weights` does not support a space.

    ARCH606: as `demand_settings`; ARCH810 and ARCH818: networks cannot share weights, which is checked for
    the stored weights and for some networks.
    """
    demand_settings(config, graph)
    if config.path is None:
        demand_kernels(config.kernels, graph)
        simple = simplify(graph)
        demand_shared_weights(simple, Widths(simple, config.bn, config.kernels))


def demand_shared_weights(graph: Graph, widths: Widths) -> None:
    """Raises SpecError (ARCH810) if a layer of a checked network is not a slice of the stored weights."""
    binder, rng = Prepared()(graph), Random(0)
    sizes = {path: decision.size for path, decision in graph.decisions.items()}
    tried = [dict.fromkeys(sizes, 0), {path: size - 1 for path, size in sizes.items()}]
    tried += [{path: rng.randrange(size) for path, size in sizes.items()} for _ in range(SAMPLES)]
    for outcomes in tried:
        bound = binder.bind(outcomes)
        if bound.failures:
            continue  # not well-typed: the check of the space says so
        places = widths.places(bound, outcomes)
        for name, node in bound.graph.nodes.items():
            if isinstance(node, Node) and node.weights in widths.weights:
                widths.stored(node, *places[name])
