"""Spaces that branch on conditions are decided, never left open, and as listing their networks says."""

from __future__ import annotations

import random
from itertools import product

import branching_spaces
import pytest
from enumeration import is_fault, program
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from archdsl.diagnostics import SpecError
from archdsl.ops.base import ADVISORY
from archdsl.passes.transforms.bind import Binder
from archdsl.program import Program
from archdsl.spec.elaborate import elaborate

MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MOST = 1500
"""Combinations of outcomes that are listed."""


def broken(of: Program) -> dict[tuple[tuple[str, str], ...], set[str]]:
    """Codes of what is wrong with each network, by its decisions; of all networks of a small space."""
    found = elaborate(of.unit, of.spaces["S"], {})
    decisions, binder = found.graph.decisions, Binder(found.graph)
    assume(found.graph.size <= MOST)
    networks = {}
    for outcomes in product(*(range(d.size) for d in decisions.values())):
        bound = binder.bind(dict(zip(decisions, outcomes, strict=True)))
        wrong = {code for _, code, _ in bound.failures if code not in ADVISORY}
        networks[tuple(sorted(bound.graph.chosen.items()))] = wrong
    return networks


@MANY
@given(st.integers(0, 10**9))
def test_a_branching_space_is_decided_as_listing_its_networks_says(seed: int):
    of = program(branching_spaces.space(random.Random(seed).choice))
    report = of.check()
    errors = [d for d in report.diagnostics if is_fault(d)]
    try:
        networks = broken(of)
    except SpecError:
        assert errors  # what evaluation finds needs no proof
        return
    (proof,) = report.proofs
    assert proof.open == ()
    ill = {chosen for chosen, wrong in networks.items() if wrong}
    event("some ill-typed" if ill else "all well-typed")
    assert bool(errors) == bool(ill)
    for error in errors:
        having = [chosen for chosen in networks if set(error.witness) <= set(chosen)]
        assert having
        assert ill >= set(having)
        assert any(error.code in networks[chosen] for chosen in having)


DEEP = """arch 1
op a(x; c: int) = x -> conv(c = c) -> bn -> relu
op b(x; c: int) = x -> conv(c = c, k = 1) -> relu
space S {{
  input image: [3, {size}, {size}]
  depth = one of {{1..6}}
  stage levels for i in 0..6 {{
    c = one of {{8, 12, 16, 24}}
    down = one of {{a, b}}
    d[i] = (image if i == 0 else (d[i - 1] -> max_pool(k = 2, s = 2))) -> down(c = c)
  }}
  u[6] = d[6]
  stage up for j in 1..6 {{
    i = 6 - j
    below = d[i + 1] if depth == i + 1 else u[i + 1]
    c = one of {{8, 12, 16, 24}}
    block = one of {{a, b}}
    u[i] = concat(below -> upsample(scale = 2), d[i]) -> block(c = c)
  }}
  output logits = u[0]
}}
"""
"""A U-Net of searched depth, widths and blocks: more than 1e11 networks."""


@pytest.mark.parametrize(("size", "broken_from"), [(256, None), (96, 6), (80, 5)])
def test_a_deep_u_net_of_searched_depth_and_widths_is_decided(size: int, broken_from: int | None):
    report = program(DEEP.format(size=size)).check()
    (proof,) = report.proofs
    assert proof.open == ()
    assert proof.size > 10**11
    errors = [d for d in report.diagnostics if is_fault(d)]
    assert bool(errors) == (broken_from is not None)
    if broken_from is not None:
        assert min(int(dict(d.witness)["depth"]) for d in errors) == broken_from


HARD = """arch 1
space S {{
  input image: [3, 8, 8]
  stage widths for i in 1..8 {{ w[i] = one of {{8..800 step 7}} }}
  left = w[1] * w[2] + w[3] * w[4] + w[5] * w[6] + w[7] * w[8]
  right = w[8] * w[7] + w[6] * w[5] + w[4] * w[3] + {last}
  output y = (image -> conv(c = left)) + (image -> conv(c = right))
}}
"""
"""A condition that takes too many steps to be decided."""


def test_what_is_left_open_is_an_error_unless_it_is_allowed():
    of = program(HARD.format(last="w[2] * w[1]"))
    (error,) = of.check(budget=2_000).diagnostics
    assert (error.code, error.severity) == ("ARCH408", "error")
    allowed = of.check(budget=2_000, allow_open=True)
    assert [(d.code, d.severity) for d in allowed.diagnostics] == [("ARCH408", "warning")]
    assert allowed.ok
    assert len(allowed.proofs[0].open) == 1


def test_a_size_that_may_not_divide_is_advice_and_never_left_open():
    hard = HARD.format(last="w[2] * w[1]").replace(
        "output y = (image -> conv(c = left)) + (image -> conv(c = right))",
        "output y = image -> conv(c = 8, s = 1 if left == right else 3)",
    )
    report = program(hard).check(budget=2_000)
    assert report.diagnostics == ()
    assert report.proofs[0].open == ()


def test_what_random_networks_refute_is_not_left_open():
    report = program(HARD.format(last="w[2] * w[2]")).check(budget=2_000)
    (error,) = [d for d in report.diagnostics if is_fault(d)]
    assert error.code == "ARCH301"
    assert {path for path, _ in error.witness} <= {f"widths[{i}].w" for i in range(1, 9)}
    assert report.proofs[0].open == ()
