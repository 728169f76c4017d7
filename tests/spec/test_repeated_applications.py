"""An application of an op is repeated from a recording: the result is as if its body was evaluated again."""

from __future__ import annotations

from dataclasses import fields
from unittest.mock import patch

import pytest
from enumeration import program
from hypothesis import HealthCheck, event, given, settings

from archdsl.diagnostics import SpecError
from archdsl.spec.elaborate import Elaborated, elaborate
from archdsl.spec.evaluate import stamping
from grown_spaces import LOOSE, OPTIONED, Grown, spaces


def elaborated(text: str, *, recorded: bool) -> tuple[Elaborated | SpecError, int]:
    """The space S, and how many applications were repeated."""
    of, repeated = program(text), 0

    def apply(*args: object) -> object:
        nonlocal repeated
        repeated += 1
        return stamp(*args)

    stamp, key_of = stamping.apply, stamping.key_of if recorded else lambda *args: None
    with patch.object(stamping, "key_of", key_of), patch.object(stamping, "apply", apply):
        try:
            return elaborate(of.unit, of.spaces["S"]), repeated
        except SpecError as error:
            return error, repeated


def demand_equal(text: str) -> int:
    """Asserts that nothing depends on recordings; returns how many applications were repeated."""
    (one, repeated), (other, none) = elaborated(text, recorded=True), elaborated(text, recorded=False)
    assert none == 0
    if isinstance(one, SpecError) or isinstance(other, SpecError):
        assert isinstance(one, SpecError)
        assert isinstance(other, SpecError)
        assert one.diagnostics == other.diagnostics
        return repeated
    demand_same(one, other)
    return repeated


def demand_same(one: Elaborated, other: Elaborated) -> None:
    for field in fields(Elaborated):
        if field.name != "graph" and field.compare:
            assert getattr(one, field.name) == getattr(other, field.name), field.name
    for field in fields(one.graph):
        if field.compare:
            assert getattr(one.graph, field.name) == getattr(other.graph, field.name), field.name
    assert list(one.graph.nodes) == list(other.graph.nodes)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(spaces(most=10, steps=(*LOOSE, *OPTIONED)))
def test_random_spaces_are_the_same_graph_and_conditions_with_and_without_recordings(grown: Grown):
    repeated = demand_equal(grown.text)
    event("repeated" if repeated else "all evaluated")


USED_TWICE = """arch 1

op narrow(x; n = 4) {{
  y = (x -> conv(c = n)) if x.c == {c} else (x -> conv(c = x.c) -> relu)
  return (y -> conv(c = 12)) if x.h > 20 else y
}}
op plain(x) = x -> conv(c = x.c, padding = 1) -> dwconv(padding = 2) -> relu
op pair(x, y) = concat(x, y) -> narrow
op alike(x; kind = conv) {{
  a = x -> kind(c = x.c)
  b = x -> kind(c = x.c)
  tie a, b
  return a + b
}}

space S {{
  input image: [3, {h}, 64]
  c = one of {{4, 8}}
  d = one of {{4, 8}}
  a = image -> one of {{usual: conv(c = c), wide: conv(c = 8)}}
  b = image -> {other}
  p = a -> narrow -> alike
  q = b -> narrow -> alike
  output y = concat(pair(a, a), pair({one}, {two}), p, q, a -> plain, b -> plain) -> {last}
}}
"""


@pytest.mark.parametrize("c", ["4", "8"])
@pytest.mark.parametrize("h", [16, 32])
@pytest.mark.parametrize("other", ["one of {u: conv(c = d), w: conv(c = 8)}", "conv(c = d)", "conv(c = 4)"])
@pytest.mark.parametrize(("one", "two"), [("a", "b"), ("b", "b"), ("b", "a")])
@pytest.mark.parametrize("last", ["conv(c = 8, s = 3)", "conv(c = 6, g = 4)"])
def test_sizes_under_other_names_inputs_that_are_one_tensor_and_ties_agree(c, h, other, one, two, last):
    repeated = demand_equal(USED_TWICE.format(c=c, h=h, other=other, one=one, two=two, last=last))
    assert repeated > 0 or "one of" not in other  # `plain`, for channels that vary by other decisions


@pytest.mark.parametrize("height", [16, 32])
@pytest.mark.parametrize("c", ["4", "8"])
def test_what_was_recorded_under_other_settings_gives_the_same_space(c, height):
    text = USED_TWICE.format(c=c, h=16, other="conv(c = d)", one="a", two="b", last="conv(c = 8, s = 3)")
    of, changed = program(text), {"image": (3, height, 64)}
    space = of.spaces["S"]
    first = elaborate(of.unit, space)
    again = elaborate(of.unit, space, changed, recorded=first.recorded)
    fresh = elaborate(of.unit, space, changed)
    demand_same(again, fresh)
    assert len(again.recorded) > len(fresh.recorded) or height == 16
