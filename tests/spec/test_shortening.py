"""Witnesses: the outcomes that a finding needs, found in bounded work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archdsl
from archdsl.passes.transforms.bind import Binder, Bound
from archdsl.spec.deciding.shortening import shortened
from archdsl.spec.prove import witness

SETS = st.lists(st.sets(st.integers(0, 19), max_size=4), min_size=1, max_size=4)


@given(st.integers(1, 20), SETS, st.sets(st.integers(0, 19), max_size=3))
def test_outcomes_are_dropped_as_if_each_were_tried_by_itself(
    count: int, causes: list[set[int]], fixed: set[int]
):
    outcomes = {str(n): n for n in range(count)}
    needed = {str(n) for n in fixed}

    def implies(kept: dict[str, int]) -> bool:
        return any(cause <= set(kept.values()) for cause in causes)

    kept = dict(outcomes)
    for path in reversed(outcomes):
        fewer = {p: o for p, o in kept.items() if p != path}
        if path not in needed and implies(fewer):
            kept = fewer
    assert shortened(outcomes, implies, needed) == kept


def test_one_cause_among_thousands_of_outcomes_is_found_in_a_few_tries():
    tries = []

    def implies(kept: dict[str, int]) -> bool:
        tries.append(kept)
        return {7, 2_500} <= set(kept.values())

    assert shortened({str(n): n for n in range(5_000)}, implies) == {"7": 7, "2500": 2_500}
    assert len(tries) < 100


CHAINS = {
    "a stride of none": ("zero(image, s = image.c * 0.5)", "t = fold(Join, unused(x[1..N]))"),
    "a channel too few": ("pixel_shuffle(image, r = image.c)", "t = mul(fold(Join, unused(x[1..N])), image)"),
}


@pytest.mark.parametrize("kind", CHAINS)
def test_witnesses_of_long_chains_cost_no_more_than_their_budget(kind: str, monkeypatch: pytest.MonkeyPatch):
    first, last = (part.replace("N", "250") for part in CHAINS[kind])
    text = f"""arch 1
cell Join(a, b) {{ return concat(a, b -> resize(like = a)) }}
space S {{
  input image: [5, 7, 9]
  x[0] = {first}
  stage s for i in 1..250 {{ x[i] = x[i - 1] -> one of {{relu, conv, max_pool(s = 2), identity}} }}
  {last}
  output y = t
}}
"""
    visited = 0
    bind = Binder.bind

    def counted(self: Binder, outcomes: dict[str, int]) -> Bound:
        nonlocal visited
        visited += len(self.graph.nodes)
        return bind(self, outcomes)

    monkeypatch.setattr(Binder, "bind", counted)
    budget = 2_000
    program = archdsl.load("case.arch", text=text)
    report = program.check(budget=budget)
    assert not report.ok
    assert visited < 2 * witness.WORK * budget
