"""Networks as PyTorch modules."""

from __future__ import annotations

import copy
import io
import pickle
import weakref
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given, settings
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import graphs
import oracle
from archdsl.backends.making import make
from archdsl.backends.naming import RESERVED
from archdsl.backends.torch_module import CompiledNetwork, build
from archdsl.diagnostics import SpecError
from archdsl.ir.graph import Graph
from archdsl.ops.base import Layer
from archdsl.passes.analyses.shapes import infer
from archdsl.passes.costs.cost import costs, total
from graphs import Network
from random_networks import networks

FIXTURES = [graphs.mobilenet, graphs.fusion, graphs.tied, graphs.everything, graphs.modern]


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def random_inputs(graph: Graph, batch: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(batch, *shape, generator=generator) for name, shape in graph.inputs.items()}


def everything_out(graph: Graph) -> Graph:
    return replace(graph, outputs={name: name for name in graph.nodes})


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=80, deadline=None)
@given(networks())
def test_every_tensor_has_the_inferred_shape_and_the_value_of_the_primitive(graph):
    assume(graph.nodes)
    graph = everything_out(graph)
    module, inputs = build(graph).eval(), random_inputs(graph)
    with torch.no_grad():
        found = module.forward_all(*inputs.values()) if len(graph.outputs) > 1 else {}
        expected = oracle.values(graph, module, inputs)
    shapes = infer(graph)
    for name, tensor in found.items():
        assert tuple(tensor.shape[1:]) == shapes[name]
        assert_close(tensor, expected[name])


@settings(max_examples=80, deadline=None)
@given(networks())
def test_outputs_and_gradients_are_those_of_the_primitives_while_variables_are_reused(graph):
    module, inputs = build(graph).eval(), random_inputs(graph)
    inputs = {name: x.requires_grad_() for name, x in inputs.items()}
    expected = oracle.values(graph, module, inputs)[graph.outputs["out0"]]
    wanted = [*inputs.values(), *module.parameters()]
    found = module(*inputs.values())
    assert_close(found, expected)
    if not expected.requires_grad:
        return
    pairs = zip(
        torch.autograd.grad(found.square().sum(), wanted, allow_unused=True),
        torch.autograd.grad(expected.square().sum(), wanted, allow_unused=True),
        strict=True,
    )
    for one, other in pairs:
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


@settings(max_examples=60, deadline=None)
@given(networks())
def test_costs_are_the_numbers_of_parameters_and_half_the_operations_that_torch_counts(graph):
    assume(graph.nodes)
    module, inputs = build(everything_out(graph)).eval(), random_inputs(graph, batch=1)
    cost = total(costs(graph).values())
    assert cost.params == sum(p.numel() for p in module.parameters())
    plain = sdpa_kernel(SDPBackend.MATH)  # the counter has no rule for the fused kernel of CPUs
    with torch.no_grad(), plain, FlopCounterMode(display=False) as counter:
        module.forward_all(*inputs.values())
    assert cost.macs * 2 == counter.get_total_flops()


@pytest.mark.parametrize("make_graph", FIXTURES)
def test_a_network_runs_at_other_sizes_than_the_declared_one(make_graph):
    graph = make_graph()
    module = build(graph).eval()
    other = make_graph((3, 33, 47))
    inputs = random_inputs(other)
    for name, tensor in module.forward_all(*inputs.values()).items():
        assert tuple(tensor.shape[1:]) == infer(other)[graph.outputs[name]]
        assert_close(tensor, oracle.values(other, module, inputs)[graph.outputs[name]])


def test_layers_are_ordinary_children_named_by_their_paths():
    net = Network()
    x = net.conv("image", c=4, name="body[3].n1.1.sep3.conv")
    x = net.bn(x, name="body[3].n1.1.sep3.bn")
    module = build(net.graph(y=net.relu(x)))
    assert {name: type(child) for name, child in module.named_children()} == {
        "body_3_n1_1_sep3_conv": nn.Conv2d,
        "body_3_n1_1_sep3_bn": nn.BatchNorm2d,
    }


def test_paths_that_give_the_same_name_are_told_apart():
    net = Network()
    x = net.conv("image", c=4, name="a.b")
    x = net.conv(x, c=4, name="a_b")
    x = net.conv(x, c=4, name="a[b]")
    assert [name for name, _ in build(net.graph(y=x)).named_children()] == ["a_b", "a_b_2", "a_b_3"]


AWKWARD = [
    "forward",
    "training",
    "type",
    "class",
    "1",
    "",
    "é",
    "x; import os",
    "a\nb",
    '"""',
    "self",
    "torch",
    "F",
]


