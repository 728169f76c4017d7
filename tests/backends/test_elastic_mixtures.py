"""Elastic supernets of which some decisions are sampled and the others mixed."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from elastic_equality import UNET
from torch import nn

import archdsl
from archdsl import Space, SpecError
from archdsl.backends import supernet
from archdsl.backends.elastic import sampled
from archdsl.backends.elastic.network import ElasticNetwork, build
from archdsl.backends.elastic.widths import Widths
from archdsl.ir import Value
from archdsl.ir.expr import leaves
from archdsl.program import load
from grown_spaces import seeded

CELLS = """arch 1

op same(x; c: int) = x -> conv(c = c, k = 1) -> bn -> relu
op conv3(x; c: int) = x -> conv(c = c, k = 3) -> bn -> relu
op twice(x; c: int) = x -> conv3(c = c) -> conv3(c = c)
op apart(x; c: int) = concat(x -> conv(c = c / 2), x -> conv(c = c / 2, k = 1)) -> bn -> relu

OPS = {same, conv: conv3, twice, apart}

space Cells(; classes = 3) {
  input image: [3, 16, 16]
  x[0] = image -> conv3(c = 8)
  stage body for i in 1..3 {
    w = one of {4, 8, 12} if i < 3 else 8
    kind = one of OPS
    x[i] = x[i - 1] -> kind(c = w)
  }
  read = one of {last: x[3], both: x[3] + x[0]}
  output logits = read -> conv(c = classes, k = 1, bias = true)
  output early train = x[1] -> conv(c = classes, k = 1)
}
"""
EQUAL = """arch 1

