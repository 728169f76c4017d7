"""Networks as Python source."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from torch import nn

import graphs
from archdsl.backends.naming import NAMES_IN_SCOPE
from archdsl.backends.source import emit
from archdsl.backends.torch_module import build
from archdsl.ir.graph import Graph, Instance
from archdsl.ops import layers as own_layers
from graphs import Network
from random_networks import networks

FIXTURES = [graphs.mobilenet, graphs.fusion, graphs.tied, graphs.everything, graphs.modern]


def run(text: str) -> type[nn.Module]:
    """The last class that a text defines."""
    scope: dict[str, object] = {"__name__": "emitted"}
    exec(compile(text, "emitted.py", "exec"), scope)
    return next(v for v in reversed(scope.values()) if isinstance(v, type))


def assert_same(graph: Graph) -> None:
    compiled, written = build(graph).eval(), run(emit(graph))().eval()
    written.load_state_dict(compiled.state_dict())
    compiled.load_state_dict(written.state_dict())
    inputs = [torch.randn(2, *shape) for shape in graph.inputs.values()]
    with torch.no_grad():
        assert torch.equal(written(*inputs), compiled(*inputs))
        if len(graph.outputs) > 1:
            every, expected = written.forward_all(*inputs), compiled.forward_all(*inputs)
            assert list(every) == list(expected)
            assert all(torch.equal(every[name], expected[name]) for name in every)


@pytest.mark.parametrize("make_graph", FIXTURES)
def test_the_source_computes_what_the_module_computes_to_the_bit(make_graph):
    assert_same(make_graph())


@settings(max_examples=60, deadline=None)
@given(networks())
def test_the_source_of_any_network_computes_what_its_module_computes(graph):
    assert_same(graph)


@pytest.mark.parametrize("make_graph", FIXTURES)
def test_the_source_imports_nothing_but_torch(make_graph):
    imports = [
        name
        for node in ast.walk(ast.parse(emit(make_graph())))
        for name in (
            [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    ]
    assert {name.split(".")[0] for name in imports} == {"torch"}


@pytest.mark.parametrize("make_graph", FIXTURES)
def test_the_same_network_gives_the_same_source(make_graph):
    assert emit(make_graph()) == emit(make_graph())


def test_the_source_starts_with_the_weights_of_the_module():
    torch.manual_seed(0)
    compiled = build(graphs.fusion())
    torch.manual_seed(0)
    written = run(emit(graphs.fusion()))()
    state = written.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in compiled.state_dict().items())


def test_the_source_says_where_the_network_is_from_and_what_it_costs():
    graph = replace(
        graphs.mobilenet(),
        origin="Space",
        settings={"classes": 11, "image": (3, 64, 96)},
        chosen={"body[3].n1.1": "sep3"},
    )
    text = emit(graph)
    for said in (
        "Space: Space",
        "Settings: classes = 11, image = [3, 64, 96]",
        "Decision: body[3].n1.1 = sep3",
        "image (N × 3 × H × W, declared 64 × 96)",
        "9,107 parameters; 4,585,728 multiply-accumulates",
    ):
        assert said in text


def test_the_statements_of_an_op_stand_under_its_path():
    net = Network()
    net.instances["body[1].sep3"] = Instance("body[1].sep3", "op", "sep_conv")
    x = net.dwconv("image", name="body[1].sep3.dwconv", instance="body[1].sep3")
    x = net.conv(x, name="body[1].sep3.conv", instance="body[1].sep3")
    lines = [line.strip() for line in emit(net.graph(y=x)).splitlines()]
    at = lines.index("# body[1].sep3")
    assert lines[at + 1 : at + 3] == [
        "body_1_sep3 = self.body_1_sep3_dwconv(image)",
        "body_1_sep3 = self.body_1_sep3_conv(body_1_sep3)",
    ]


def test_names_and_settings_cannot_put_code_into_the_source():
    evil = '"""\nraise SystemExit\n"""'
    net = Network()
    x = net.conv("image", c=3, name=evil, instance=evil)
    graph = replace(
        net.graph(**{evil: x}), name=evil, origin=evil, settings={evil: evil}, chosen={evil: evil}
    )
    tree = ast.parse(emit(graph))
    assert [type(node) for node in tree.body] == [
        ast.Expr,
        ast.Import,
        ast.Import,
        ast.ImportFrom,
        ast.ClassDef,
    ]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    run(emit(graph))()(torch.randn(1, 3, 32, 64))


def test_layers_that_torch_lacks_are_written_out_once_and_only_where_they_are_used():
    assert emit(graphs.fusion()).count("class ChannelScale(nn.Module):") == 1
    assert "ChannelScale" not in emit(graphs.mobilenet())


def test_no_variable_or_network_can_have_the_name_of_a_layer_that_torch_lacks():
    own = {v.__name__ for v in vars(own_layers).values() if isinstance(v, type) and issubclass(v, nn.Module)}
    assert own <= NAMES_IN_SCOPE