def test_no_name_can_break_or_leave_the_generated_code():
    net = Network()
    x = "image"
    for name in AWKWARD:
        x = net.conv(x, c=3, name=name)
        x = net.relu(x, name=f"{name}.relu")
    graph = replace(net.graph(y=x), name="1 bad; name")
    module, inputs = build(graph).eval(), random_inputs(graph)
    assert_close(module(*inputs.values()), oracle.values(graph, module, inputs)[x])
    assert all(name.isidentifier() for name, _ in module.named_children())


def test_no_layer_hides_an_attribute_that_every_module_has():
    assert {name for name in dir(CompiledNetwork()) if not name.startswith("_")} <= RESERVED


def test_nodes_with_the_same_weights_share_one_layer():
    graph = graphs.tied()
    module = build(graph)
    assert [name for name, _ in module.named_children()] == ["a", "b", "left_conv", "left_bn"]


def test_nodes_that_share_weights_must_be_alike():
    net = Network()
    x = net.conv("image", c=3, name="first", weights="w")
    graph = net.graph(y=net.conv(x, c=5, name="second", weights="w"))
    with pytest.raises(ValueError, match="second"):
        build(graph)


def test_the_main_output_is_the_first_and_does_not_compute_the_others():
    graph = graphs.fusion()
    module, inputs = build(graph).eval(), random_inputs(graph)
    ran = []
    module.aux_conv.register_forward_hook(lambda *_: ran.append("auxiliary"))
    logits = module(*inputs.values())
    assert ran == []
    every = module.forward_all(*inputs.values())
    assert ran == ["auxiliary"]
    assert list(every) == ["logits", "auxiliary"]
    assert torch.equal(every["logits"], logits)


def test_the_outputs_of_a_network_with_one_output_have_its_name():
    graph = graphs.mobilenet()
    module, inputs = build(graph).eval(), random_inputs(graph)
    every = module.forward_all(*inputs.values())
    assert list(every) == ["logits"]
    assert torch.equal(every["logits"], module(*inputs.values()))


def test_a_network_may_have_several_inputs():
    net = Network((3, 8, 8))
    depth = net.input("depth", (1, 8, 8))
    graph = net.graph(y=net.add(net.conv("image", c=4, name="a"), net.conv(depth, c=4, name="b")))
    module, inputs = build(graph).eval(), random_inputs(graph)
    expected = module.a(inputs["image"]) + module.b(inputs["depth"])
    assert torch.equal(module(inputs["image"], inputs["depth"]), expected)


def test_an_input_may_be_an_output():
    graph = Graph("Same", {"image": (3, 4, 4)}, {}, {"y": "image"})
    image = torch.randn(1, 3, 4, 4)
    assert build(graph)(image) is image


def test_an_activation_does_not_write_over_what_gradients_of_others_need():
    net = Network((3, 4, 4))
    read_twice = net.bn(net.conv("image", c=4))
    x = net.add(net.conv(read_twice, c=4), net.relu(read_twice))
    needs_its_output = net.sigmoid(x)
    graph = net.graph(y=net.relu6(needs_its_output))
    module, inputs = build(graph).eval(), random_inputs(graph)
    module(*inputs.values()).sum().backward()
    found = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()
    oracle.values(graph, module, inputs)[graph.outputs["y"]].sum().backward()
    for gradient, parameter in zip(found, module.parameters(), strict=True):
        assert_close(gradient, parameter.grad)


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_inputs_are_never_written_to(p):
    net = Network((3, 4, 4))
    graph = net.graph(y=net.relu(net.identity(net.dropout("image", p=p))))
    image = torch.randn(1, 3, 4, 4)
    before = image.clone()
    build(graph).eval()(image)
    assert torch.equal(image, before)


def test_what_is_no_longer_needed_is_freed_before_the_next_layer_runs():
    net = Network((3, 16, 16))
    wide = net.conv("image", c=32, name="wide")
    left = net.conv(wide, c=8, name="left")
    right = net.conv(wide, c=8, name="right")
    joined = net.add(left, right, name="joined")
    small = net.conv(net.resize(joined, down=2), c=4, name="small")
    graph = net.graph(y=net.resize(small, wide))
    module = build(graph).eval()
    alive: dict[str, weakref.ref] = {}
    seen = {}
    for name, child in module.named_children():
        child.register_forward_hook(lambda _m, _i, y, name=name: alive.update({name: weakref.ref(y)}))
        child.register_forward_pre_hook(
            lambda _m, _i, name=name: seen.update({name: {k for k, r in alive.items() if r() is not None}})
        )
    with torch.no_grad():
        module(torch.randn(1, 3, 16, 16))
    assert seen == {"wide": set(), "left": {"wide"}, "right": {"wide", "left"}, "small": set()}


def test_networks_with_the_same_text_share_one_class():
    assert type(build(graphs.mobilenet())) is type(build(graphs.mobilenet(classes=5)))
    assert type(build(graphs.mobilenet())) is not type(build(graphs.tied()))