space Equal {
  input image: [3, 16, 16]
  x[0] = image -> conv(c = 8) -> bn
  stage body for i in 1..2 {
    y = x[i - 1] -> relu
    left = one of {none: y -> zero, conv: y -> conv(c = 8), pooled: y -> avg_pool(k = 3) -> bn}
    x[i] = left + x[i - 1]
  }
  gate = one of {1..2}
  output logits = x[gate] -> conv(c = 3)
}
"""


def spaces() -> list[Space]:
    sizes = {"image": (3, 32, 64)}
    shipped = [("elastic", {**sizes}), ("space", {**sizes}), ("template_small", {"image": (3, 64, 64)})]
    texts = [archdsl.load(text).space() for text in (CELLS, UNET, EQUAL)]
    return texts + [load(f"specs/{name}.arch").space(**settings) for name, settings in shipped]


def outcomes_of(space: Space, rng: random.Random) -> dict[str, int]:
    return {path: rng.randrange(d.size) for path, d in space.searched.decisions.items()}


def one_hot(space: Space, outcomes: Mapping[str, int]) -> dict[str, torch.Tensor]:
    sizes = {path: decision.size for path, decision in space.searched.decisions.items()}
    return {path: F.one_hot(torch.tensor(o), sizes[path]).float() for path, o in outcomes.items()}


def soft(space: Space, seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return {path: torch.randn(d.size).softmax(0) for path, d in space.searched.decisions.items()}


def images(space: Space, batch: int = 2) -> list[torch.Tensor]:
    torch.manual_seed(3)
    return [torch.randn(batch, *shape) for shape in space.graph.inputs.values()]


def parted(net: ElasticNetwork, outcomes: Mapping[str, int]) -> dict[str, int]:
    return {path: o for path, o in outcomes.items() if path in net.sampled}


def trained(net: ElasticNetwork, *inputs: torch.Tensor, **how: object) -> list[torch.Tensor]:
    """What a step on a path leaves: the output, the statistics and all gradients."""
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net.zero_grad(set_to_none=True)
    output = net.path(*inputs, **how)  # type: ignore[arg-type]
    if output.requires_grad:
        output.square().sum().backward()
    state = [value.clone() for value in net.buffers()]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in net.parameters()]
    net.load_state_dict(before)
    return [output.detach(), *state, *gradients]


# ---------------------------------------------------------------- what is sampled


def test_what_changes_sizes_or_presence_is_drawn():
    cells, unet, equal, elastic, space, _ = (build(space.searched) for space in spaces())
    assert set(cells.sampled) == {"body[1].w", "body[2].w"}
    assert set(unet.sampled) == {"w", "d", "wide", *(f"down[{i}].c" for i in (1, 2, 3))}
    assert equal.sampled == space.sampled == ()
    assert all(path.endswith(("width", "expansion")) for path in elastic.sampled)


def test_fasterseg_draws_its_widths_alone():
    space = load("specs/fasterseg.arch").space(image=(3, 64, 128))
    net = build(space.searched)
    assert {path for path in space.searched.decisions if path.endswith(".w")} == set(net.sampled)


def test_sizes_that_depend_on_those_before_are_searched_once_for_decisions(monkeypatch: pytest.MonkeyPatch):
    found: list[object] = []

    def counted(*values: Value, seen: set[int]) -> list[Value]:
        parts = leaves(*values, seen=seen)
        found.extend(parts)
        return parts

    monkeypatch.setattr(sampled, "leaves", counted)
    graph = archdsl.load("s.arch", text=STRIDES).space().graph
    widths = Widths(graph)
    assert list(sampled.sampled_decisions(graph, widths)) == [f"s[{n}].x.1" for n in range(1, 61)]
    assert len(found) < 20 * len(graph.nodes)


STRIDES = """arch 1
space S {
  input image: [8, 64, 64]
  x = image
  stage s for i in 1..60 { x = x -> conv(s = one of {1, 2}) -> relu }
  output y = x
}
"""


# ---------------------------------------------------------------- mixtures


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("training", [True, False])
def test_one_hot_weights_give_the_path(number: int, training: bool):
    space = spaces()[number]
    net, rng = build(space.searched).train(training), random.Random(number)
    for _ in range(2):
        outcomes = outcomes_of(space, rng)
        weights = {p: w for p, w in one_hot(space, outcomes).items() if p not in net.sampled}
        path = net.path(*images(space), outcomes=outcomes)
        assert torch.equal(net(*images(space), outcomes=parted(net, outcomes), weights=weights), path)


@pytest.mark.parametrize("number", range(6))
def test_weights_of_a_drawn_network_leave_its_bits_and_its_step(number: int):
    space = spaces()[number]
    net, rng = build(space.searched).double(), random.Random(number)
    x = [image.double() for image in images(space)]
    for _ in range(2):
        outcomes = outcomes_of(space, rng)
        weights = {path: weight.double() for path, weight in one_hot(space, outcomes).items()}
        plain = trained(net, *x, outcomes=outcomes)
        weighed = trained(net, *x, outcomes=outcomes, weights=weights)
        for one, other in zip(plain, weighed, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)
        assert torch.equal(plain[0], weighed[0])


def test_a_space_of_equal_sizes_is_the_supernet_of_its_candidates():
    space = archdsl.load(EQUAL).space()
    plain, elastic = supernet.build(space.searched), build(space.searched)
    elastic.load_state_dict(plain.state_dict())
    weights = soft(space)
    assert elastic.sampled == ()
    assert torch.equal(plain(*images(space), weights=weights), elastic(*images(space), weights=weights))
    assert torch.equal(plain.eval()(*images(space), weights=weights),
                       elastic.eval()(*images(space), weights=weights))  # fmt: skip
    outcomes = outcomes_of(space, random.Random(1))
    found = elastic.path(*images(space), outcomes=outcomes, weights=one_hot(space, outcomes))
    assert torch.equal(plain.path(*images(space), outcomes=outcomes), found)


def test_random_spaces_are_mixed_at_drawn_sizes():
    mixed, rejected = 0, set()
    for seed in range(60):
        text = seeded(seed, most=5).text
        if not archdsl.check(text).ok:
            continue
        space = archdsl.load(text).space()
        if not space.searched.decisions:
            continue
        rng = random.Random(seed)
        try:
            net = build(space.searched).eval()
            outcomes = outcomes_of(space, rng)
            path = net.path(*images(space), outcomes=outcomes)
        except SpecError as error:
            rejected |= {error.diagnostics[0].code}
            continue
        weights = one_hot(space, outcomes)
        left = {p: w for p, w in weights.items() if p not in net.sampled}
        found = net(*images(space), outcomes=parted(net, outcomes), weights=left) if left else path
        assert torch.equal(found, path), seed
        assert torch.equal(net.path(*images(space), outcomes=outcomes, weights=weights), path), seed
        mixed += bool(left)
    assert mixed >= 12
    assert rejected <= {"ARCH810", "ARCH504"}


def test_a_decision_between_candidates_of_which_one_lacks_channels_in_some_networks_is_sampled():
    text = """arch 1

