"""Every primitive, on random sizes and settings: what its rules say is what PyTorch and onnxruntime compute.

`benchmarks/fuzz_primitives.py` runs thousands of these cases of each.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from primitive_cases import Case, differences, drawn

from archdsl import ops


@pytest.mark.parametrize("op", list(ops.primitives()))
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_the_rules_of_a_primitive_are_what_is_computed(op: str, seed: int) -> None:
    case, _ = drawn(op, random.Random(seed))
    assert list(differences(case, seed)) == [], case.text


FOUND = [
    Case("group_norm", ((8, 5, 4),), {"g": 2}),
    Case("instance_norm", ((3, 5, 4),), {"affine": True}),
    Case("shift", ((2, 3, 4),), {}),
    Case("attention", ((6, 7, 5),), {"heads": 3, "reduction": 2}),
    Case("dot_attention", ((4, 3, 5), (4, 2, 2), (6, 2, 2)), {"heads": 2}),
    Case("dropout", ((3, 4, 5),), {"p": 0.0}),
    Case("zero", ((3, 4, 5),), {"c": 2, "s": 2}),
]


@pytest.mark.parametrize("case", FOUND, ids=lambda case: case.op)
def test_cases_in_which_a_rule_was_wrong_stay_right(case: Case) -> None:
    assert list(differences(case)) == []
