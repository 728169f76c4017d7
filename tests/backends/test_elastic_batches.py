"""Equal layers on several small maps are called once, on a batch of the images of all."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import archdsl
from archdsl.backends.elastic import entries
from archdsl.backends.elastic.network import ElasticNetwork
from archdsl.backends.elastic.shared import build
from archdsl.backends.supernet.batching import batched
from archdsl.ir import Node
from archdsl.passes.transforms.distribute import Distribute

BLENDED = """arch 1

op plain(x; c: int) = x -> conv(c = c) -> bn -> relu
op deep(x; c: int) = x -> conv(c = c) -> bn -> relu -> conv(c = c) -> bn

space Blended {
  input image: [3, 16, 32]
  fine = image -> conv(c = 4, s = 2) -> bn -> relu
  coarse = image -> conv(c = 4, s = 2) -> bn
  stage cells for i in 1..2 {
    w = one of {4, 8}
    x = one of {fine, coarse}
    kind = one of {plain, deep}
    y = x -> kind(c = w)
    z[i] = y
  }
  output logits = concat(z[1], z[2]) -> conv(c = 5, k = 1)
}
"""
OUTCOMES = {"cells[1].w": 0, "cells[2].w": 1}
MIXED = ("cells[1].x", "cells[2].x", "cells[1].kind", "cells[2].kind")


class Calls(TorchDispatchMode):
    """Counts calls of operators."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def member(text: str = BLENDED, **settings: object) -> ElasticNetwork:
    torch.manual_seed(3)
    space = archdsl.load(text).space(**settings)
    graph = Distribute("x")(space.graph) if "x = one of" in text else space.graph
    return build({"one": graph}).members["one"].double()


def weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return {path: torch.rand(2, generator=generator).double().softmax(0).requires_grad_() for path in MIXED}


def computed(
    net: ElasticNetwork, monkeypatch: pytest.MonkeyPatch, small: int
) -> tuple[torch.Tensor, list, Counter]:
    """The output, the gradients of all weights, and the calls."""
    monkeypatch.setattr(entries, "SMALL", small)
    x, mixes = torch.randn(2, 3, 16, 32, generator=torch.Generator().manual_seed(1)).double(), weights()
    with Calls() as calls:
        y = net(x, outcomes=OUTCOMES, weights=mixes)
    y.square().mean().backward()
    gradients = [*(p.grad for p in net.parameters()), *(one.grad for one in mixes.values())]
    return y.detach(), gradients, calls.count


def test_a_block_evaluated_on_two_inputs_calls_each_layer_once(monkeypatch: pytest.MonkeyPatch):
    alone, apart, singly = computed(member(), monkeypatch, 0)
    y, gradients, together = computed(member(), monkeypatch, 1 << 17)
    # Of 2 + 2 * 2 * 3 + 1 convolutions those of the second inputs are gone; each normalization stays.
    assert (singly["convolution"], together["convolution"]) == (15, 9)
    assert together["native_batch_norm"] == singly["native_batch_norm"]
    # The candidates are joined once for all first convolutions; the inputs of each second one.
    assert together["cat"] == singly["cat"] + 3
    torch.testing.assert_close(y, alone, rtol=1e-12, atol=1e-12)
    for one, other in zip(gradients, apart, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_networks_of_one_hot_weights_are_those_of_paths():
    net = member().eval()
    x = torch.randn(1, 3, 16, 32).double()
    for choice in range(16):
        picked = {path: choice >> n & 1 for n, path in enumerate(MIXED)}
        mixes = {path: nn.functional.one_hot(torch.tensor(o), 2).double() for path, o in picked.items()}
        with torch.no_grad():
            y = net(x, outcomes=OUTCOMES, weights=mixes)
            path = net.path(x, outcomes=OUTCOMES | picked)
        torch.testing.assert_close(y, path, rtol=1e-12, atol=1e-12)


def test_large_maps_are_not_copied(monkeypatch: pytest.MonkeyPatch):
    calls = computed(member(), monkeypatch, 4 * 8 * 16 - 1)[2]
    assert calls["convolution"] > 9


def test_gradient_checkpointing_computes_batches_again(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(3)
    graph = Distribute("x")(archdsl.load(BLENDED).space().graph)
    net = build({"one": graph}, checkpoint=True).members["one"].double()
    plain, apart, _ = computed(member(), monkeypatch, 0)
    y, gradients, _ = computed(net, monkeypatch, 1 << 17)
    torch.testing.assert_close(y, plain, rtol=1e-12, atol=1e-12)
    for one, other in zip(gradients, apart, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def node(name: str, *inputs: str) -> Node:
    return Node(name, "conv", inputs, {}, name, frozenset(), None, None, None)


def test_nodes_that_depend_on_each_other_are_not_computed_together():
    a, b, c, d = node("a", "image"), node("b", "a"), node("c", "b"), node("d", "image")
    items = {one.name: one for one in (a, b, c, d)}
    found = batched(items, lambda name: items[name].inputs, [[a, c], [b, d]])
    assert [[one.name for one in batch] for batch in found.batches] == [["b", "d"]]
    assert list(found.order) == ["a", "b", "c"]


def test_of_two_batches_that_exclude_each_other_one_is_computed_together():
    a, b, c, d = node("a", "image"), node("b", "a"), node("c", "image"), node("d", "c")
    items = {one.name: one for one in (a, b, c, d)}
    found = batched(items, lambda name: items[name].inputs, [[a, d], [b, c]])
    assert [[one.name for one in batch] for batch in found.batches] == [["b", "c"]]
    assert list(found.order) == ["a", "b", "d"]


def test_a_layer_that_is_applied_to_its_own_output_is_called_twice():
    a, b = node("a", "image"), node("b", "a")
    items = {one.name: one for one in (a, b)}
    assert batched(items, lambda name: items[name].inputs, [[a, b]]).order == ["a", "b"]
