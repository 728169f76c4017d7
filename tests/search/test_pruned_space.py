"""A search of what passes leave of a space."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import archdsl
from archdsl.cli import run
from archdsl.diagnostics import SpecError
from archdsl.search.pruning import pruned
from small_search import SPEC

PASSES = "prune(hyper[1].gate = 2, hyper[2].gate = 1, hyper[1].Reduce.pm = {conv, sep})"


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pruned")
    (folder / "tiny.arch").write_text(SPEC)
    words = ["search", str(folder / "tiny.arch"), "--passes", PASSES, "--set", "epochs=1"]
    assert run([*words, "--out", str(folder / "run")]) == 0
    return folder


def records(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "journal.jsonl").read_text("utf-8").splitlines()]


def test_what_is_ruled_out_is_not_searched(found: Path):
    start = records(found / "run")[0]
    whole = archdsl.load(found / "tiny.arch").space().decisions
    assert start["gates"] == []
    assert start["decisions"]["hyper[1].Reduce.pm"] == ["conv", "sep"]
    gone = whole.keys() - start["decisions"].keys()
    assert gone == {path for path in whole if path.endswith(".gate") or path.startswith("hyper[2].Normal")}


def test_the_network_found_is_a_row_of_the_whole_space(found: Path):
    network = archdsl.load(found / "run" / "best.arch").network()
    assert (network.chosen["hyper[1].gate"], network.chosen["hyper[2].gate"]) == ("2", "1")
    assert network.chosen == records(found / "run")[-1]["chosen"]


def test_its_weights_can_be_taken_and_scored(found: Path):
    best, out = found / "run" / "best.arch", found / "taken.safetensors"
    assert run(["extract", str(found / "run"), "-o", str(out)]) == 0
    assert run(["eval", str(best), "--weights", str(out), "--data", "synthetic:images=8,size=32x64"]) == 0


def test_a_resumed_search_has_the_passes_of_its_run(found: Path, capsys):
    words = ["search", str(found / "tiny.arch"), "--resume", str(found / "run")]
    assert run([*words, "--passes", "prune(hyper[1].gate = 1)"]) == 1
    assert "ARCH912" in capsys.readouterr().err
    assert run(words) == 0


def test_passes_that_leave_nothing_to_search_are_refused():
    space = archdsl.load("tiny.arch", text=SPEC).space()
    decided = ", ".join(f"{path} = {d.outcomes[0]}" for path, d in space.decisions.items())
    with pytest.raises(SpecError, match="no decisions of"):
        pruned(space, f"bind({decided})")
    assert pruned(space, None) is space
