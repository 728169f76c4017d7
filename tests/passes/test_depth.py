"""Which decisions are of depth: those that prune rounds, whatever their labels look like."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

import archdsl
from archdsl.diagnostics import SpecError
from archdsl.ir import Node
from archdsl.passes.analyses.depth import depths
from archdsl.passes.analyses.pruned import Pruning, pruned
from archdsl.passes.transforms.prune import Prune
from random_spaces import random_space

SPECS = Path(__file__).resolve().parents[2] / "specs"

IMPORT = 'import conv_bn_relu, zoomed_conv from "std/ops.arch"'
HEAD = f"arch 1\n\n{IMPORT}\n\nspace S {{\n  input image: [3, 16, 32]\n"
TAIL = "  output logits = y -> conv(c = 2, k = 1)\n}\n"


def depths_of(*lines: str) -> dict[str, tuple[int, ...]]:
    text = HEAD + "".join(f"  {line}\n" for line in lines) + TAIL
    return depths(archdsl.load("s.arch", text=text).space().graph)


CHAIN = ("x[0] = image -> conv(c = 8)", "stage body for i in 1..4 { x[i] = x[i - 1] -> conv_bn_relu }")


@pytest.mark.parametrize(
    ("choice", "rounds"),
    [("{1..4}", (1, 2, 3, 4)), ("{1, 2}", (1, 2)), ("{0, 2, 4}", (0, 2, 4)), ("{2, 3}", (2, 3))],
)
def test_a_decision_that_prunes_rounds_is_of_depth(choice, rounds):
    assert depths_of(*CHAIN, f"gate = one of {choice}", "y = x[gate]") == {"gate": rounds}


@pytest.mark.parametrize(
    ("lines", "rounds"),
    [
        (("gate = one of {shallow: x[2], deep: x[4]}", "y = gate"), (2, 4)),
        (("gate = one of {deep: x[4], shallow: x[2]}", "y = gate"), (4, 2)),
        (("gate = one of x[1..4]", "y = gate"), (1, 2, 3, 4)),
        (("gate = one of {4, 3, 1}", "y = x[gate]"), (4, 3, 1)),
        (("gate = one of {0..2}", "y = x[0] if gate == 0 else x[gate]"), (0, 1, 2)),
        (("gate = one of {1..4}", "y = x[gate] + (x[gate] -> relu)"), (1, 2, 3, 4)),
    ],
    ids=str,
)
def test_labels_and_their_order_do_not_matter(lines, rounds):
    assert depths_of(*CHAIN, *lines) == {"gate": rounds}


def test_a_chain_that_is_read_elsewhere_loses_no_rounds():
    assert depths_of(*CHAIN, "gate = one of {1..4}", "y = x[gate] + x[4]") == {}


def test_a_chain_without_a_stage_has_rounds_too():
    lines = ("x[0] = image -> conv(c = 8)", "x[1] = x[0] -> conv -> relu", "x[2] = x[1] -> conv -> relu")
    assert depths_of(*lines, "gate = one of {1, 2}", "y = x[gate]") == {"gate": (1, 2)}


@pytest.mark.parametrize(
    "line",
    [
        "y = x -> conv(c = 8, d = one of {1, 2})",
        "y = x -> conv(c = 8, g = one of {1, 2})",
        "y = x -> conv(c = 8, s = one of {1, 2}) -> resize(like = x)",
        "y = x -> conv(c = one of {1, 2, 3})",
        "y = x -> zoomed_conv(n = one of {1, 2})",
        "times = one of {1, 2}  y = one of {a: x -> relu, b: x -> relu -> relu}",
        "times = one of {1, 2}  y = (x -> conv) if times == 1 else (x -> conv -> conv)",
        "kind = one of {plain: x, conv: x -> conv}  y = kind",
        "n = one of {1, 2}  y = x if n == 1 else (x -> conv)",
        "stage body for i in 1..2 { kind = one of {skip: x, conv: x -> conv} x = kind }  y = x",
    ],
)
def test_settings_of_one_two_three_and_choices_of_ops_are_no_depths(line):
    assert depths_of("x = image -> conv(c = 8)", *line.split("  ")) == {}


def test_numbers_that_pick_tensors_beside_each_other_are_no_depths():
    lines = ("x[1] = image -> conv(c = 8)", "x[2] = image -> conv(c = 8, k = 5)", "k = one of {1, 2}")
    assert depths_of(*lines, "y = x[k]") == {}


@pytest.mark.parametrize("name", ["fasterseg", "gas", "template"])
def test_shipped_spaces_without_hyper_cells_have_no_depths(name):
    assert depths(archdsl.load(SPECS / f"{name}.arch").space().graph) == {}


@pytest.mark.parametrize(("name", "cells"), [("space", (2, 3, 4)), ("autortnet", (5, 10, 10))])
def test_the_gates_of_hyper_cells_are_depths(name, cells):
    found = depths(archdsl.load(SPECS / f"{name}.arch").space().graph)
    assert found == {f"hyper[{k}].gate": tuple(range(1, n + 1)) for k, n in enumerate(cells, 1)}


@pytest.mark.parametrize("name", ["space", "autortnet"])
def test_depths_are_the_same_once_a_space_is_simplified(name):
    space = archdsl.load(SPECS / f"{name}.arch").space()
    assert depths(space.through("simplify").graph) == depths(space.graph)
    assert depths(space.through("prune(hyper[1].gate = 2), simplify").graph).keys() == {
        "hyper[2].gate",
        "hyper[3].gate",
    }


@pytest.mark.parametrize("seed", range(15))
def test_simplifying_a_random_space_hides_no_depth(seed):
    space = random_space(seed)
    assert depths(space.through("simplify").graph) == depths(space.graph)


def test_what_a_round_begins_with_may_be_read_by_others():
    lines = ("x[0] = image -> conv(c = 8)", "stage body for i in 1..3 { x[i] = x[i - 1] -> relu -> conv }")
    space = archdsl.load("s.arch", text=HEAD + "".join(f"  {line}\n" for line in (
        *lines, "gate = one of {1..3}", "y = x[gate] + (x[gate] -> relu) + (x[1] -> relu -> max_pool)"
    )) + TAIL).space()  # fmt: skip
    assert depths(space.graph) == depths(space.through("simplify").graph) == {"gate": (1, 2, 3)}


def test_a_round_that_hands_on_what_it_begins_with_is_kept():
    stage = (
        "stage body for i in 1..2 { h = x -> relu -> max_pool  kind = one of {a: h, b: h -> conv}  x = kind }"
    )
    assert depths_of("x = image -> conv(c = 8)", *stage.split("  "), "y = x") == {}


def gone_and_found(graph, path):
    """By outcome, the nodes that pruning to it removes, and those that are found to be removed by it."""
    for outcome, found in zip(graph.decisions[path].outcomes, pruned(graph, path), strict=True):
        with suppress(SpecError):  # an output that is not there under this outcome
            yield graph.nodes.keys() - Prune({path: outcome})(graph).nodes.keys(), found


@pytest.mark.parametrize("seed", range(40))
def test_what_dominators_say_is_pruned_is_pruned(seed):
    graph = random_space(seed).graph
    for path in graph.decisions:
        for gone, found in gone_and_found(graph, path):
            assert found <= gone


@pytest.mark.parametrize("seed", range(20))
def test_a_part_of_a_graph_is_pruned_as_in_the_whole(seed):
    graph = random_space(seed).graph
    pruning = Pruning(graph)
    for path in graph.decisions:
        for since in range(0, len(graph.nodes), 7):
            whole = (frozenset(n for n in gone if pruning.place[n] >= since) for gone in pruned(graph, path))
            assert pruning.by_outcome(path, since) == tuple(whole)


def test_dominators_find_all_that_a_gate_prunes():
    graph = archdsl.load(SPECS / "space.arch").space().graph
    for path in depths(graph):
        for gone, found in gone_and_found(graph, path):
            nodes = {name for name, item in graph.nodes.items() if isinstance(item, Node)}
            assert gone & nodes == found & nodes
        assert len(pruned(graph, path)[0]) > 20
