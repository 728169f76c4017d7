"""Five elastic spaces: a path is the network that is taken out, and they train on sampled paths."""

from __future__ import annotations

import os
import random
from functools import cache

import pytest
import torch
from elastic_equality import demand_equal, inputs, sampled

import archdsl
from archdsl import Space
from archdsl.backends.elastic.network import ElasticNetwork, build
from archdsl.program import load

UNET = """arch 1

op double(x; c: int, k: int = 3) = x -> conv(c = c, k = k) -> bn -> relu -> conv(c = c) -> bn -> relu

space UNet(; classes = 4) {
  input image: [3, 32, 32]
  stage down for i in 1..4 {
    width = one of {4 * i, 6 * i, 8 * i}
    kernel = one of {3, 5}
    at = image if i == 1 else (x[i - 1] -> max_pool(k = 2, s = 2))
    x[i] = at -> double(c = width, k = kernel)
  }
  depth = one of {2..4}
  u[4] = x[4]
  stage up for n in 1..3 {
    i = 4 - n
    wide = one of {4 * i, 8 * i}
    joined = concat(u[i + 1] -> upsample(like = x[i]), x[i]) -> double(c = wide)
    u[i] = joined if i < depth else x[i]
  }
  output logits = u[1] -> conv(c = classes, k = 1, bias = true)
}
"""
SPACES = {
    "elastic": {"image": (3, 32, 64), "classes": 4},
    "fasterseg": {"image": (3, 64, 128), "classes": 4},
    "ofa_mobilenet": {"image": (3, 32, 32), "classes": 4},
    "template": {"image": (3, 64, 64), "classes": 4},
}
NAMES = [*SPACES, "unet"]


@cache
def space_of(name: str) -> Space:
    return archdsl.load(UNET).space() if name == "unet" else load(f"specs/{name}.arch").space(**SPACES[name])


@cache
def supernet_of(name: str) -> ElasticNetwork:
    return build(space_of(name).searched)


def demand_paths_equal(name: str, count: int, seed: int) -> None:
    space, net, rng = space_of(name), supernet_of(name), random.Random(f"{name}{seed}")
    for _ in range(count):
        outcomes = sampled(space, rng)
        for training in (True, False):
            demand_equal(space, net, outcomes, training=training)


@pytest.mark.parametrize("name", NAMES)
def test_a_path_of_each_space_is_the_network_that_is_taken_out(name: str) -> None:
    demand_paths_equal(name, 1, seed=0)


MANY = {"elastic": 8, "fasterseg": 1, "ofa_mobilenet": 2, "template": 1, "unet": 12}
"""How many more networks of each space fit in a few seconds; ELASTIC_NETWORKS=200 asks for many."""


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_paths_of_each_space_are_the_networks_that_are_taken_out(name: str) -> None:
    demand_paths_equal(name, int(os.environ.get("ELASTIC_NETWORKS", MANY[name])), seed=1)


def test_gradients_are_added_in_the_order_of_the_network_also_where_the_first_of_equal_nodes_is_missing() -> (
    None
):
    text = """arch 1

space Merged {
  input image: [3, 16, 16]
  x = image -> conv(c = 8) -> bn
  a = one of {pooled: x -> max_pool(k = 3) -> conv(c = 8), plain: x -> conv(c = one of {8, 4}) -> conv(c = 8)}
  b = x -> conv(c = 8, k = 5)
  c = x -> max_pool(k = 3) -> conv(c = 8, k = 1)
  output logits = a + b + c -> conv(c = 2, k = 1)
}
"""
    space = archdsl.load(text).space()
    net, rng = build(space.searched), random.Random(0)
    for _ in range(8):
        demand_equal(space, net, sampled(space, rng), training=True)


@pytest.mark.parametrize("name", NAMES)
def test_each_space_trains_on_drawn_paths(name: str) -> None:
    space = space_of(name)
    torch.manual_seed(1)
    net, rng = build(space.searched).train(), random.Random(name)
    images = inputs(space)
    networks = [sampled(space, rng) for _ in range(2)]

    def loss(outcomes: dict[str, int]) -> torch.Tensor:
        logits = net.path(*images, outcomes=outcomes)
        return torch.nn.functional.cross_entropy(logits, torch.zeros_like(logits[:, 0], dtype=torch.long))

    before = [float(loss(outcomes).detach()) for outcomes in networks]
    for step in range(8):
        net.zero_grad()
        loss(networks[step % 2]).backward()
        trained = [own for own in net.parameters() if own.grad is not None]
        with torch.no_grad():
            torch._foreach_add_(trained, [own.grad for own in trained], alpha=-0.02)
    after = [float(loss(outcomes).detach()) for outcomes in networks]
    assert all(later < first for later, first in zip(after, before, strict=True))
