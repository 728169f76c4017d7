"""Networks as ONNX files."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from test_exported import fixed_size, shrinking

import archdsl
import graphs
from archdsl.backends import onnx_file
from archdsl.backends.torch_module import build
from graphs import Network


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def sizes(value: onnx.ValueInfoProto) -> list[str | int]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


@pytest.fixture(scope="module")
def fusion(tmp_path_factory):
    """A file, the module it was made from, and what was printed and warned of on the way."""
    path = tmp_path_factory.mktemp("onnx") / "fusion.onnx"
    graph = replace(
        graphs.fusion(), origin="Space", settings={"classes": 5, "image": (3, 64, 96)}, chosen={"depth": "3"}
    )
    module = build(graph)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        made = onnx_file.export(module, path, facts={"spec_sha256": "abc123"})
    return path, module, made, warned


def test_the_file_is_valid_and_of_the_documented_opset(fusion):
    path, _, made, _ = fusion
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", onnx_file.OPSET)]
    assert made.opset == onnx_file.OPSET
    assert made.path == path


def test_batch_height_and_width_are_open_and_named(fusion):
    model = onnx.load(fusion[0])
    assert [(i.name, sizes(i)) for i in model.graph.input] == [("image", ["batch", 3, "height", "width"])]
    assert [(o.name, sizes(o)) for o in model.graph.output] == [
        ("logits", ["batch", 5, "height", "width"]),
        ("auxiliary", ["batch", 5, "height", "width"]),
    ]


@pytest.mark.parametrize("shape", [(1, 3, 64, 96), (1, 3, 64, 64), (3, 3, 37, 131)])
def test_onnxruntime_computes_the_same_at_any_size(fusion, shape):
    path, module, _, _ = fusion
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    image = torch.randn(shape)
    with torch.no_grad():
        expected = module.eval()(image)
    found = torch.from_numpy(session.run(None, {"image": image.numpy()})[0])
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_the_metadata_say_what_the_network_is(fusion):
    said = {p.key: p.value for p in onnx.load(fusion[0]).metadata_props}
    assert said.pop("archdsl.settings") == json.dumps({"classes": 5, "image": [3, 64, 96]})
    assert json.loads(said.pop("archdsl.decisions")) == {"depth": "3"}
    assert said == {"archdsl.name": "Fusion", "archdsl.space": "Space", "archdsl.spec_sha256": "abc123"}


def test_nothing_of_this_machine_is_left_in_the_file(fusion):
    model = onnx.load(fusion[0])
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


def test_a_module_in_training_is_exported_as_it_evaluates_and_goes_on_training_without_a_word(
    fusion, capfd, tmp_path
):
    assert [str(w.message) for w in fusion[3]] == []
    module = build(graphs.tied())
    made = onnx_file.export(module, tmp_path / "tied.onnx")
    assert capfd.readouterr() == ("", "")
    assert made.deviation <= onnx_file.TOLERANCE
    assert module.training


@pytest.mark.slow
@pytest.mark.parametrize("make_graph", [graphs.everything, graphs.modern])
def test_networks_that_are_hard_to_trace_are_exported(make_graph, tmp_path):
    made = onnx_file.export(make_graph(), tmp_path / "network.onnx")
    assert made.deviation <= onnx_file.TOLERANCE


WINDOWS = """arch 1
network Net {
  input image: [3, 32, 48]
  output strided = image -> conv(c = 4, k = [3, 5], s = [2, 3], padding = "same")
  output averaged = image -> avg_pool(s = 2, padding = "same")
  output padded = image -> conv(padding_mode = "reflect") -> dwconv(padding_mode = "circular")
  y = image -> conv(c = 4)
  output unpooled = max_unpool(y -> max_pool(s = 2), y, k = 3) -> conv_transpose(k = 4)
  output rounded = y -> avg_pool(s = 2, ceil = true, count_padding = true)
  output means = y -> adaptive_pool(size = [3, 5])
  output maxima = y -> adaptive_pool(size = [5, 3], mode = "max")
  output resized = y -> resize(down = 3, mode = "area") -> resize(scale = 2, mode = "bicubic")
}
"""


@pytest.mark.slow
def test_windows_and_bins_of_any_kind_are_exported_for_every_size(tmp_path):
    torch.manual_seed(0)  # where two values of a window are equal but for rounding, either may be its maximum
    module = archdsl.load("net.arch", text=WINDOWS).network().module()
    made = onnx_file.export(module, tmp_path / "windows.onnx")
    assert made.open_axes == ("batch", "height", "width")
    sizes = [[(3, 32, 48)], [(3, 40, 66)], [(3, 64, 36)]]
    assert onnx_file.deviation(made.path, module, sizes) <= 1e-5


def test_a_map_that_is_one_pixel_at_the_declared_size_grows_with_the_image(tmp_path):
    module = build(shrinking()).eval()
    made = onnx_file.export(module, tmp_path / "network.onnx")
    assert made.deviation <= onnx_file.TOLERANCE
    assert onnx_file.deviation(tmp_path / "network.onnx", module, [[(3, 32, 32)], [(3, 128, 96)]]) <= 1e-4


def test_inputs_whose_sizes_must_agree_share_the_names_of_their_axes(tmp_path):
    net = Network((3, 16, 16))
    depth = net.input("depth", (1, 16, 16))
    low = net.input("low", (1, 8, 8))
    x = net.add(net.conv("image", c=4), net.conv(depth, c=4))
    graph = net.graph(y=net.add(x, net.resize(net.conv(low, c=4), x)))
    made = onnx_file.export(graph, tmp_path / "inputs.onnx")
    assert made.deviation <= onnx_file.TOLERANCE
    assert [sizes(i) for i in onnx.load(made.path).graph.input] == [
        ["batch", 3, "height", "width"],
        ["batch", 1, "height", "width"],
        ["batch", 1, "low_height", "low_width"],
    ]


def test_a_deviation_is_found(fusion):
    path, module, _, _ = fusion
    same, other = [[(3, 64, 96)]], build(graphs.fusion())
    assert onnx_file.deviation(path, module, same) <= onnx_file.TOLERANCE
    assert onnx_file.deviation(path, other, same) > onnx_file.TOLERANCE


def test_a_file_that_deviates_is_not_written(tmp_path, monkeypatch):
    path = tmp_path / "network.onnx"
    path.write_bytes(b"what was there")
    monkeypatch.setattr(onnx_file, "deviation", lambda *_: float("nan"))
    with pytest.raises(onnx_file.DeviationError):
        onnx_file.export(graphs.tied(), path)
    assert path.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [path]


def several_outputs() -> graphs.Graph:
    """Two heads of different sizes, one result under two names, and an input that is handed on."""
    net = Network((3, 64, 96), "Several")
    a = net.conv("image", c=4, s=2, name="a")
    b = net.conv(a, c=5, s=2, name="b")
    return net.graph(logits=net.resize(b, "image", name="up"), aux=b, low=b, same="image")


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A module of several outputs, and its file."""
    module = build(several_outputs()).eval()
    return module, onnx_file.export(module, tmp_path_factory.mktemp("several") / "network.onnx")


