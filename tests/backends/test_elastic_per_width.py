"""Batch normalization with a set of weights and statistics for each combination of widths of its sources."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
import torch
from elastic_equality import demand_equal, inputs, sampled
from torch import nn

import archdsl
from archdsl import SpecError
from archdsl.backends.elastic.network import ElasticNetwork, build
from archdsl.program import load
from grown_spaces import seeded

JOINED = """arch 1

space Joined {
  input image: [3, 8, 8]
  a = image -> conv(c = one of {4, 8}) -> bn
  b = image -> conv(c = one of {2, 3, 5})
  gate = one of {1..2}
  x[1] = concat(a, b)
  x[2] = image -> conv(c = 7)
  y = concat(a, b) -> bn -> relu
  both = any 2 of {a, b, x[2]}
  z = concat(both) -> bn
  output logits = concat(y, z, x[gate] -> conv(c = 4)) -> conv(c = 5, k = 1)
}
"""


def sets(net: ElasticNetwork) -> list[int]:
    """How many sets each batch normalization has, the fewest first."""
    return sorted(len(named) for _, named in net._widths.sets.values())


def test_there_is_a_set_for_each_combination_of_widths_of_the_sources() -> None:
    net = build(archdsl.load(JOINED).space().searched, bn="per_width")
    # of a its own two widths, of both the two members among three: 2 · 3, 2 and 3 combinations
    assert sets(net) == [2, 2 * 3, 2 * 3 + 2 + 3]


def test_a_network_has_the_set_of_its_widths_and_changes_no_other() -> None:
    space = archdsl.load(JOINED).space()
    net = build(space.searched, bn="per_width").train()
    with torch.no_grad():
        for value in net.parameters():
            value.normal_()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    outcomes = dict.fromkeys(space.searched.decisions, 0)
    taken = net.network(outcomes)
    net.path(*inputs(space), outcomes=outcomes)
    changed = [
        name for name, value in net.state_dict().items()
        if name.endswith("running_mean") and not torch.equal(value, before[name])
    ]  # fmt: skip
    norms = [module for module in taken.children() if isinstance(module, nn.BatchNorm2d)]
    assert len(changed) == len(norms) == 3
    widths = [before[name].numel() for name in changed]
    assert sorted(widths) == sorted(norm.num_features for norm in norms)


@pytest.mark.parametrize("training", [True, False])
def test_a_path_is_the_network_that_is_taken_out(training: bool) -> None:
    space = archdsl.load(JOINED).space()
    net, rng = build(space.searched, bn="per_width"), random.Random(1)
    for _ in range(8):
        demand_equal(space, net, sampled(space, rng), training=training)


@pytest.mark.parametrize(("spec", "most"), [("elastic", 6), ("ofa_mobilenet", 3)])
def test_shipped_spaces_have_a_set_for_each_width(spec: str, most: int) -> None:
    space = load(f"specs/{spec}.arch").space(image=(3, 32, 32))
    net, rng = build(space.searched, bn="per_width"), random.Random(2)
    assert max(sets(net)) == most
    demand_equal(space, net, sampled(space, rng), training=True)


def test_random_spaces_have_the_sets_that_their_networks_use() -> None:
    used, rejected = 0, set()
    for seed in range(40):
        text = seeded(seed, most=5).text
        if not archdsl.check(text).ok:
            continue
        space = archdsl.load(text.replace("-> relu", "-> bn -> relu")).space()
        try:
            net = build(space.searched, bn="per_width")
            rng = random.Random(seed)
            demand_equal(space, net, sampled(space, rng), training=seed % 2 == 0)
            used += any(isinstance(module, nn.BatchNorm2d) for module in net.children())
        except SpecError as error:
            rejected |= {error.diagnostics[0].code}
    assert rejected <= {"ARCH810", "ARCH504", "ARCH818"}
    assert used >= 5


def located(text: str) -> Mapping[str, str]:
    with pytest.raises(SpecError) as caught:
        build(archdsl.load(text).space().searched, bn="per_width")
    (found,) = caught.value.diagnostics
    assert found.primary is not None
    source, start = found.primary.location.source, found.primary.location.start
    return {"code": found.code, "headline": found.headline, "at": source.text[start : start + 2]}


def wide(count: int) -> str:
    return f"""arch 1
space Wide {{
  input image: [3, 8, 8]
  stage parts for i in 1..{count} {{
    x[i] = image -> conv(c = one of {{2, 4, 6, 8}})
  }}
  output y = concat(x[1..{count}]) -> bn -> conv(c = 4, k = 1)
}}
"""


def test_more_than_32_combinations_are_an_error_at_the_normalization() -> None:
    assert len(build(archdsl.load(wide(2)).space().searched, bn="per_width")._widths.sets) == 1
    found = located(wide(3))
    assert found["code"] == "ARCH818"
    assert found["at"] == "bn"
    assert "more than 32 combinations of widths" in found["headline"]


def test_combinations_that_too_many_decisions_make_are_not_counted() -> None:
    text = """arch 1
space Deep {
  input image: [3, 8, 8]
  x[0] = image -> conv(c = 2)
  stage parts for i in 1..20 {
    w = one of {2, 4}
    x[i] = x[i - 1] -> conv(c = max(w, x[i - 1].c))
  }
  output y = x[20] -> bn -> conv(c = 4, k = 1)
}
"""
    found = located(text)
    assert found["code"] == "ARCH818"
    assert "cannot be counted" in found["headline"]
