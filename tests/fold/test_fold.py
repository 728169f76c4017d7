"""Networks written with their repeated parts once: the text elaborates to an equal network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import archdsl
from archdsl.fold.writing import folded
from archdsl.ir.graph import Graph
from archdsl.ir.same import canonical_text
from archdsl.passes.transforms.simplify import simplify
from archdsl.spec.decompile import written_out
from graphs import Network
from random_networks import networks

SPECS = Path(__file__).parent.parent.parent / "specs"


def read_back(text: str, name: str) -> Graph:
    return archdsl.load("folded.arch", text=text).network(name).with_train_outputs().graph


def without_ops(graph: Graph) -> Graph:
    """The network as one flat list of primitives, as it is traced or written out."""
    nodes = {name: replace(node, instance=None) for name, node in graph.nodes.items()}
    return replace(graph, nodes=nodes, instances={})


def is_same(text: str, graph: Graph) -> bool:
    return canonical_text(read_back(text, graph.name)) == canonical_text(simplify(graph))


@pytest.mark.parametrize("spec", ["plain", "autortnet_c", "fasterseg_student", "camvid_found", "gas_like"])
@pytest.mark.parametrize("flat", [False, True], ids=["ops", "flat"])
def test_a_network_that_ships_is_folded_to_fewer_lines_that_mean_the_same(spec, flat):
    graph = archdsl.load(SPECS / f"{spec}.arch").network().with_train_outputs().graph
    graph = without_ops(graph) if flat else graph
    text = folded(graph)
    assert is_same(text, graph)
    assert len(text.splitlines()) < len(written_out(graph).splitlines()) / 2


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(graph=networks(most=10))
def test_a_random_network_is_folded_to_an_equal_one(graph):
    graph = replace(graph, name="Random")
    assert is_same(folded(simplify(graph)), graph)


@st.composite
def repeating(draw: Any) -> Graph:
    """A network of a few random blocks, each of which occurs several times with other numbers."""
    net = Network((3, 16, 24), "Repeating")
    recipes = draw(
        st.lists(st.lists(st.sampled_from("cbrd+2"), min_size=2, max_size=5), min_size=1, max_size=3)
    )
    x, number = "image", 0
    for recipe in draw(st.lists(st.sampled_from(recipes), min_size=2, max_size=7)):
        c, k = draw(st.sampled_from([4, 8])), draw(st.sampled_from([1, 3]))
        start = x
        for step in recipe:
            number += 1
            name = f"s{number}"
            if step == "c":
                x = net.conv(x, c=c, k=k, name=name)
            elif step == "b":
                x = net.bn(x, name=name)
            elif step == "r":
                x = net.relu(x, name=name)
            elif step == "d":
                x = net.dwconv(x, k=3, name=name)
            elif step == "2":
                x = net.concat(x, start, name=name)
            elif net.shapes[x] == net.shapes[start] and x != start:
                x = net.add(x, start, name=name)
    return net.graph(y=x) if x != "image" else net.graph(y=net.relu(x, name="last"))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(graph=repeating())
def test_repeated_blocks_with_other_numbers_are_folded_to_an_equal_network(graph):
    assert is_same(folded(simplify(graph)), graph)


def chain(*widths: int) -> Graph:
    net = Network((3, 16, 16), "Chain")
    x = "image"
    for n, c in enumerate(widths):
        x = net.conv(x, c=c, name=f"c{n}")
        x = net.bn(x, name=f"b{n}")
        x = net.relu(x, name=f"r{n}")
    return net.graph(y=x)


def test_numbers_that_differ_are_settings_and_channels_that_stay_are_the_default():
    text = folded(chain(8, 8, 8, 16))
    assert "op conv_bn_relu(x; c: int = x.c) = x -> conv(c = c) -> bn -> relu" in text
    assert "-> conv_bn_relu(c = 8)" in text
    assert "-> conv_bn_relu(c = 16)" in text


def test_channels_are_expressed_by_those_of_the_input():
    net = Network((4, 16, 16), "Doubling")
    x = "image"
    for n in range(4):
        x = net.conv(x, c=8 * 2**n, name=f"c{n}")
        x = net.conv(x, c=8 * 2**n, k=1, name=f"p{n}")
        x = net.relu(x, name=f"r{n}")
    assert "conv(c = 2 * x.c) -> conv(k = 1) -> relu" in folded(net.graph(y=x))


def test_an_op_in_a_row_is_a_stage():
    text = folded(chain(8, 8, 8, 8, 8, 8))
    assert "repeat 6" in text


def test_shared_weights_are_tied():
    net = Network((8, 16, 16), "Tied")
    x = net.conv("image", c=8, name="a", weights="w")
    x = net.conv(net.relu(x, name="r"), c=8, name="b", weights="w")
    graph = net.graph(y=x)
    text = folded(graph)
    assert text.count("tie ") == 1
    assert is_same(text, graph)
