"""Which decisions are of depth: those that prune rounds, whatever their labels look like."""

from __future__ import annotations

from pathlib import Path

import pytest

import archdsl
from archdsl.passes.analyses.depth import depths

SPECS = Path(__file__).resolve().parents[2] / "specs"

HEAD = 'arch 1\n\nimport conv_bn_relu from "std/ops.arch"\n\nspace S {\n  input image: [3, 16, 32]\n'
TAIL = "  output logits = y -> conv(c = 2, k = 1)\n}\n"


def depths_of(*lines: str) -> dict[str, tuple[int, ...]]:
    text = HEAD + "".join(f"  {line}\n" for line in lines) + TAIL
    return depths(archdsl.load("s.arch", text=text).space().graph)


CHAIN = ("x[0] = image -> conv(c = 8)", "stage body for i in 1..4 { x[i] = x[i - 1] -> conv_bn_relu }")


@pytest.mark.parametrize(
    ("choice", "rounds"),
    [("{1..4}", (1, 2, 3, 4)), ("{1, 2}", (1, 2)), ("{0, 2, 4}", (0, 2, 4)), ("{2, 3}", (2, 3))],
)
def test_a_decision_that_prunes_rounds_is_of_depth(choice, rounds):
    assert depths_of(*CHAIN, f"gate = one of {choice}", "y = x[gate]") == {"gate": rounds}


@pytest.mark.parametrize(
    "line",
    [
        "y = x -> conv(c = 8, d = one of {1, 2})",
        "y = x -> conv(c = 8, g = one of {1, 2})",
        "y = x -> conv(c = 8, s = one of {1, 2}) -> resize(like = x)",
        "y = x -> conv(c = one of {1, 2, 3})",
        "times = one of {1, 2}  y = one of {a: x -> relu, b: x -> relu -> relu}",
    ],
)
def test_settings_of_one_two_three_and_named_candidates_are_no_depths(line):
    assert depths_of("x = image -> conv(c = 8)", *line.split("  ")) == {}


def test_numbers_that_pick_tensors_beside_each_other_are_no_depths():
    lines = ("x[1] = image -> conv(c = 8)", "x[2] = image -> conv(c = 8, k = 5)", "k = one of {1, 2}")
    assert depths_of(*lines, "y = x[k]") == {}


def test_the_gates_of_shipped_spaces_are_their_depths():
    found = {
        name: depths(archdsl.load(SPECS / f"{name}.arch").space().graph) for name in ("space", "fasterseg")
    }
    assert found["space"] == {
        "hyper[1].gate": (1, 2),
        "hyper[2].gate": (1, 2, 3),
        "hyper[3].gate": (1, 2, 3, 4),
    }
    assert found["fasterseg"] == {}