def test_every_output_has_its_name_and_is_compared(several):
    module, made = several
    assert made.deviation <= onnx_file.TOLERANCE
    assert made.open_axes == ("batch", "height", "width")
    assert [o.name for o in onnx.load(made.path).graph.output] == ["logits", "aux", "low", "same"]
    session = onnxruntime.InferenceSession(str(made.path), providers=["CPUExecutionProvider"])
    image = torch.randn(3, 3, 32, 160)
    with torch.no_grad():
        expected = module.forward_all(image)
    for name, tensor in expected.items():
        (found,) = session.run([name], {"image": image.numpy()})
        assert (torch.from_numpy(found) - tensor).abs().max() <= 1e-4 * tensor.abs().max()


def test_sizes_can_be_fixed(tmp_path):
    made = onnx_file.export(several_outputs(), tmp_path / "network.onnx", dynamic=False)
    model = onnx.load(made.path)
    assert made.open_axes == ()
    assert [sizes(i) for i in model.graph.input] == [[1, 3, 64, 96]]
    assert [sizes(o) for o in model.graph.output] == [
        [1, 5, 64, 96],
        [1, 5, 16, 24],
        [1, 5, 16, 24],
        [1, 3, 64, 96],
    ]


def test_what_cannot_be_open_is_not_said_to_be(tmp_path):
    made = onnx_file.export(fixed_size(), tmp_path / "network.onnx")
    assert made.open_axes == ("batch",)
    assert made.deviation <= onnx_file.TOLERANCE


@pytest.mark.slow
def test_the_file_depends_on_the_weights_alone(several, tmp_path):
    module, made = several
    again = onnx_file.export(module, tmp_path / "again.onnx")
    assert again.path.read_bytes() == made.path.read_bytes()


def test_results_that_overflow_alike_agree(tmp_path):
    text = """arch 1
network Net {
  input image: [2, 8, 8]
  large = image * 1e18 * 1e18 * 1e18
  output y = large + image
  output none = large - large
  output small = image -> conv(c = 2)
}
"""
    net = archdsl.load("net.arch", text=text).network().graph
    found = onnx_file.export(build(net), tmp_path / "net.onnx")
    assert found.deviation is not None
    assert 0 <= found.deviation < 1e-4
    image = np.ones((1, 2, 8, 8), np.float32)
    result = onnxruntime.InferenceSession(tmp_path / "net.onnx").run(None, {"image": image})
    assert torch.from_numpy(result[0]).isinf().all()
    assert torch.from_numpy(result[1]).isnan().all()
