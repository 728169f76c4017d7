"""A search that decided nothing, or found a network that computes nothing, says so."""

from __future__ import annotations

import json

import pytest

from archdsl.cli import run
from archdsl.passes.analyses.idle import idle_outcomes
from archdsl.search.verdict import entropy, verdict
from small_search import SPEC, program


def chances(likely: float) -> dict[str, list[float]]:
    """The first outcome of each decision has that chance, the others share the rest."""
    sizes = {path: d.size for path, d in program().space().decisions.items()}
    return {path: [likely] + [(1 - likely) / (n - 1)] * (n - 1) for path, n in sizes.items()}


def chosen(edge: str, gate: str = "3") -> dict[str, str]:
    decisions = program().space().decisions
    return {path: gate if path.endswith("gate") else edge for path in decisions}


def warned(likely: float, edge: str) -> list[str]:
    found = verdict(program().space(), chances(likely), chosen(edge))["warnings"]
    return [warning.partition(":")[0] for warning in found]


@pytest.mark.parametrize(("row", "is_"), [([0.25] * 4, 1.0), ([1.0, 0.0], 0.0), ([0.5, 0.5, 0.0, 0.0], 0.5)])
def test_entropy_is_a_share_of_that_of_outcomes_alike(row, is_):
    assert entropy(row) == pytest.approx(is_)


def test_zeros_and_skips_are_idle_and_convolutions_are_not():
    idle = idle_outcomes(program().space().graph)
    assert idle["hyper[1].Normal.pm"] == (True, True, False, False)  # zero, skip, conv, sep
    assert "hyper[1].gate" not in idle or not all(idle["hyper[1].gate"])


@pytest.mark.parametrize(
    ("likely", "edge", "warnings"),
    [
        (0.9, "conv", []), (0.3, "conv", ["undecided"]), (0.9, "zero", ["collapsed"]),
        (0.3, "zero", ["undecided", "collapsed"]),
    ],
)  # fmt: skip
def test_probabilities_near_uniform_and_idle_edges_are_warned_of(likely, edge, warnings):
    assert warned(likely, edge) == warnings


def test_the_least_depths_are_noted():
    space = program().space()
    assert verdict(space, chances(0.9), chosen("conv", "1"))["shallow"]
    assert not verdict(space, chances(0.9), chosen("conv", "2"))["shallow"]


def test_an_undecided_search_says_so_on_the_terminal_in_its_journal_and_its_report(tmp_path, capsys):
    (tmp_path / "tiny.arch").write_text(SPEC)
    out = tmp_path / "run"
    words = [
        "search",
        str(tmp_path / "tiny.arch"),
        "--out",
        str(out),
        "--set",
        "epochs=1",
        "architecture_lr=0",
    ]
    assert run(words) == 0
    assert "warning: undecided" in capsys.readouterr().out
    end = json.loads((out / "journal.jsonl").read_text().splitlines()[-1])
    assert end["verdict"]["mean_entropy"] > 0.95
    assert len(end["iou"]) == 11
    assert len(end["verdict"]["random"]) == 8
    page = (out / "report.html").read_text("utf-8")
    assert "Warning: undecided" in page
    assert "idle edges" in page
    assert "Found and random networks" in page
    assert "bicyclist" in page
