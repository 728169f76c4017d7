"""Learned transforms of elastic kernels (once-for-all networks, arXiv:1908.09791, section 3.3)."""

from __future__ import annotations

import os
import random

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
from elastic_equality import UNET, inputs, named, sampled

import archdsl
from archdsl import Space, SpecError
from archdsl.backends.elastic.network import ElasticNetwork, build
from archdsl.backends.elastic.shared import build as build_shared

DEPTHWISE = """arch 1

space Depthwise {
  input image: [4, 16, 16]
  output logits = image -> dwconv(k = one of {3, 5, 7}, s = 2)
}
"""
EVERY_KIND = """arch 1

space Kinds(; classes = 3) {
  input image: [3, 16, 16]
  k = one of {2, 3, 5}
  rows = one of {1, 3}
  a = image -> conv(c = one of {4, 8}, k = k, padding = "same") -> bn -> relu
  b = a -> conv(c = 8, k = [rows, one of {3, 5}], g = 2) -> relu
  c = b -> channel_conv(k = one of {3, 5}) -> conv_transpose(c = 6, k = one of {3, 5}, s = 2)
  output logits = c -> conv(c = classes, k = 1, bias = true)
}
"""


def transformed(text: str, **settings) -> tuple[Space, ElasticNetwork]:
    space = archdsl.load(text).space(**settings)
    net = build(space.searched, kernels="transformed")
    torch.manual_seed(2)
    with torch.no_grad():
        for name, value in net.named_parameters():
            if "_to_" in name:
                value.add_(torch.randn_like(value), alpha=0.3)
    return space, net


def matrices(net: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in net.named_parameters() if "_to_" in name}


def test_a_smaller_kernel_is_the_next_larger_ones_centre_times_a_matrix() -> None:
    space, net = transformed(DEPTHWISE)
    (seven,) = (value for name, value in net.named_parameters() if name.endswith(".weight"))
    first, second = (value for name, value in net.named_parameters() if "_to_" in name)
    five = (seven[:, :, 1:6, 1:6].reshape(4, 25) @ first.T).reshape(4, 1, 5, 5)
    three = (five[:, :, 1:4, 1:4].reshape(4, 9) @ second.T).reshape(4, 1, 3, 3)
    (path,) = space.searched.decisions
    (image,) = inputs(space)
    for outcome, weight in enumerate((three, five, seven)):
        expected = F.conv2d(image, weight, stride=2, padding=weight.shape[-1] // 2, groups=4)
        torch.testing.assert_close(net.path(image, outcomes={path: outcome}), expected)


def test_matrices_are_named_by_the_sizes_and_counted_as_parameters() -> None:
    space = archdsl.load(DEPTHWISE).space()
    net = build(space.searched, kernels="transformed")
    names = {name.rpartition(".")[2]: shape for name, shape in matrices(net).items()}
    assert names == {"weight_7x7_to_5x5": (25, 25), "weight_5x5_to_3x3": (9, 9)}
    assert sum(p.numel() for p in net.parameters()) == 4 * 49 + 25**2 + 9**2


@pytest.mark.parametrize("text", [DEPTHWISE, EVERY_KIND, UNET])
def test_identities_are_the_centre_of_the_largest_kernel(text: str) -> None:
    space = archdsl.load(text).space()
    nets = [build(space.searched, kernels=kernels) for kernels in ("cropped", "transformed")]
    taken = nets[0].state_dict()
    nets[1].load_state_dict({**nets[1].state_dict(), **taken})
    rng = random.Random(1)
    for _ in range(6):
        outcomes = sampled(space, rng)
        results = [net.eval().path(*inputs(space), outcomes=outcomes) for net in nets]
        torch.testing.assert_close(*results, rtol=1e-5, atol=1e-5)


def demand_extracted(space: Space, net: ElasticNetwork, outcomes: dict[str, int], training: bool) -> None:
    """A path, the network that is extracted, and the one compiled separately have equal outputs; the gradient
    of each stored weight is that of the weights that are derived from it.
    """
    net.train(training).zero_grad()
    taken = net.network(outcomes)
    compiled = space.bind(named(space, outcomes)).module().train(training)
    compiled.load_state_dict(taken.state_dict())
    images = [image.requires_grad_() for image in inputs(space)]
    found = []
    for run in (
        lambda: net.path(*images, outcomes=outcomes),
        lambda: taken(*images),
        lambda: compiled(*images),
    ):
        result = run()
        (gradient,) = torch.autograd.grad(result.square().sum(), images, retain_graph=True)
        found.append((result, gradient))
    for result, gradient in found[1:]:
        assert torch.equal(result, found[0][0])
        assert torch.equal(gradient, found[0][1])


@pytest.mark.parametrize("text", [DEPTHWISE, EVERY_KIND, UNET])
@pytest.mark.parametrize("training", [True, False])
def test_a_path_is_the_network_that_is_extracted(text: str, training: bool) -> None:
    space, net = transformed(text)
    rng = random.Random(3)
    for _ in range(6):
        demand_extracted(space, net, sampled(space, rng), training)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("elastic", {"image": (3, 32, 64), "classes": 4}),
        ("ofa_mobilenet", {"image": (3, 32, 32), "classes": 4}),
    ],
)
def test_many_paths_of_shipped_spaces_are_the_networks_that_are_extracted(name: str, settings) -> None:
    space, net = transformed(f"specs/{name}.arch", **settings)
    rng = random.Random(name)
    for _ in range(int(os.environ.get("ELASTIC_NETWORKS", "3"))):
        outcomes = sampled(space, rng)
        for training in (True, False):
            demand_extracted(space, net, outcomes, training)


