"""What it takes for a path of an elastic supernet to be the network that is taken out, bit for bit."""

from __future__ import annotations

import random
from collections.abc import Mapping

import torch
from torch import nn

from archdsl import Space
from archdsl.backends.elastic.network import ElasticNetwork

UNET = """arch 1

space UNet(; classes = 5) {
  input image: [3, 32, 64]
  w = one of {8, 16, 24}
  k = one of {1, 3, 5}
  d = one of {1..3}
  x[0] = image -> conv(c = w) -> bn -> relu
  stage down for i in 1..3 {
    c = one of {8, 12, 20}
    x[i] = x[i - 1] -> conv(c = c, k = k) -> bn -> relu -> dwconv(k = one of {3, 5}) -> bn -> scale
  }
  wide = any 2 of x[0..2]
  y = concat(wide) -> bn -> relu -> conv(c = 16, k = 1)
  output logits = concat(y, x[d]) -> conv(c = classes, k = 1, bias = true)
}
"""
"""A U-Net of searched widths, kernels and depth, with two of three maps joined."""


def sampled(space: Space, rng: random.Random) -> dict[str, int]:
    return {path: rng.randrange(d.size) for path, d in space.searched.decisions.items()}


def named(space: Space, outcomes: Mapping[str, int]) -> dict[str, str]:
    return {path: space.decisions[path].outcomes[o] for path, o in outcomes.items()}


def inputs(space: Space, batch: int = 2) -> list[torch.Tensor]:
    torch.manual_seed(3)
    return [torch.randn(batch, *shape) for shape in space.graph.inputs.values()]


def demand_equal(space: Space, net: ElasticNetwork, outcomes: dict[str, int], *, training: bool) -> None:
    """Outputs, gradients and statistics of a path are those of the network, and of one compiled by itself."""
    net.train(training).zero_grad()
    taken = net.network(outcomes)
    compiled = space.bind(named(space, outcomes)).module().train(training)
    compiled.load_state_dict(taken.state_dict())
    images = inputs(space)
    results = []
    for run in (
        lambda: net.path(*images, outcomes=outcomes),
        lambda: taken(*images),
        lambda: compiled(*images),
    ):
        torch.manual_seed(5)  # dropout
        results.append(run())
        if results[-1].requires_grad:
            results[-1].square().sum().backward()
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[1], results[2])
    after = net.network(outcomes)
    for name, value in taken.state_dict().items():
        assert torch.equal(value, after.state_dict()[name]), name
    assert gradients(net, outcomes) == gradients(taken, None)
    assert gradients(taken, None) == gradients(compiled, None)


def gradients(module: nn.Module, outcomes: dict[str, int] | None) -> list[tuple[str, bytes]]:
    """The gradients of a network; of a supernet those of the parts that the network has."""
    if outcomes is None:
        return [(n, _bytes(p.grad, p)) for n, p in module.named_parameters()]
    assert isinstance(module, ElasticNetwork)
    values = {own: own.data for own in module.parameters()}
    for own in values:  # the network is taken out of the gradients, which are not copied: there are many
        own.data = torch.zeros(()).expand_as(own) if own.grad is None else own.grad
    taken = module.network(outcomes)
    for own, value in values.items():
        own.data = value
    return [(n, _bytes(p, p)) for n, p in taken.named_parameters()]


def _bytes(value: torch.Tensor | None, like: torch.Tensor) -> bytes:
    """Negative zeros are zeros, as sums with those of other networks make them."""
    return bytes((torch.zeros_like(like) if value is None else value.detach() + 0.0).contiguous().numpy())
