"""Supernets: one-hot weights give a network bit for bit, soft ones the sum that is meant."""

from __future__ import annotations

import copy
import random
from pathlib import Path

import pytest
import torch
from torch.nn.functional import one_hot

import archdsl
from archdsl.backends.supernet import SuperNetwork, build
from archdsl.diagnostics import SpecError
from archdsl.program import Space

SPECS = Path(__file__).resolve().parents[2] / "specs"

SMALL = """arch 1
import conv1, sep1, skip, pool, factorized_reduce from "std/ops.arch"
OPS = {zero, skip, pool, conv: conv1, sep: sep1, dil2: sep1(d = 2)}
cell Two(p; c: int) {
  a = one of OPS
  b = one of OPS
  m = a(p, c = c) + b(p, c = c)
  return concat(m, p -> conv1(c = c, k = 1))
}
space Small {
  input image: [3, 32, 32]
  x[0] = image -> conv(c = 8)
  Cell = once Two
  stage body for i in 1..3 {
    x[i] = Cell(x[i - 1] -> conv1(c = 8, k = 1), c = 8)
  }
  gate = one of {1..3}
  before = (x[0] -> conv1(c = 16, k = 1)) if gate == 1 else (x[gate - 1] -> conv1(c = 16, k = 1))
  k = one of {1, 3, 5}
  output logits = x[gate] + before -> conv(c = 4, k = k, bias = true)
}
"""


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def space(text: str) -> Space:
    return archdsl.load("small.arch", text=text).space()


def outcomes_of(found: Space, seed: int, **given: str) -> dict[str, int]:
    chosen = {**found.sample(random.Random(seed)), **given}
    return {path: found.decisions[path].index[outcome] for path, outcome in chosen.items()}


def hard(found: Space, outcomes: dict[str, int]) -> dict[str, torch.Tensor]:
    return {p: one_hot(torch.tensor(o), found.decisions[p].size).float() for p, o in outcomes.items()}


