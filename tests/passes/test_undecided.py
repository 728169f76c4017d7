"""The part of a space that no decision changes."""

from __future__ import annotations

import random

import pytest

import archdsl
from archdsl.passes.analyses.undecided import boundary, undecided
from archdsl.resources import specs_folder
from random_spaces import random_space


@pytest.mark.parametrize("seed", range(30))
def test_nodes_that_are_undecided_are_the_same_in_every_network(seed: int) -> None:
    space = random_space(seed)
    found, rng = undecided(space.graph), random.Random(seed)
    graphs = [space.bind(space.sample(rng)).graph for _ in range(8)]
    for name in found:
        alike = {
            repr((graph.nodes[name].inputs, graph.nodes[name].attrs))
            for graph in graphs
            if name in graph.nodes
        }
        assert len(alike) <= 1
    for name in found:  # all that they are computed from is undecided as well
        assert set(space.graph.nodes[name].inputs) <= found | space.graph.inputs.keys()


def test_the_encoder_of_the_template_space_is_found() -> None:
    graph = archdsl.load(specs_folder() / "template.arch").space().searched
    found = undecided(graph)
    assert len(found) == 54
    assert [name.split(".")[1] for name in boundary(graph, found)] == ["quarter", "eighth"]


def test_what_only_one_candidate_needs_is_decided() -> None:
    text = """arch 1
    space S {
      input image: [3, 8, 8]
      stem = image -> conv(c = 4)
      y = one of {long: stem -> conv -> relu, short: stem}
      output logits = y -> conv(c = 2)
    }
    """
    assert undecided(archdsl.load(text).space().graph) == {"stem"}
