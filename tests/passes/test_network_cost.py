"""What fixed networks cost, against what torch counts, holds and differentiates."""

from __future__ import annotations

import random
import weakref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import archdsl
import graphs
from archdsl.backends.torch_module import build
from archdsl.ir.graph import Graph
from archdsl.passes.analyses import receptive
from archdsl.passes.analyses.receptive import receptive_fields
from archdsl.passes.costs.cost import network_cost
from archdsl.passes.costs.memory import activation_memory, traffic
from archdsl.resources import specs_folder
from graphs import Network

SPACES = ("space", "autortnet", "gas", "fasterseg", "template")


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPACES)
def test_parameters_and_macs_of_random_networks_are_what_torch_counts(spec):
    space = archdsl.load(specs_folder() / f"{spec}.arch").space(image=(3, 64, 128))
    rng = random.Random(5)
    for _ in range(4):
        graph = space.bind(space.sample(rng)).graph
        module = build(graph).eval()
        images = [torch.empty(1, *shape) for shape in graph.inputs.values()]
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            module.forward_all(*images)
        found = network_cost(graph)
        assert found.flops == 2 * found.macs == counter.get_total_flops()
        assert found.params == sum(p.numel() for p in module.parameters())


class Allocations(TorchDispatchMode):
    """The most bytes of tensors alive at once, counted by storage."""

    def __init__(self) -> None:
        super().__init__()
        self.held = self.peak = 0
        self.known: set[int] = set()

    def hold(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self.known:
            return
        self.known.add(key)
        self.held += storage.nbytes()
        self.peak = max(self.peak, self.held)
        weakref.finalize(storage, self.release, key, storage.nbytes())

    def release(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.held -= size

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple) else (result,):
            if isinstance(value, torch.Tensor) and value.dim() == 4:
                self.hold(value)
        return result


def peak_in_torch(graph: Graph) -> int:
    module = build(graph).eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    images = [torch.rand(1, *shape) for shape in graph.inputs.values()]
    with torch.no_grad(), Allocations() as watched:
        for image in images:
            watched.hold(image)
        module.forward_all(*images)
    return watched.peak


def branches() -> Graph:
    """A long-lived branch, an activation in place, one that may not be, and a value passed on."""
    net = Network((3, 32, 48))
    a = net.conv("image", c=16, name="a")
    b = net.relu(a, name="b")
    c = net.conv(net.dropout(b, name="same"), c=4, s=2, name="c")
    d = net.relu(net.conv(c, c=40, name="wide"), name="in_place")
    e = net.conv(d, c=16, k=1, name="e")
    return net.graph(y=net.add(net.upsample(e, b, name="up"), b, name="y"))


@pytest.mark.parametrize("make_graph", [graphs.mobilenet, branches])
def test_the_peak_of_memory_is_what_torch_holds(make_graph):
    graph = make_graph()
    assert activation_memory(graph).peak_bytes == peak_in_torch(graph)


def test_the_peak_of_a_shipped_network_is_what_torch_holds():
    graph = archdsl.load(specs_folder() / "fasterseg_student.arch").target(image=(3, 128, 256)).graph
    assert activation_memory(graph).peak_bytes == peak_in_torch(graph)


def test_traffic_is_what_is_read_and_written_in_the_size_of_the_dtype():
    net = Network((3, 8, 16))
    x = net.conv("image", c=4, s=2, name="conv")
    z = net.zero(x, name="zero")
    y = net.add(x, net.dropout(x, name="dropout"), z, name="add")
    graph = net.graph(y=net.resize(y, "image", name="up"))
    whole, half = 3 * 8 * 16, 4 * 4 * 8
    assert traffic(graph, dtype="int8") == {
        "conv": (whole, half),
        "zero": (0, half),
        "dropout": (0, 0),
        "add": (3 * half, half),
        "up": (half, 4 * 8 * 16),  # of what it is resized to, only the size is read
    }
    assert traffic(graph)["conv"] == (4 * whole, 4 * half)


def dependence(graph: Graph, name: str) -> tuple[int, int]:
    """The most rows and columns of the image that the gradient of one value reaches, hull by hull."""
    torch.manual_seed(0)
    module = build(graph).eval().double()
    for parameter in module.parameters():
        torch.nn.init.uniform_(parameter, 0.5, 1.0)  # nothing cancels, no activation cuts
    image = torch.rand(1, *graph.inputs["image"], dtype=torch.float64, requires_grad=True)
    y = module.forward_all(image)[name]
    most = [0, 0]
    for axis in (2, 3):
        for at in range(y.shape[axis]):
            (grad,) = torch.autograd.grad(y.select(axis, at).sum(), image, retain_graph=True)
            touched = grad.abs().sum(dim=(0, 1, 5 - axis)).nonzero()
            if len(touched):
                most[axis - 2] = max(most[axis - 2], int(touched.max() - touched.min()) + 1)
    return most[0], most[1]


def windows() -> Graph:
    net = Network((3, 41, 56))
    x = net.conv("image", c=4, k=3, d=2, name="a")
    x = net.avg_pool(net.conv(x, c=4, k=5, s=2, name="b"), k=3, s=2, name="pool")
    y = net.conv(net.shift(x, name="shift"), c=4, k=1, s=2, name="c")
    y = net.resize(y, size=(9, 11), name="up")
    return net.graph(y=y, deep=net.conv(net.resize(y, x, align_corners=True, name="up2"), c=2, name="d"))


def global_and_shuffled() -> Graph:
    net = Network((3, 17, 25))
    x = net.conv("image", c=8, s=4, k=5, name="a")
    y = net.pixel_shuffle(x, r=2, name="pixels")
    gap = net.resize(net.global_pool(x, name="gap"), x, mode="nearest", name="spread")
    return net.graph(y=net.conv(y, c=2, name="y"), z=net.mul(x, gap, name="z"))


@pytest.mark.parametrize("make_graph", [windows, global_and_shuffled])
def test_the_receptive_field_is_what_gradients_reach(make_graph):
    graph = make_graph()
    fields = receptive_fields(graph)
    for output, node in graph.outputs.items():
        field = fields[node]
        assert (field.rows, field.columns) == dependence(graph, output), output


def test_the_receptive_field_after_global_pooling_is_said_to_be_the_whole_image():
    graph = global_and_shuffled()
    fields = receptive_fields(graph)
    assert str(fields[graph.outputs["z"]]) == "the whole image"
    assert str(fields["a"]) == "5 × 5"


@pytest.mark.parametrize("spec", ["autortnet_a", "fasterseg_student", "template_arch0", "camvid_found"])
def test_some_rows_of_large_maps_see_as_much_as_all_of_them(spec, monkeypatch):
    graph = archdsl.load(specs_folder() / f"{spec}.arch").network(image=(3, 256, 512)).graph
    exact = {name: (f.rows, f.columns) for name, f in receptive_fields(graph).items()}
    monkeypatch.setattr(receptive, "MOST_ROWS", 16)
    traced = receptive_fields(graph)
    assert {name: (f.rows, f.columns) for name, f in traced.items()} == exact
    assert not any(f.exact for f in traced.values())


def test_the_receptive_field_of_an_image_of_a_billion_rows_is_found_from_some_of_them():
    net = Network((3, 10**9, 24))
    graph = net.graph(y=net.upsample(net.conv("image", c=4, s=2, name="c"), scale=2, name="r"))
    field = receptive_fields(graph)["r"]
    assert (field.rows, field.columns, field.exact) == (5, 5, False)
    assert str(field) == "5 × 5, at least"


def test_zeros_have_no_receptive_field():
    net = Network((3, 8, 8))
    field = receptive_fields(net.graph(y=net.zero(net.conv("image", c=2, name="c"), name="z")))["z"]
    assert (field.rows, field.columns) == (0, 0)