def test_gradients_reach_the_largest_kernel_and_only_matrices_on_the_way() -> None:
    space, net = transformed(DEPTHWISE)
    (path,) = space.searched.decisions
    (image,) = inputs(space)
    reached = []
    for outcome in range(3):
        net.zero_grad()
        net.path(image, outcomes={path: outcome}).square().sum().backward()
        with_gradient = {n.rpartition(".")[2] for n, p in net.named_parameters() if p.grad is not None}
        reached.append(with_gradient - {"weight"})
        assert "weight" in with_gradient
    assert reached == [{"weight_7x7_to_5x5", "weight_5x5_to_3x3"}, {"weight_7x7_to_5x5"}, set()]


def test_the_gradient_of_a_slice_of_a_large_weight_passes_through_the_matrix() -> None:
    text = DEPTHWISE.replace("dwconv(k = one of {3, 5, 7}", "conv(c = one of {64, 128}, k = one of {5, 7}")
    space, net = transformed(text)
    (image,) = inputs(space)
    net.path(image, outcomes=dict.fromkeys(space.searched.decisions, 0)).square().sum().backward()
    weight, matrix = (value for name, value in net.named_parameters() if not name.endswith("bias"))
    by_hand = weight.detach().requires_grad_(), matrix.detach().requires_grad_()
    small = F.linear(by_hand[0][:64, :, 1:6, 1:6].reshape(-1, 25), by_hand[1]).reshape(64, 4, 5, 5)
    F.conv2d(image, small, stride=2, padding=2).square().sum().backward()
    torch.testing.assert_close([weight.grad, matrix.grad], [value.grad for value in by_hand])


def test_the_gradient_of_a_stored_kernel_is_checked_against_differences() -> None:
    space, net = transformed(DEPTHWISE)
    net.double()
    (path,) = space.searched.decisions
    image = inputs(space, batch=1)[0].double()

    def loss(*values: torch.Tensor) -> torch.Tensor:
        found = dict(zip(dict(net.named_parameters()), values, strict=True))
        return torch.func.functional_call(net, found, image, {"outcomes": {path: 0}}).square().mean()

    values = [value.detach().requires_grad_() for value in net.parameters()]
    assert torch.autograd.gradcheck(loss, values, eps=1e-6, atol=1e-6)


def test_a_mixture_of_kernels_is_the_mixture_of_their_results() -> None:
    space, net = transformed(DEPTHWISE)
    (path,) = space.searched.decisions
    (image,) = inputs(space)
    weights = torch.tensor([0.2, 0.3, 0.5])
    mixed = net(image, weights={path: weights})
    alone = [net.path(image, outcomes={path: outcome}) for outcome in range(3)]
    expected = sum(weight * one for weight, one in zip(weights, alone, strict=True))
    torch.testing.assert_close(mixed, expected)


def test_spaces_that_share_weights_share_matrices_of_all_their_kernels() -> None:
    other = DEPTHWISE.replace("{3, 5, 7}", "{1, 5}")
    graphs = {name: archdsl.load(text).space().searched for name, text in (("a", DEPTHWISE), ("b", other))}
    shared = build_shared(graphs, kernels="transformed")
    names = {name.rpartition(".")[2] for name in matrices(shared)}
    assert names == {"weight_7x7_to_5x5", "weight_5x5_to_3x3", "weight_3x3_to_1x1"}
    assert shared.members["b"].path(torch.randn(1, 4, 16, 16), outcomes={"logits.1": 0}).shape == (1, 4, 8, 8)


def test_kernel_sizes_that_cannot_be_listed_are_an_error() -> None:
    text = DEPTHWISE.replace("[4, 16, 16]", "[4, 8192, 8192]").replace(
        "one of {3, 5, 7}", "1 + 2 * one of {0..600}"
    )
    with pytest.raises(SpecError, match="cannot be listed"):
        build(archdsl.load(text).space().searched, kernels="transformed")
