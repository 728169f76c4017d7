"""Networks are written as decisions and read again whatever their labels and whatever is undefined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archdsl
from archdsl.ir.paths import is_called, is_named
from archdsl.program import Network, Space
from archdsl.spec.decompile import path_source

HEAD = """arch 1
cell Cell(x; f = 1) { k = one of {relu, silu}  return x -> k }
cell Join(a, b) { k = one of {relu, silu}  return (a -> k) + b }
space S {
  input image: [4, 8, 8]
"""
SPACES = {
    "strings of a stage": """
  x = image
  stage s for r in ["low res", "of", "true", "1x3", "007", "a, b"] { x = x -> one of {relu, silu} }
  output y = x""",
    "numbers of a stage": """
  x = image
  stage s for r in [0.5, -1, 1e-5, 1.0] { x = x -> one of {relu, silu} }
  output y = x""",
    "braces in a string": """
  k = one of {"{e", "f}", "{a, b}", "{", "}", "{}", "of[1]", "x[]"}
  output y = image -> conv(c = 8 if k == "{e" else 4, k = 1 if k == "{a, b}" else 3)""",
    "members of a fold": """
  x = image -> conv
  n = any 2 of {a: x, b: image, z: image -> relu}
  w = one of {a: fold(Join, n), b: image}
  output y = w""",
    "cells in a cell": """
  kind = one of {Cell(f = "a-b"), Cell(f = "(c)")}
  output y = image -> kind""",
    "entries of strings": """
  T["b c"] = Cell
  T["of"] = Cell
  kind = one of T[*]
  output y = image -> kind""",
    "all but one candidate undefined": """
  g = one of {0, 1, 2}
  x[1] = image -> conv(c = 5)
  z = x[g]? -> relu
  h = one of {a: z, b: image}
  output y = concat({a: h, b: image, c: z}) -> conv""",
    "as many candidates defined as chosen": """
  g = one of {0, 1, 2}
  x[1] = image -> conv
  x[2] = x[1] -> conv
  z = x[g]?
  p = any 2 of {a: z, b: image, c: x[1]}
  output y = concat({s: concat(p), i: image})""",
    "entries that may be undefined": """
  x[1] = image -> conv
  g = one of {1, 2}
  x[2] = x[g]? -> relu
  k = one of {x[1], x[2], z: image -> tanh}
  m = any 2 of {x[1], x[2], image}
  t = some of {x[1], x[2]}
  output y = concat({k, a: concat(m), t, image})""",
}


def networks(space: Space) -> Iterator[Mapping[str, str]]:
    paths = {path: decision.outcomes for path, decision in space.decisions.items()}
    yield from (dict(zip(paths, outcomes, strict=True)) for outcomes in product(*paths.values()))


def read_again(network: Network, text: str) -> Network:
    rows = network.to_arch().partition("network ")[2]
    return archdsl.load("again.arch", text=f"{text}\nnetwork {rows}").network("F")


@pytest.mark.parametrize("kind", SPACES)
def test_every_network_is_the_same_when_its_decisions_are_read_again(kind: str):
    text = f"{HEAD}{SPACES[kind]}\n}}\n"
    space = archdsl.load("s.arch", text=text).space("S")
    for decisions in networks(space):
        found = space.bind(decisions, "F")
        assert read_again(found, text).graph == found.graph, decisions


PRINTED = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=6)


@settings(max_examples=100, deadline=None)
@given(st.lists(PRINTED, min_size=1, max_size=3, unique=True))
def test_any_string_is_the_name_of_an_iteration(labels: list[str]):
    strings = [label.replace("\\", "\\\\").replace('"', '\\"') for label in labels]
    quoted = ", ".join(f'"{label}"' for label in strings)
    stage = f"stage s for r in [{quoted}] {{ x = x -> one of {{relu, silu}} }}"
    text = f"{HEAD}  x = image\n  {stage}\n  output y = x\n}}\n"
    space = archdsl.load("s.arch", text=text).space("S")
    found = space.bind(dict.fromkeys(space.decisions, "silu"), "F")
    again = read_again(found, text)
    assert again.graph == found.graph
    assert list(again.chosen.values()) == ["silu"] * len(labels)


def test_a_number_with_a_point_is_one_part_of_a_path():
    assert is_named("s[0.5].x", "s.x")
    assert is_called("s.x[0.5]", "x")
    assert not is_named("s[0.5].x", "s.y")


def test_each_subscript_is_quoted_by_itself():
    assert path_source("y[{x[1], x[2]}].x[2].k") == 'y["{x[1], x[2]}"].x[2].k'
    assert path_source("s[low res].t[1, of].k") == 's["low res"].t["1, of"].k'
