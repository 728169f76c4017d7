"""`archdsl explain` says how a space can be searched before a search starts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import archdsl
import limited
from archdsl.backends.elastic.network import build as build_elastic
from archdsl.backends.supernet import build as build_candidates
from archdsl.cli import run

SPACE = """arch 1

op doubled(x) {
  both = concat(x, x)
  return both + (x -> conv(c = 2 * x.c))
}

space S {
  input image: [3, 16, 16]
  x = image -> CHOICE -> bn
  k = one of {3, 5}
  output logits = x -> conv(c = 4, k = k)
}
"""
EQUAL, WIDTHS = "one of {conv(c = 8), conv(c = 8, k = 1)}", "conv(c = one of {4, 8})"
APART = f"{WIDTHS} -> doubled"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def explained(choice: str, capsys: Any, *more: str) -> str:
    Path("s.arch").write_text(SPACE.replace("CHOICE", choice))
    assert run(["explain", "s.arch", *more]) == 0
    return str(capsys.readouterr().out)


def parameters(net: Any) -> int:
    return sum(own.numel() for own in net.parameters())


@pytest.mark.parametrize("choice", [EQUAL, WIDTHS])
def test_the_parameters_of_supernets_are_those_that_are_built(choice: str, capsys) -> None:
    found = json.loads(explained(choice, capsys, "--json"))["search"]
    graph = archdsl.load("s.arch").space().searched
    elastic = build_elastic(graph)
    assert found["elastic"] == {
        "parameters": parameters(elastic), "bytes": 4 * parameters(elastic), "code": None, "why": None,
    }  # fmt: skip
    assert [one["path"] for one in found["drawn"]] == list(elastic.sampled)
    assert [*elastic.sampled, *found["mixed"]] == list(graph.decisions)
    if choice == EQUAL:
        assert found["candidates"]["parameters"] == parameters(build_candidates(graph))
        assert found["share"] == "candidates"
    else:
        assert found["candidates"]["code"] == "ARCH802"
        assert found["share"] == "elastic"


def test_it_says_what_is_drawn_and_what_each_strategy_would_do(capsys) -> None:
    said = explained(WIDTHS, capsys)
    assert "supernet of all candidates: not possible: the size of" in said
    assert "1 decision sampled: x.1" in said
    assert "1 decision mixed: k" in said
    assert "samples 1 decision, by hard, one_path, uniform or fixed; weighted sums for 1 decision" in said
    assert "scored with elastic weights by evaluate = weights(…)" in said


def test_it_says_why_networks_share_no_weights(capsys) -> None:
    said = explained(APART, capsys)
    why = "the operands of a sum would use different channels of the shared weights (ARCH810)"
    assert f"elastic weights: not possible: {why}" in said
    assert "differentiable: not possible: networks share no weights" in said
    assert "networks trained from scratch; not by evaluate = weights(…)" in said


@pytest.mark.parametrize(
    "body",
    [
        "  y = image -> conv(c = one of {4, 999999999999999999})",
        "  y = image -> conv(c = one of {4, 8})\n  stage s repeat 36 { y = concat(y, y) }",
        "  y = image -> conv(c = one of {4, 8}) -> conv(c = 65536)\n  stage s repeat 80 { y = y -> relu }",
    ],
    ids=["wide", "doubled", "many"],
)
def test_a_space_of_more_channels_than_can_be_listed_shares_no_weights(body: str) -> None:
    Path("s.arch").write_text(limited.space(f"{body}\n  output logits = y"))
    done = limited.run("explain", "s.arch")
    assert done.code == 0, done.err
    assert "the limits are 131,072 and 4,194,304 (ARCH810)" in done.out
    assert limited.run("check", "s.arch").code == 0


def test_every_strategy_is_in_it(capsys) -> None:
    found = json.loads(explained(WIDTHS, capsys, "--json"))["search"]["strategies"]
    assert set(found) == set(archdsl.configs.words.STRATEGIES)


def test_it_needs_no_torch() -> None:
    Path("s.arch").write_text(SPACE.replace("CHOICE", WIDTHS))
    code = "import sys; from archdsl.cli import run; run(['explain', 's.arch']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "how it can be searched" in done.stdout
    assert not {"torch", "numpy"} & set(done.stdout.split())