@pytest.mark.parametrize("make_graph", FIXTURES)
def test_a_module_comes_back_from_a_pickle_and_a_deep_copy(make_graph):
    graph = make_graph()
    module, inputs = build(graph).eval(), random_inputs(graph)
    expected = module(*inputs.values())
    for again in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert torch.equal(again(*inputs.values()), expected)
        assert again.archdsl_graph == graph
        assert not again.training
        assert {id(p) for p in again.parameters()}.isdisjoint(id(p) for p in module.parameters())


def test_a_deep_copy_shares_the_graph():
    module = build(graphs.tied())
    assert copy.deepcopy(module).archdsl_graph is module.archdsl_graph


def test_a_state_dict_is_saved_and_loaded_like_any_other():
    graph = graphs.fusion()
    first, second, inputs = build(graph).eval(), build(graph).eval(), random_inputs(graph)
    assert not torch.equal(first(*inputs.values()), second(*inputs.values()))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(first(*inputs.values()), second(*inputs.values()))


def test_the_representation_lists_the_layers_under_the_name_of_the_network():
    lines = repr(build(graphs.tied())).splitlines()
    assert lines[0] == "Tied("
    assert len(lines) == 6


def test_weights_start_as_those_of_a_network_written_by_hand():
    net = Network((3, 8, 8))
    graph = net.graph(y=net.conv(net.scale(net.bn(net.conv("image", c=4))), c=2, bias=True))
    torch.manual_seed(7)
    compiled = build(graph)
    torch.manual_seed(7)
    by_hand = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3))
    drawn = [p for p in compiled.parameters() if p.shape != (4,) or not torch.equal(p, torch.ones(4))]
    expected = [p for p in by_hand.parameters() if p.shape != (4,) or not torch.equal(p, torch.ones(4))]
    assert [torch.equal(a, b) for a, b in zip(drawn, expected, strict=True)] == [True] * len(expected)


def test_kaiming_initialisation_scales_weights_by_their_fan_in():
    net = Network((64, 8, 8))
    module = build(net.graph(y=net.conv("image", c=64, bias=True, name="conv")), init="kaiming")
    assert module.conv.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)
    assert module.conv.bias.abs().max() == 0


LAYERS = [
    Layer("Conv2d", {"in_channels": 4, "out_channels": 6, "kernel_size": 3, "groups": 2, "bias": True}),
    Layer("Conv2d", {"in_channels": 4, "out_channels": 6, "kernel_size": 1, "bias": False}),
    Layer("BatchNorm2d", {"num_features": 3}),
    Layer("BatchNorm2d", {"num_features": 3, "affine": False, "eps": 1e-3}),
    Layer("Dropout", {"p": 0.25}),
    Layer("ChannelScale", {"channels": 3}),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_layer_is_what_its_constructor_makes(layer):
    from archdsl.ops import layers as own

    constructor = getattr(nn, layer.cls, None) or getattr(own, layer.cls)
    for _ in range(2):  # the second is made after the pattern of the first
        torch.manual_seed(3)
        made, next_made = make(layer), torch.rand(1)
        torch.manual_seed(3)
        constructed, next_constructed = constructor(**layer.kwargs), torch.rand(1)
        assert type(made) is type(constructed)
        assert torch.equal(next_made, next_constructed)
        assert list(vars(made)) == list(vars(constructed))
        for name, value in vars(constructed).items():
            assert type(vars(made)[name]) is type(value)
            if name not in ("_parameters", "_buffers"):
                assert vars(made)[name] == value
        assert list(made.state_dict()) == list(constructed.state_dict())
        for one, other in zip(made.state_dict().values(), constructed.state_dict().values(), strict=True):
            assert one.dtype == other.dtype
            assert torch.equal(one, other)


def test_layers_share_no_hooks_and_no_tensors():
    first, second = make(LAYERS[0]), make(LAYERS[0])
    first.register_forward_hook(lambda *_: None)
    assert not second._forward_hooks
    assert not make(LAYERS[0])._forward_hooks
    assert first.weight is not second.weight


def test_layers_are_made_on_the_default_device_and_of_the_default_type():
    graph = graphs.fusion()
    build(graph)
    with torch.device("meta"):
        assert {t.device.type for t in build(graph).state_dict().values()} == {"meta"}
    torch.set_default_dtype(torch.float64)
    try:
        assert {p.dtype for p in build(graph).parameters()} == {torch.float64}
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_network_too_large_for_memory_is_refused():
    net = Network()
    graph = net.graph(y=net.conv(net.conv("image", c=40_000), c=40_000))
    with pytest.raises(SpecError) as caught:
        build(graph)
    assert [d.code for d in caught.value.diagnostics] == ["ARCH801"]


def test_hooks_see_the_layers_and_training_reaches_them():
    graph = graphs.mobilenet()
    module = build(graph)
    assert module.training
    before = module.stem_bn.running_mean.clone()
    module(*random_inputs(graph).values())
    assert not torch.equal(module.stem_bn.running_mean, before)
