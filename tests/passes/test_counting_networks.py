"""Networks are counted, and sampled, as assignments of their active decisions."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

import archdsl
from archdsl.ir import Graph
from archdsl.passes.analyses.networks import Count, Networks, Uncounted
from archdsl.passes.transforms.bind import Binder
from random_spaces import random_space

Chosen = tuple[tuple[str, str], ...]


def graph(body: str, head: str = "") -> Graph:
    text = f"arch 1\n{head}\nspace S {{\n  input image: [3, 16, 16]\n{body}\n}}\n"
    return archdsl.load(Path("s.arch"), text=text).space().graph


def listed(of: Graph) -> set[Chosen]:
    """Every network by its decisions: what binding asks for, under every combination of outcomes."""
    binder = Binder(of)
    combinations = product(*(range(d.size) for d in of.decisions.values()))
    bound = (binder.bind(dict(zip(of.decisions, outcomes, strict=True))) for outcomes in combinations)
    return {tuple(sorted(b.graph.chosen.items())) for b in bound}


def sampled(networks: Networks, rng: random.Random) -> Chosen:
    of = networks.graph.decisions
    return tuple(sorted((path, of[path].outcomes[o]) for path, o in networks.sample(rng).items()))


def chi_squared(counts: Counter[Chosen], expected: float, of: set[Chosen]) -> float:
    return sum((counts[n] - expected) ** 2 / expected for n in of)


def test_a_decision_that_nothing_asks_for_is_no_part_of_a_network():
    of = graph("""
  x = image -> conv(c = 4)
  deep = one of {no: x, yes: x -> one of {relu, silu, hswish}}
  output y = deep""")
    assert Networks(of).count == Count(4, True, 6)


@pytest.mark.parametrize("seed", range(40))
def test_as_many_are_counted_as_listing_them_finds(seed: int):
    of = random_space(seed).graph
    if of.size > 1500:
        return
    assert Networks(of).count == Count(len(listed(of)), True, of.size)


def test_a_condition_on_sizes_is_looked_into_where_decisions_hang_on_it():
    of = graph("""
  s = one of {1, 2, 4}
  a = image -> conv(c = 4, s = s)
  b = image -> conv(c = 4, s = one of {1, 2})
  y = (a + b) if a.h == b.h else (a -> one of {relu, silu, hswish})
  output y = y""")
    assert Networks(of).count == Count(len(listed(of)), True, 18)
    assert len(listed(of)) == 2 + 4 * 3


def test_a_condition_on_sizes_that_are_chosen_by_conditions_is_looked_into():
    of = graph("""
  a = image -> conv(c = one of {4, 8})
  b = image -> conv(c = one of {4, 8, 12})
  m = a if a.c == b.c else (b -> relu)
  y = m if m.c > 4 else (m -> one of {relu, silu})
  z = y if y.c == b.c else (y -> one of {relu, silu, hswish})
  output z = z""")
    assert Networks(of).count == Count(len(listed(of)), True, of.size)
    assert len(listed(of)) < of.size


def test_networks_are_drawn_with_equal_chances():
    of = graph("""
  x = image -> conv(c = 4)
  deep = one of {no: x, yes: x -> one of {relu, silu, hswish}}
  n = one of {1, 2}
  output y = deep if n == 1 else (deep -> one of {relu, hswish})""")
    networks, known, rng = Networks(of), listed(of), random.Random(0)
    assert networks.count.networks == len(known) == 12
    counts = Counter(sampled(networks, rng) for _ in range(6000))
    assert counts.keys() == known
    assert chi_squared(counts, 500, known) < 31.3  # 0.1 % with 11 degrees of freedom


@pytest.mark.parametrize("seed", [1, 3, 7, 12])
def test_networks_of_random_spaces_are_drawn_with_equal_chances(seed: int):
    of = random_space(seed).graph
    known = listed(of)
    networks, rng = Networks(of), random.Random(seed)
    rounds = 20 * len(known)
    counts = Counter(sampled(networks, rng) for _ in range(rounds))
    assert counts.keys() <= known
    free = len(known) - 1
    assert abs(chi_squared(counts, 20, known) - free) < 4 * (2 * free) ** 0.5


def test_the_toy_space_of_the_benchmarks_has_1584_networks():
    of = archdsl.load("benchmarks/toy_space.arch").space().graph
    assert Networks(of).count == Count(1584, True, 2304)


@pytest.mark.slow
def test_a_space_of_more_networks_than_a_float_can_say_is_counted():
    of = graph("""
  x[0] = image -> conv(c = 4)
  stage rounds for i in 1..1200 { x[i] = x[i - 1] -> one of {relu, silu} }
  depth = one of {1..1200}
  output y = x[depth]""")
    assert Networks(of).count == Count(2**1201 - 2, True, 1200 * 2**1200)
    assert len(Networks(of).sample(random.Random(0))) > 1000


def test_a_path_through_forty_choices_is_counted():
    of = graph("""
  x[0] = image -> conv(c = 4)
  stage rounds for i in 1..40 { x[i] = (one of x[0..i - 1]) -> one of {relu, silu} }
  output y = x[40]""")
    paths = [1]  # to each tensor, counted with the ops on the way
    for i in range(1, 41):
        paths.append(2 * sum(paths[:i]))
    assert Networks(of).count.networks == paths[40]


def test_too_many_ways_to_reach_nodes_give_a_bound_and_no_draw():
    of = graph("""
  x[0] = image -> conv(c = 4)
  x[1] = x[0] -> relu
  stage rounds for i in 2..60 {
    a = one of x[0..i - 1]
    b = one of x[0..i - 1]
    c = one of x[0..i - 1]
    x[i] = a + b + c
  }
  output y = x[60]""")
    networks = Networks(of)
    assert not networks.count.exact
    assert networks.count.networks <= networks.count.combinations
    with pytest.raises(Uncounted):
        networks.sample(random.Random(0))


def test_a_space_draws_over_networks_on_demand():
    space = archdsl.load(
        Path("s.arch"),
        text="""arch 1
space S {
  input image: [3, 8, 8]
  x = image -> conv(c = 4)
  output y = one of {no: x, yes: x -> one of {relu, silu, hswish}}
}
""",
    ).space()
    rng = random.Random(0)
    counts = Counter(tuple(space.sample(rng, over="networks").items()) for _ in range(400))
    assert len(counts) == 4
    assert min(counts.values()) > 70
    assert all(space.bind(dict(chosen)).chosen == dict(chosen) for chosen in counts)
