"""Options of supernets change no results; types, formats and devices are followed."""

from __future__ import annotations

import copy
import random

import pytest
import torch
from torch import nn

import archdsl
from archdsl.backends.supernet import SuperNetwork, build
from archdsl.program import Space

SPACE = """arch 1
import conv1, conv_bn_relu, sep1, skip, pool from "std/ops.arch"
op biased(x; c: int, s: int = 1) {
  return x -> dwconv(k = 5, s = s, d = 4, bias = true) -> conv(c = c, k = 1)
}
OPS = {
  zero, skip, pool, conv: conv1, wide: conv1(k = 5), sep: sep1, dil2: sep1(d = 2), dil3: sep1(d = 3), biased,
}
cell Two(p, q; c: int, s: int = 1) {
  a = one of OPS
  b = one of OPS
  m = a(p, c = c, s = s) + b(q, c = c, s = s)
  n = a(q, c = c, s = s) + b(p, c = c, s = s)
  return concat(m, n)
}
space Small {
  input image: [3, 32, 40]
  x[0] = image -> conv_bn_relu(c = 8)
  Cell = once Two
  Reduce = once Two
  x[1] = Cell(x[0], x[0] -> conv1(k = 1), c = 8)
  x[2] = Reduce(x[1] -> conv1(c = 8, k = 1), x[1] -> conv1(c = 8, k = 1), c = 8, s = 2)
  x[3] = Reduce(x[2] -> conv1(c = 8, k = 1), x[2] -> conv1(c = 8, k = 1), c = 8, s = 2)
  x[4] = Cell(x[3] -> conv1(c = 8, k = 1), x[3] -> conv1(c = 8, k = 1), c = 8)
  output logits = x[4] -> conv(c = 4, k = 1, bias = true)
}
"""
OPTIONS = [{"fuse": True}, {"checkpoint": True}, {"fuse": True, "checkpoint": True}]


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def small() -> Space:
    return archdsl.load("small.arch", text=SPACE).space()


def pair(found: Space, **options: bool) -> tuple[SuperNetwork, SuperNetwork]:
    """A supernet without options and one with, in double precision, with equal weights."""
    plain, other = build(found.graph).double(), build(found.graph, **options).double()
    other.load_state_dict(plain.state_dict())
    return plain, other


def soft(found: Space, dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    vectors = {p: torch.rand(d.size, generator=generator, dtype=dtype) for p, d in found.decisions.items()}
    return {p: vector.softmax(0).requires_grad_() for p, vector in vectors.items()}


def image(height: int = 32, width: int = 40, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1), dtype=dtype)


def some_outcomes(found: Space, seed: int) -> dict[str, int]:
    chosen = found.sample(random.Random(seed))
    return {path: found.decisions[path].index[outcome] for path, outcome in chosen.items()}


def gradients(net: SuperNetwork, y: torch.Tensor, weights: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    wanted = [*net.parameters(), *weights.values()]
    return [g for g in torch.autograd.grad(y.square().mean(), wanted, allow_unused=True) if g is not None]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("size", [(32, 40), (31, 53), (8, 20), (4, 8)])
def test_options_change_neither_outputs_nor_gradients_nor_running_statistics(small, options, size):
    plain, other = pair(small, **options)
    weights, x = soft(small), image(*size)
    expected, found = plain(x, weights=weights), other(x, weights=weights)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients(other, found, weights), gradients(plain, expected, weights))
    torch.testing.assert_close(other.state_dict(), plain.state_dict())


@pytest.mark.parametrize("options", OPTIONS)
def test_options_change_no_path(small, options):
    plain, other = pair(small, **options)
    for seed in range(4):
        outcomes, weights = some_outcomes(small, seed), soft(small)
        for given in (None, weights):
            expected = plain.path(image(), outcomes=outcomes, weights=given)
            found = other.path(image(), outcomes=outcomes, weights=given)
            torch.testing.assert_close(found, expected)
            wanted = weights if given else {}
            torch.testing.assert_close(gradients(other, found, wanted), gradients(plain, expected, wanted))
    torch.testing.assert_close(other.state_dict(), plain.state_dict())


def test_checkpointing_is_bit_equal_and_keeps_less(small):
    plain, other = pair(small, checkpoint=True)
    x, weights = image(), soft(small)
    kept = []
    for net in (plain, other):
        sizes: dict[int, int] = {}

        def note(tensor: torch.Tensor, sizes: dict[int, int] = sizes) -> torch.Tensor:
            sizes[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            y = net(x, weights=weights)
        kept.append((y, sum(sizes.values()), gradients(net, y, weights)))
    (y, bytes_plain, found), (same, bytes_checkpointed, others) = kept
    assert torch.equal(y, same)
    assert all(torch.equal(a, b) for a, b in zip(found, others, strict=True))
    assert bytes_checkpointed < bytes_plain / 4


def test_fused_weights_load_into_the_fixed_network(small):
    net = build(small.graph, fuse=True).eval()
    for seed in range(4):
        outcomes = some_outcomes(small, seed)
        x = image(dtype=torch.float32)
        torch.testing.assert_close(net.path(x, outcomes=outcomes), net.network(outcomes)(x))


@pytest.mark.parametrize("fuse", [False, True])
def test_channels_last_gives_equal_results(small, fuse):
    plain, other = pair(small, fuse=fuse)
    other.to(memory_format=torch.channels_last)
    weights = soft(small)
    expected = plain(image(), weights=weights)
    found = other(image().contiguous(memory_format=torch.channels_last), weights=weights)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients(other, found, weights), gradients(plain, expected, weights))


@pytest.mark.parametrize("options", [{}, *OPTIONS])
def test_autocast_trains_in_bfloat16(small, options):
    net, weights = build(small.graph, **options), soft(small, torch.float32)
    expected = copy.deepcopy(net)(image(dtype=torch.float32), weights=weights)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = net(image(dtype=torch.float32), weights=weights)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=0.1, atol=0.1)
    found.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert all(w.grad is not None and w.grad.isfinite().all() for w in weights.values())


def test_its_state_is_that_of_its_layers(small):
    net = build(small.graph, fuse=True, checkpoint=True)
    layers = {f"{name}.{key}" for name, layer in net.named_children() for key in layer.state_dict()}
    assert set(net.state_dict()) == layers
    assert not any(isinstance(layer, SuperNetwork) for layer in net.children())


def test_everything_follows_to_another_device(small):
    net = build(small.graph).to("meta")
    assert {t.device.type for t in [*net.parameters(), *net.buffers()]} == {"meta"}
    weights = {p: w.to("meta") for p, w in soft(small, torch.float32).items()}
    assert net(image(dtype=torch.float32).to("meta"), weights=weights).shape == (2, 4, 8, 10)


@pytest.mark.parametrize("options", [{}, *OPTIONS])
def test_a_copy_has_the_type_and_mode_and_weights_of_its_own(small, options):
    net = build(small.graph, **options).double().eval()
    weights, x = soft(small), image()
    twin = copy.deepcopy(net)
    assert torch.equal(twin(x, weights=weights), net(x, weights=weights))
    assert not twin.training
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert all(p.any() for layer in net.children() if isinstance(layer, nn.Conv2d) for p in [layer.weight])


def test_a_network_has_the_type_of_its_supernet(small):
    net = build(small.graph).double()
    assert net.network(some_outcomes(small, 0))(image()).dtype == torch.float64
