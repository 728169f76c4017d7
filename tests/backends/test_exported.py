"""Networks as `torch.export` programs."""

from __future__ import annotations

import pytest
import torch

import graphs
from archdsl.backends import exported
from archdsl.backends.torch_module import build
from graphs import Network


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def shrinking() -> graphs.Graph:
    """A map of one pixel at the declared size, which is square."""
    net = Network((3, 32, 32), "Shrinking")
    x = net.conv("image", c=4, s=4, name="a")
    z = net.conv(net.conv(x, c=4, s=4, name="b"), c=4, s=2, name="c")
    return net.graph(y=net.add(x, net.resize(z, x, name="up"), name="y"))


def fixed_size() -> graphs.Graph:
    """A resize to a fixed size meets a map that has it at the declared input only."""
    net = Network((3, 16, 16), "FixedSize")
    x = net.conv("image", c=4, s=2, name="a")
    y = net.resize(net.conv(x, c=4, s=2, name="b"), size=(8, 8), name="up")
    return net.graph(y=net.add(x, y, name="y"))


def test_batch_height_and_width_are_open():
    module = build(graphs.mobilenet((3, 64, 64))).eval()
    program = exported.export(module).module()
    for shape in ((1, 3, 64, 64), (3, 3, 32, 96), (1, 3, 35, 61)):
        image = torch.randn(shape)
        torch.testing.assert_close(program(image), module(image))


def test_height_and_width_stay_closed_where_no_other_size_is_well_typed():
    module = build(fixed_size()).eval()
    program = exported.export(module).module()
    image = torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(program(image), module(image))


def test_a_network_with_a_map_of_one_pixel_runs_at_the_declared_size():
    module = build(shrinking()).eval()
    image = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(exported.export(module).module()(image), module(image))


def test_such_a_network_is_open_to_larger_images_if_it_is_traced_with_one():
    module = build(shrinking()).eval()
    program = exported.export(module, enlarge=True).module()
    for shape in ((1, 3, 64, 64), (3, 3, 35, 61)):
        image = torch.randn(shape)
        torch.testing.assert_close(program(image), module(image))


def test_all_sizes_can_be_closed():
    program = exported.export(shrinking(), dynamic=False)
    assert program.range_constraints == {}


def test_what_is_exported_is_the_evaluation_form_and_the_module_stays_in_its_mode():
    module = build(graphs.fusion())
    program = exported.export(module, dynamic=False)
    assert module.training
    image = torch.randn(1, 3, 64, 96)
    torch.testing.assert_close(program.module()(image)["logits"], module.eval()(image))


def test_several_outputs_are_a_dict_by_name():
    net = Network((3, 32, 32), "Heads")
    a = net.conv("image", c=4, s=2, name="a")
    module = build(net.graph(logits=net.conv(a, c=5, name="b"), aux=a)).eval()
    image = torch.randn(2, 3, 64, 32)
    found, expected = exported.export(module).module()(image), module.forward_all(image)
    assert list(found) == ["logits", "aux"]
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor)
