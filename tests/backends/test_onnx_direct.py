"""The ONNX model that is written straight from a graph computes what PyTorch computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings

import graphs
from archdsl import ops
from archdsl.backends import onnx_direct
from archdsl.backends.torch_module import build
from archdsl.ir.graph import Graph
from random_networks import networks


def results(graph: Graph, batch: int = 1) -> list[tuple[np.ndarray, np.ndarray]]:
    """What onnxruntime and PyTorch make of random inputs, for each output."""
    torch.manual_seed(0)
    module = build(graph).eval()
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.1, 0.1)
            layer.running_var.uniform_(0.8, 1.2)
    model = onnx_direct.model(graph, onnx_direct.module_weights(module), batch=batch)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = [torch.randn(batch, *shape) for shape in graph.inputs.values()]
    feeds = dict(zip(graph.inputs, (i.numpy() for i in inputs), strict=True))
    found = session.run(None, {i.name: feeds[i.name] for i in session.get_inputs()})
    with torch.no_grad():
        expected = module.forward_all(*inputs)
    return [(y, expected[name].numpy()) for y, name in zip(found, graph.outputs, strict=True)]


@pytest.mark.parametrize(
    "make", [graphs.mobilenet, graphs.fusion, graphs.tied, graphs.everything, graphs.modern]
)
@pytest.mark.parametrize("batch", [1, 2])
def test_results_are_those_of_pytorch(make, batch: int) -> None:
    for found, expected in results(make(), batch):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max() + 1e-6)


@settings(max_examples=60, deadline=None)
@given(networks())
def test_random_networks_compute_what_pytorch_computes(graph: Graph) -> None:
    for found, expected in results(graph):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max() + 1e-6)


def test_every_primitive_is_written() -> None:
    assert [p.name for p in ops.PRIMITIVES if not p.has_onnx] == []


@pytest.mark.parametrize("name", ["everything", "modern"])
def test_the_nodes_of_every_primitive_stay_the_same(name: str) -> None:
    """Latency tables are of these nodes."""
    model = onnx_direct.model(getattr(graphs, name)(), batch=2)
    assert nodes_text(model) == Path(__file__).with_name(f"onnx_{name}.txt").read_text("utf-8")


def nodes_text(model: onnx.ModelProto) -> str:
    """Each node with its attributes, then the constants: name, shape, and values where they are whole."""
    lines = []
    for node in model.graph.node:
        settings = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        lines.append(f"{', '.join(node.output)} = {node.op_type}({', '.join(node.input)}) {settings}")
    for constant in model.graph.initializer:
        values = onnx.numpy_helper.to_array(constant)
        whole = f" {values.ravel().tolist()}" if values.dtype == np.int64 else ""
        lines.append(f"{constant.name}: {values.dtype} {list(values.shape)}{whole}")
    return "\n".join(lines) + "\n"


def test_outputs_may_be_inputs_constants_and_results_of_the_same_name() -> None:
    net = graphs.Network((3, 8, 8))
    net.zero("image", name="zeros")
    net.relu("image", name="a")
    net.dropout("image", p=0.0, name="same")
    outputs = {"a": "zeros", "zeros": "a", "twice": "a", "same": "same", "b": "zeros"}
    for found, expected in results(net.graph(**outputs)):
        np.testing.assert_array_equal(found, expected)


def test_an_input_of_which_only_the_size_is_read_is_left_out() -> None:
    net = graphs.Network((3, 8, 8))
    other = net.input("other", (5, 16, 16))
    net.resize("image", other, name="y")
    model = onnx_direct.model(net.graph())
    assert [i.name for i in model.graph.input] == ["image"]
