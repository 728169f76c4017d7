"""Shapes, costs and layer tables of networks."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

import graphs
from archdsl.diagnostics import Location, Source, SpecError
from archdsl.ir.graph import Decision, Graph, Instance
from archdsl.ops.base import Cost
from archdsl.passes.analyses.shapes import infer
from archdsl.passes.costs.cost import costs, total
from archdsl.passes.costs.layers import layer_table, totals
from graphs import Network


def at(graph: Graph, node: str, source: Source, start: int) -> Graph:
    """The graph with a node that says where it is written."""
    placed = replace(graph.nodes[node], location=Location(source, start, start + 1))
    return replace(graph, nodes={**graph.nodes, node: placed})


def mistaken() -> Graph:
    """Two sums that do not fit, and a third that reads one of them."""
    net = Network((3, 8, 8))
    a, b = net.conv("image", c=4, name="a"), net.conv("image", c=5, name="b")
    first = net.add(a, b, name="first")
    second = net.add(net.max_pool(a, s=2, name="half"), a, name="second")
    third = net.add(first, net.conv("image", c=9, name="c"), name="third")
    return net.graph(x=second, y=third)


def test_all_mistakes_are_reported_at_once_but_not_those_that_follow_from_others():
    with pytest.raises(SpecError) as caught:
        infer(mistaken())
    assert [(d.code, d.headline.split(":")[0]) for d in caught.value.diagnostics] == [
        ("ARCH301", "first"),
        ("ARCH302", "second"),
    ]


def test_a_mistake_is_located_where_the_node_is_written():
    source = Source("net.arch", "x = a + b\n")
    with pytest.raises(SpecError) as caught:
        infer(at(mistaken(), "first", source, 6))
    primary = caught.value.diagnostics[0].primary
    assert primary is not None
    assert str(primary.location) == "net.arch:1:7"


def test_a_stride_that_does_not_divide_is_no_mistake_of_a_network():
    net = Network((3, 7, 9))
    assert infer(net.graph(y=net.conv("image", c=4, s=2, name="y")))["y"] == (4, 4, 5)


def test_spaces_have_no_single_shape():
    graph = replace(graphs.tied(), decisions={"d": Decision("d", ("a", "b"))})
    with pytest.raises(ValueError, match="bind"):
        infer(graph)


def test_shared_weights_are_counted_at_their_first_use_and_operations_at_every_use():
    graph = graphs.tied((3, 8, 8))
    found = costs(graph)
    assert found["left.conv"] == Cost(params=4 * 4 * 9, macs=4 * 4 * 9 * 64)
    assert found["right.conv"] == Cost(params=0, macs=4 * 4 * 9 * 64)
    assert found["left.bn"] == Cost(params=8)
    assert found["right.bn"] == Cost()
    assert total(found.values()) == Cost(2 * 3 * 4 * 9 + 4 * 4 * 9 + 8, (2 * 3 * 4 * 9 + 2 * 4 * 4 * 9) * 64)


def separable() -> Graph:
    net = Network((3, 16, 32), "Separable")
    net.instances["down"] = Instance("down", "op", "sep_conv")
    x = net.conv("image", c=8, bias=True, name="stem")
    y = net.dwconv(x, s=2, name="down.dwconv", instance="down")
    y = net.conv(y, c=4, k=1, name="down.conv", instance="down")
    y = net.bn(y, name="down.bn", instance="down")
    return net.graph(y=net.upsample(y, x, name="up"))


def test_the_layer_table_has_a_row_for_each_primitive():
    rows = layer_table(separable())
    assert [(r.name, r.op, r.inputs, r.shape, r.params, r.macs) for r in rows] == [
        ("stem", "conv", ("image",), (8, 16, 32), 3 * 8 * 9 + 8, 3 * 8 * 9 * 16 * 32),
        ("down.dwconv", "dwconv", ("stem",), (8, 8, 16), 8 * 9, 8 * 9 * 8 * 16),
        ("down.conv", "conv", ("down.dwconv",), (4, 8, 16), 32, 32 * 8 * 16),
        ("down.bn", "bn", ("down.conv",), (4, 8, 16), 8, 0),
        ("up", "upsample", ("down.bn", "stem"), (4, 16, 32), 0, 0),
    ]
    assert [(r.stride, r.total_stride) for r in rows] == [(1, 1), (2, 2), (1, 2), (1, 2), (Fraction(1, 2), 1)]


def test_the_layer_table_by_ops_joins_the_primitives_of_an_op():
    rows = layer_table(separable(), by="op")
    assert [(r.name, r.op, r.inputs, r.shape, r.stride) for r in rows] == [
        ("stem", "conv", ("image",), (8, 16, 32), 1),
        ("down", "sep_conv", ("stem",), (4, 8, 16), 2),
        ("up", "upsample", ("down", "stem"), (4, 16, 32), Fraction(1, 2)),
    ]


@pytest.mark.parametrize("by", ["primitive", "op"])
@pytest.mark.parametrize("make_graph", [separable, graphs.fusion, graphs.tied, graphs.everything])
def test_the_totals_of_the_layer_table_are_the_cost_of_the_network(make_graph, by):
    graph = make_graph()
    assert totals(layer_table(graph, by)) == total(costs(graph).values())


def test_strides_of_sizes_that_do_not_divide_are_rounded():
    net = Network((3, 97, 131))
    x = net.conv("image", c=4, s=2, name="half")
    rows = layer_table(net.graph(y=net.conv(x, c=4, s=2, name="quarter")))
    assert [(r.shape[1], r.stride, r.total_stride) for r in rows] == [(49, 2, 2), (25, 2, 4)]