space S {
  input image: [4, 8, 8]
  x[1] = image
  n = one of {0, 1}
  both = concat({p: image, q: x[n]? -> conv(c = 4)})
  k = one of {i: relu, c: conv(c = 8)}
  output y = both -> k
}
"""
    space = archdsl.load(text).space()
    net = build(space.searched).eval()
    assert net.sampled == ("n", "k")
    same = archdsl.load(text.replace("c: conv(c = 8)", "c: hswish")).space()
    assert build(same.searched).sampled == ("n",)


def test_outputs_for_training_are_given_by_name():
    space = archdsl.load(CELLS).space()
    net = build(space.graph).eval()
    outcomes = outcomes_of(space, random.Random(4))
    weights = {path: w for path, w in soft(space).items() if path not in net.sampled}
    given = {"outcomes": parted(net, outcomes), "weights": weights}
    found = net.forward_all(*images(space), **given)
    assert list(found) == ["logits", "early"]
    assert torch.equal(found["logits"], net(*images(space), **given))
    network = net.network(outcomes).forward_all(*images(space))
    path = net.forward_all(*images(space), outcomes=outcomes)
    assert all(torch.equal(path[name], network[name]) for name in network)


def test_a_change_of_widths_compiles_nothing():
    space = archdsl.load(CELLS).space()
    net, weights = build(space.searched), soft(space)
    rng = random.Random(1)
    seen, compiled = set(), set()
    for _ in range(20):
        outcomes = parted(net, outcomes_of(space, rng))
        seen.add(tuple(outcomes.values()))
        net(*images(space), outcomes=outcomes, weights=weights).sum().backward()
        compiled.add(net.compilations)
    assert len(seen) > 5
    assert len(compiled) == 1


def test_a_new_path_of_other_widths_compiles_nothing():
    space = archdsl.load(CELLS).space()
    net, rng = build(space.searched), random.Random(3)
    others = {path: o for path, o in outcomes_of(space, rng).items() if path not in net.sampled}
    seen, compiled = set(), set()
    for _ in range(20):
        outcomes = {**others, **parted(net, outcomes_of(space, rng))}
        seen.add(tuple(outcomes.values()))
        net.path(*images(space), outcomes=outcomes).sum().backward()
        compiled.add(net.compilations)
    assert len(seen) > 5
    assert len(compiled) == 1


def test_what_only_zeros_read_is_not_computed_on_a_path():
    text = """arch 1
