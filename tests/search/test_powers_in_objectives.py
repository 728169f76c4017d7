"""Objectives with powers, such as the reward of MnasNet."""

from __future__ import annotations

import math

import pytest

import archdsl
from archdsl.devices.formula import EXACT, evaluate
from archdsl.spec.search_values import Formula, Term


@pytest.mark.parametrize(("exponent", "best"), [("-2", 16), ("0.5", 4), ("2", 4)])
def test_an_objective_may_be_a_power(tmp_path, exponent: str, best: int):
    text = (
        "arch 1\n\nspace S {\n  input image: [3, 8, 16]\n  c = one of {4, 8, 16}\n"
        "  output y = image -> conv(c = c, k = 1)\n}\n\nsearch M for S {\n  strategy = random\n"
        f"  evaluate = costs\n  trials = 3\n  minimize params * (macs / 1K) ** {exponent}\n}}\n"
    )
    found = archdsl.search(archdsl.load("s.arch", text=text), folder=tmp_path / "run")
    assert found.network.chosen == {"c": str(best)}


@pytest.mark.parametrize(
    ("base", "exponent", "found"),
    [(4.0, 0.5, 2.0), (0, -1, math.inf), (-8.0, 0.5, math.nan), (1e300, 2, math.inf), (-1e300, 3, -math.inf)],
)
def test_a_power_without_a_number_is_infinite_or_nan(base: float, exponent: float, found: float):
    formula = Formula("**", (Term("macs"), exponent))
    value = evaluate(formula, lambda term: base, {}, EXACT)
    assert value == found or (math.isnan(value) and math.isnan(found))