def soft(found: Space, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {p: torch.rand(d.size, generator=generator).softmax(0) for p, d in found.decisions.items()}


def image(found: Space, batch: int = 2) -> torch.Tensor:
    (shape,) = found.graph.inputs.values()
    return torch.randn(batch, *shape, generator=torch.Generator().manual_seed(1))


def three_ways(
    net: SuperNetwork, x: torch.Tensor, found: Space, outcomes: dict[str, int]
) -> list[torch.Tensor]:
    """The supernet, its path, and its weighted path, each from the same running statistics."""
    weights, state = hard(found, outcomes), copy.deepcopy(net.state_dict())
    results = []
    for run in (
        lambda: net(x, weights=weights),
        lambda: net.path(x, outcomes=outcomes),
        lambda: net.path(x, outcomes=outcomes, weights=weights),
    ):
        net.load_state_dict(state)
        results.append(run())
    return results


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("gate", ["1", "2", "3"])
def test_one_hot_weights_give_the_network_with_inherited_weights_bit_for_bit(training, gate):
    found = space(SMALL)
    net, x = build(found.graph).train(training), image(found)
    for seed in range(8):
        outcomes = outcomes_of(found, seed, gate=gate)
        expected = net.network(outcomes)(x)
        assert all(torch.equal(y, expected) for y in three_ways(net, x, found, outcomes))


@pytest.mark.parametrize("gate", range(4))
def test_the_shipped_small_space_is_bit_equal_at_every_gate(gate):
    found = archdsl.load(SPECS / "space.arch").space()
    gates = {p: str(min(gate + 1, d.size)) for p, d in found.decisions.items() if p.endswith("gate")}
    outcomes = outcomes_of(found, gate, **gates)
    for training in (True, False):
        net = build(found.graph).train(training)
        x = image(found, 1)[..., :64]
        expected = net.network(outcomes)(x)
        assert all(torch.equal(y, expected) for y in three_ways(net, x, found, outcomes))


WINDOWS = """arch 1
space S {
  input image: [3, 8, 12]
  k = one of {[1, 3], [3, 1], 3}
  padding = one of {same: "same", both: [1, 1]}
  mode = one of {"zeros", "reflect"}
  over = one of {yes: true, no: false}
  o = one of {
    conv(k = [1, 3], d = [1, 2], padding = "same"), dwconv(k = [3, 1], d = [2, 1]), dwconv(d = 2),
    conv_transpose(s = 1), max_pool(k = 2, padding = "same"), avg_pool(count_padding = true),
  }
  w = one of {conv(k = 1, s = [2, 1]), conv(s = [2, 1], padding = "same", padding_mode = "circular")}
  x = image -> conv(c = 4, k = k) -> bn -> o -> conv(padding = padding, padding_mode = mode)
  output y = x -> avg_pool(s = 1, ceil = over, count_padding = over) -> w
}
"""


@pytest.mark.parametrize("seed", range(12))
def test_windows_of_any_kind_have_the_weights_and_outputs_of_their_network(seed):
    found = space(WINDOWS)
    net, x, outcomes = build(found.graph).eval(), image(found), outcomes_of(found, seed)
    expected = net.network(outcomes)(x)
    assert all(torch.equal(y, expected) for y in three_ways(net, x, found, outcomes))


def test_a_mixture_is_the_weighted_sum_of_its_candidates():
    found = space(
        'arch 1\nimport conv1, sep1, skip, pool from "std/ops.arch"\n'
        "space S { input image: [8, 16, 16]\n"
        "kind = one of {zero, skip, pool, conv: conv1, sep: sep1}\n"
        "output y = image -> kind(c = 8) }"
    )
    net, x, weights = build(found.graph).eval(), image(found), soft(found)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
    alone = [net.path(x, outcomes={"kind": o}) for o in range(5)]
    expected = sum(w * y for w, y in zip(weights["kind"], alone, strict=True))
    torch.testing.assert_close(net(x, weights=weights), expected)


def test_weights_get_the_gradient_of_the_written_sum():
    found = space(SMALL)
    net, x = build(found.graph).eval(), image(found)
    weights = {p: w.requires_grad_() for p, w in soft(found).items()}
    net(x, weights=weights).square().mean().backward()
    double = copy.deepcopy(net).double()
    for path, weight in weights.items():

        def at(shift: float, path: str = path) -> torch.Tensor:
            moved = weights[path].detach().double().clone()
            moved[0] += shift
            exact = {p: (moved if p == path else w.detach().double()) for p, w in weights.items()}
            return double(x.double(), weights=exact).square().mean()

        slope = (at(1e-5) - at(-1e-5)) / 2e-5
        torch.testing.assert_close(weight.grad[0].double(), slope.detach(), rtol=2e-3, atol=1e-6)


def test_a_path_passes_gradients_to_the_weights_of_what_it_picks():
    found = space(SMALL)
    net, x = build(found.graph), image(found)
    outcomes = outcomes_of(found, 3, gate="2", **{"Cell.a": "conv"})
    weights = {p: w.requires_grad_() for p, w in hard(found, outcomes).items()}
    net.path(x, outcomes=outcomes, weights=weights).square().mean().backward()
    grad = weights["Cell.a"].grad
    assert grad[outcomes["Cell.a"]] != 0
    assert (grad != 0).sum() == 1


@pytest.mark.parametrize("gate", ["1", "2", "3"])
def test_weights_of_a_path_get_the_gradients_that_the_whole_supernet_gives_them(gate):
    found = space(SMALL)
    net, x = build(found.graph).double(), image(found).double()
    outcomes = outcomes_of(found, 4, gate=gate)
    gradients = []
    for run in (
        lambda weights: net(x, weights=weights),
        lambda weights: net.path(x, outcomes=outcomes, weights=weights),
    ):
        weights = {p: w.double().requires_grad_() for p, w in hard(found, outcomes).items()}
        run(weights).square().mean().backward()
        picked = {p: w.grad[outcomes[p]] for p, w in weights.items() if w.grad is not None}
        gradients.append(torch.stack([picked.get(p, torch.zeros(()).double()) for p in outcomes]))
    assert gradients[1].any()
    torch.testing.assert_close(gradients[1], gradients[0])


def test_a_network_of_the_supernet_has_copies_of_its_weights():
    found = space(SMALL)
    net, x = build(found.graph).eval(), image(found)
    outcomes = outcomes_of(found, 1)
    module = net.network(outcomes)
    before = module(x)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    assert torch.equal(module(x), before)


def test_its_weights_load_into_the_network_compiled_from_text(tmp_path):
    (tmp_path / "small.arch").write_text(SMALL)
    found = archdsl.load(tmp_path / "small.arch").space()
    net, x = build(found.graph).eval(), image(found)
    chosen = found.sample(random.Random(5))
    (tmp_path / "best.arch").write_text(archdsl.bind(found, chosen).to_arch())
    compiled = archdsl.compile(tmp_path / "best.arch")
    inherited = net.network({p: found.decisions[p].index[o] for p, o in chosen.items()})
    compiled.load_state_dict(inherited.state_dict())
    assert torch.equal(compiled(x), inherited(x))


def test_once_shares_decisions_and_tie_shares_weights():
    tied = space(
        "arch 1\nspace S { input image: [8, 16, 16]\n"
        "kind = one of {conv, wide: conv(k = 5)}\n"
        "a = image -> kind\nb = a -> kind\ntie a, b\noutput y = b }"
    )
    assert len(list(build(tied.graph).parameters())) == 2


def test_a_space_of_differing_sizes_has_no_supernet():
    found = space(
        "arch 1\nspace S { input image: [3, 16, 16]\n"
        "x = one of {a: image -> conv(c = 8), b: image -> conv(c = 16)}\n"
        "output y = x -> conv(c = 4) }"
    )
    with pytest.raises(SpecError) as error:
        build(found.graph)
    assert [d.code for d in error.value.diagnostics] == ["ARCH802"]