space S {
  input image: [2, 8, 8]
  a = image -> conv(c = one of {2, 4}, s = 2) -> bn
  y = one of {none: a -> zero(c = 3), some: a -> conv(c = 3)}
  output logits = y + (image -> conv(c = 3, s = 2))
}
"""
    space = archdsl.load(text).space()
    net = build(space.searched)
    (norm,) = [module for module in net.children() if isinstance(module, nn.BatchNorm2d)]
    outcomes = dict.fromkeys(space.searched.decisions, 0)
    assert torch.equal(net.path(*images(space), outcomes=outcomes), net.network(outcomes)(*images(space)))
    assert int(norm.num_batches_tracked) == 0
    net.path(*images(space), outcomes={**outcomes, "y": 1})
    assert int(norm.num_batches_tracked) == 1


# ---------------------------------------------------------------- what is wrong


def test_a_decision_that_has_to_be_drawn_is_an_error_where_it_is_declared():
    space = archdsl.load(CELLS).space()
    net = build(space.searched)
    with pytest.raises(SpecError, match=r"`body\[1\].w` must be sampled: the size of") as caught:
        net(*images(space), outcomes={"body[2].w": 1}, weights=soft(space))
    (found,) = caught.value.diagnostics
    assert found.code == "ARCH811"
    assert found.primary is not None
    assert str(found.primary.location).endswith(":14:9")


def test_a_decision_that_is_neither_drawn_nor_mixed_is_an_error():
    space = archdsl.load(CELLS).space()
    net, weights = build(space.searched), soft(space)
    del weights["read"]
    with pytest.raises(SpecError, match="no outcome for 1 of the decisions of `Cells`: `read`"):
        net(*images(space), outcomes={"body[1].w": 0, "body[2].w": 1}, weights=weights)


# ---------------------------------------------------------------- straight-through gradients


class Plain(nn.Module):
    """The space CELLS by hand: a mixed op is the sum of alpha times op(x) times g_in times g_out."""

    def __init__(self, net: ElasticNetwork, widths: tuple[int, int]):
        super().__init__()
        self.net, self.widths = net, (8, *widths, 8)

    def op(self, name: str, x: torch.Tensor, c: int) -> torch.Tensor:
        conv, norm = self.net.get_submodule(f"{name}_conv"), self.net.get_submodule(f"{name}_bn")
        assert isinstance(conv, nn.Conv2d)
        y = F.conv2d(x, conv.weight[:c, : x.shape[1]], padding=conv.padding)
        return self.normed(norm, y, range(c))

    @staticmethod
    def normed(norm: nn.Module, y: torch.Tensor, places: object) -> torch.Tensor:
        own = list(places)  # type: ignore[call-overload]
        return F.batch_norm(y, None, None, norm.weight[own], norm.bias[own], True).relu()  # type: ignore[index]

    def apart(self, name: str, x: torch.Tensor, c: int) -> torch.Tensor:
        half, convs = c // 2, [self.net.get_submodule(f"{name}_conv{end}") for end in ("", "_2")]
        y = torch.cat([F.conv2d(x, v.weight[:half, : x.shape[1]], padding=v.padding) for v in convs], 1)  # type: ignore[index, arg-type, union-attr]
        widest = convs[0].weight.shape[0]  # type: ignore[union-attr, index]
        return self.normed(
            self.net.get_submodule(f"{name}_bn"), y, [*range(half), *range(widest, widest + half)]
        )

    def forward(
        self, image: torch.Tensor, alphas: Mapping[str, torch.Tensor], g: list[torch.Tensor]
    ) -> torch.Tensor:
        x0 = x = self.op("x_0", image, 8)
        for i in (1, 2, 3):
            c, name = self.widths[i], f"body_{i}_x"
            parts = [
                self.op(f"{name}_same", x, c),
                self.op(f"{name}_conv", x, c),
                self.op(f"{name}_twice_conv3_2", self.op(f"{name}_twice_conv3", x, c), c),
                self.apart(f"{name}_apart", x, c),
            ]
            alpha = alphas[f"body[{i}].kind"]
            x = sum(a * part * g[i - 1] * g[i] for a, part in zip(alpha, parts, strict=True))
        a, b = alphas["read"]
        last = self.net.get_submodule("logits")
        return F.conv2d(a * x + b * (x + x0), last.weight, last.bias)  # type: ignore[arg-type]


def test_gradients_of_drawn_widths_are_those_of_the_module_written_by_hand():
    space = archdsl.load(CELLS).space()
    net = build(space.searched).double()
    outcomes = {"body[1].w": 2, "body[2].w": 0}
    weights = {path: w.double().requires_grad_() for path, w in soft(space).items()}
    for path, outcome in outcomes.items():
        weights[path] = F.one_hot(torch.tensor(outcome), 3).double().requires_grad_()
    image = images(space)[0].double()
    one = torch.ones((), dtype=torch.double)
    g = [one, weights["body[1].w"][2], weights["body[2].w"][0], one]
    ours = net(image, outcomes=outcomes, weights=weights)
    hand = Plain(net, (12, 4))(image, weights, g)
    torch.testing.assert_close(ours, hand)
    found = torch.autograd.grad(ours.square().sum(), list(weights.values()))
    expected = torch.autograd.grad(hand.square().sum(), list(weights.values()))
    for path, one, other in zip(weights, found, expected, strict=True):
        torch.testing.assert_close(one, other, msg=path)
    assert float(found[0].abs().sum()) > 0


@pytest.mark.parametrize("number", range(6))
def test_straight_through_gradients_are_those_of_finite_differences(number: int):
    space = spaces()[number]
    net = build(space.searched).double()
    outcomes = outcomes_of(space, random.Random(7))
    weights = {path: w.double().requires_grad_() for path, w in one_hot(space, outcomes).items()}
    sampled = parted(net, outcomes)
    x = [image.double() for image in images(space)]

    def loss() -> torch.Tensor:
        return net(*x, outcomes=sampled, weights=weights).square().mean()

    gradients = torch.autograd.grad(loss(), list(weights.values()), allow_unused=True)
    rng, step = random.Random(number), 1e-6
    known = {path: g for path, g in zip(weights, gradients, strict=True) if g is not None}
    assert sampled.keys() & known.keys() or not sampled
    for path in rng.sample(sorted(known), min(6, len(known))):
        place = sampled.get(path, rng.randrange(len(weights[path])))
        with torch.no_grad():
            values = []
            for sign in (1, -1):
                weights[path][place] += sign * step
                values.append(float(loss()))
                weights[path][place] -= sign * step
        expected = (values[0] - values[1]) / (2 * step)
        assert float(known[path][place]) == pytest.approx(expected, rel=1e-3, abs=1e-7), path
