"""Zeros read a size and no values: what is applied for its size alone is neither built nor priced."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

import archdsl
from archdsl.devices.keys import parts
from archdsl.passes.costs.binding_pricer import BindingPricer
from archdsl.passes.costs.cost import costs, total
from archdsl.passes.costs.pricer import Pricer
from archdsl.passes.costs.pricing import MACS, PARAMS, Piece, Price, network_price, traffic_price
from archdsl.passes.costs.space_cost import SpaceCost, random_outcomes
from archdsl.passes.transforms.simplify import simplify
from archdsl.program import Network, Space

HEAD = (
    "arch 1\nop sep(x; c: int = x.c, s: int = 1) = x -> relu -> dwconv(s = s) -> conv(c = c, k = 1) -> bn\n"
)


def network(body: str) -> Network:
    text = f"{HEAD}network N {{\n  input image: [3, 32, 48]\n  {body}\n}}\n"
    return archdsl.load(Path("n.arch"), text=text).network()


def used_ops(found: Network) -> list[str]:
    return [node.op for node in found.graph.nodes.values()]


def test_what_zeros_are_applied_to_is_neither_built_nor_priced():
    found = network("output y = image -> conv(c = 8) -> zero -> bn -> conv(c = 2)")
    assert used_ops(found) == ["zero", "bn", "conv"]
    cost = total(costs(found.graph).values())
    assert (cost.params, cost.macs) == (2 * 8 + 2 * 8 * 9, 2 * 8 * 9 * 32 * 48)
    assert sum(p.numel() for p in found.module().parameters()) == cost.params


def test_what_others_read_stays():
    found = network("x = image -> conv(c = 8)\n  output y = concat(x, x -> zero -> bn)")
    assert used_ops(found) == ["conv", "zero", "bn", "concat"]


@pytest.mark.parametrize(
    "chain",
    [
        "conv(c = 8, s = 2)",
        "dwconv(s = 2, k = 5) -> max_pool(s = 2)",
        "sep(c = 6, s = 2) -> sep(s = 3)",
        "conv(c = 4, d = 2) -> relu6 -> tile(c = 8) -> channel_shuffle(g = 2) -> scale -> dropout -> shift",
        "conv(c = 4, s = 4) -> upsample(like = image)",
        "conv(c = 4) -> zero(s = 2) -> bn",
    ],
)
def test_zeros_are_as_large_as_before_at_every_size_of_the_image(chain):
    found = network(f"output y = image -> {chain} -> zero(s = 3) -> bn").module().eval()
    pooled = network(f"output y = image -> {chain} -> max_pool(s = 3)").module().eval()
    assert [type(m).__name__ for m in found.modules()][1:] == ["BatchNorm2d"]
    for size in ((32, 48), (33, 47), (5, 97), (1, 1)):
        image = torch.zeros(2, 3, *size)
        assert found(image).shape == pooled(image).shape


@pytest.mark.parametrize(
    "chain",
    ["conv(c = 4, k = 2)", "max_pool(k = 2, s = 2)", "resize(scale = 2)", "resize(down = 2)", "global_pool",
     "resize(size = [8, 8])", "conv(c = 12) -> pixel_shuffle(r = 2)"],
)  # fmt: skip
def test_sizes_that_do_not_follow_the_image_everywhere_are_read_where_they_are(chain):
    chain = f"conv(c = 4) -> {chain}"
    found = network(f"output y = image -> {chain} -> zero -> bn").module().eval()
    whole = network(f"output y = image -> {chain}").module().eval()
    for size in ((32, 48), (33, 47)):
        image = torch.zeros(2, 3, *size)
        assert found(image).shape == whole(image).shape


def test_the_size_of_a_product_is_that_of_the_factor_that_is_not_stretched():
    gated = "x = image -> conv(c = 4, s = 2)\n  output y = mul(x -> global_pool -> conv, x) -> zero -> bn"
    assert used_ops(network(gated)) == ["zero", "bn"]


def test_simplifying_twice_changes_nothing_more():
    found = network("output y = image -> sep(c = 8, s = 2) -> zero(s = 2) -> bn -> conv(c = 2)")
    assert simplify(found.graph).nodes == found.graph.nodes


@pytest.mark.parametrize(
    "chain",
    ["zero(c = 8, s = 4)", "sep(c = 8, s = 2) -> zero(s = 2)", "resize(scale = 0.5) -> zero(c = 8, s = 2)"],
)
def test_a_row_of_a_latency_table_names_zeros_by_their_size_alone(chain):
    units = {part.key.op: part.key.text for part in parts(network(f"output y = image -> {chain} -> bn"))}
    assert units["zero"] == "n1: 8x8x12 = zero()\nreturn n1"


MEMBERS = """
op none(x) = x -> zero
op halved(x) = x -> zero(s = 2) -> upsample(like = x)
op same(x) = x
op thin(x) = x -> conv(k = 1)
op thick(x) = x -> sep
op act(x) = x -> relu
op pooled(x) = x -> max_pool
op even(x) = x -> conv(k = 2) -> upsample(like = x)
op lost(x) = x -> resize(scale = 0.5) -> relu -> zero -> upsample(like = x)
op larger(x) = x -> resize(scale = 2) -> conv(s = 2)
op behind(x) = x -> sep -> zero -> bn
"""
JOINS = ("concat({}, {})", "add({}, {})", "mul({}, {})", "concat({}, {} -> zero)", "concat({} -> zero, {})")
TAILS = (
    "zero(s = s) -> bn", "zero(c = w) -> relu", "conv(c = w, s = s)", "sep(s = s)", "bn", "relu",
    "relu -> zero(c = 3)",
)  # fmt: skip


def random_chains(seed: int) -> Space:
    """Choices before, at and behind zeros, of which sums, products and layers read the results."""
    rng = random.Random(seed)
    names = [line.split("(")[0].removeprefix("op ") for line in MEMBERS.split("\n") if line]
    lines = [HEAD + MEMBERS + "space S {", "  input image: [3, 16, 24]", "  input side: [4, 8, 12]"]
    lines += ["  w = one of {4, 8}", "  s = one of {1, 2}", "  x[0] = image -> conv(c = w)"]
    count = rng.randint(2, 3)
    for i in range(1, count + 1):
        for name in "pq":
            lines.append(f"  {name}{i} = one of {{{', '.join(rng.sample(names, 3))}}}")
        joined = rng.choice(JOINS).format(f"p{i}(x[{i - 1}])", f"q{i}(x[{i - 1}])")
        lines.append(f"  x[{i}] = {joined} -> {rng.choice(TAILS)}")
    lines.append(f"  y = concat(x[{count}] -> sep(c = 2), side -> zero(c = 2) -> resize(like = x[{count}]))")
    lines += ["  output logits = y -> conv(c = 2) -> upsample(like = image)", "}", ""]
    return archdsl.load(Path("s.arch"), text="\n".join(lines)).space()


def milliseconds(piece: Piece) -> float:
    """Of an application of an op: a number that what it computes determines, and neither names nor order."""
    return float(sum(len(what.op) * (1 + what.shape[0] + what.shape[1]) for _, what in piece))


@pytest.mark.parametrize("seed", range(30))
def test_networks_cost_what_their_space_says(seed):
    space = random_chains(seed)
    cost = SpaceCost(space.graph)
    rows = random_outcomes(space.graph, 40, seed)
    bound = [space.bind(cost.decisions(row)) for row in rows.tolist()]
    for price in (PARAMS, MACS, traffic_price()):
        pricer = cost.pricer(price)
        assert isinstance(pricer, Pricer)
        expected = [network_price(network.graph, price) for network in bound]
        assert pricer.many(rows).tolist() == expected
        assert BindingPricer(space.graph, price).many(rows[:5]).tolist() == expected[:5]
    latency = Price("latency", "ms", milliseconds, by="op", shared_once=True)
    found = cost.pricer(latency)
    assert isinstance(found, Pricer)
    assert found.many(rows).tolist() == BindingPricer(space.graph, latency).many(rows).tolist()
