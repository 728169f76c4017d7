"""Distributing a decision over its block changes what a supernet blends, and no network."""

from __future__ import annotations

import random

import pytest

import archdsl
from archdsl import ops
from archdsl.diagnostics import SpecError
from archdsl.ir import Graph, Mux
from archdsl.ir.verify import verify
from archdsl.passes.identity import identity
from archdsl.passes.transforms.bind import Prepared
from archdsl.passes.transforms.distribute import Distribute
from archdsl.passes.transforms.simplify import simplify

TWO_INPUTS = """arch 1
space S {
  input image: [3, 16, 32]
  a = image -> conv(c = 4)
  b = image -> conv(c = 4, k = 1)
  stage cells for i in 1..2 {
    x = one of {first: a if i == 1 else y[i - 1], second: b}
    kind = one of {small: 3, large: 5}
    z = x -> conv(c = 4, k = kind, d = one of {1, 2}) -> bn -> relu
    y[i] = z + x
  }
  output logits = y[2] -> conv(c = 2, k = 1)
}
"""


def same_networks(before: Graph, after: Graph, draws: int) -> None:
    rng = random.Random(0)
    for _ in range(draws):
        outcomes = {path: rng.randrange(one.size) for path, one in before.decisions.items()}
        first, second = (Prepared()(graph).bind(outcomes) for graph in (before, after))
        assert not first.failures
        assert not second.failures
        assert identity(simplify(first.graph, first.shapes)) == identity(
            simplify(second.graph, second.shapes)
        )


@pytest.mark.parametrize("which", ["x", "cells[1].x", "cells[2].x", "kind"])
def test_networks_stay_the_same(which: str) -> None:
    graph = archdsl.load(TWO_INPUTS).space().searched
    after = Distribute(which)(graph)
    verify(after, ops.primitives())
    same_networks(graph, after, 32)


def test_weights_are_shared_by_the_copies_and_nothing_is_added_to_them() -> None:
    graph = archdsl.load(TWO_INPUTS).space().searched
    after = Distribute("x")(graph)
    assert {node.weights for node in after.nodes.values() if not isinstance(node, Mux)} == {
        node.weights for node in graph.nodes.values() if not isinstance(node, Mux)
    }


def test_outputs_of_a_cell_are_chosen_instead_of_its_inputs() -> None:
    after = Distribute("cells[1].x")(archdsl.load(TWO_INPUTS).space().searched)
    (mux,) = [one for one in after.nodes.values() if isinstance(one, Mux) and one.on == "cells[1].x"]
    assert all(after.nodes[source].op == "add" for source in mux.inputs)  # type: ignore[union-attr]


def test_cells_of_fasterseg_run_on_both_inputs() -> None:
    graph = archdsl.load("specs/fasterseg.arch").space(layers=5).searched
    after = Distribute("x")(graph)
    verify(after, ops.primitives())
    same_networks(graph, after, 8)
    convolutions = [
        sum(n.op == "conv" for n in g.nodes.values() if not isinstance(n, Mux)) for g in (graph, after)
    ]
    assert convolutions[1] > 1.3 * convolutions[0]


def test_an_unknown_decision_is_named() -> None:
    with pytest.raises(SpecError, match=r"unknown decision `cells\[3\]\.x`"):
        Distribute("cells[3].x")(archdsl.load(TWO_INPUTS).space().searched)
