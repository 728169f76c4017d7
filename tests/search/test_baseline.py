"""A search and a baseline: both trained from scratch, recorded, drawn, counted in the forecast, resumed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import archdsl
import small_search
from archdsl.cli import run
from archdsl.diagnostics import SpecError
from archdsl.report.search_page import search_page
from archdsl.runs.checkpoints import load_state
from archdsl.runs.interrupted import Interrupted

SPEC = """arch 1
space Tiny(; classes = 11) {
  input image: [3, 32, 64]
  wide = one of {1, 3}
  y = image -> conv(c = 4, k = wide) -> bn -> relu -> conv(c = classes, k = 1)
  output logits = y
}
search Quick for Tiny {
  strategy = differentiable(sampler = gumbel(tau = 3.0, end = 0.1), epochs = 3)
  data = synthetic(batch = 4, images = 8)
  minimize cross_entropy
}
"""
PLAIN = """arch 1
network Line(; classes = 19) {
  input picture: [3, 64, 64]
  output logits = picture -> conv(c = 6) -> bn -> relu -> conv(c = classes, k = 1)
}
"""


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    (tmp_path / "s.arch").write_text(SPEC, "utf-8")
    (tmp_path / "plain.arch").write_text(PLAIN, "utf-8")
    torch.set_num_threads(1)
    return tmp_path


def searched(specs: Path, folder: str, **more) -> list[dict]:
    options = {"baseline": specs / "plain.arch", "device": "cpu", **more}
    archdsl.search(specs / "s.arch", folder=specs / folder, **options)
    return journal(specs / folder)


def journal(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text("utf-8").splitlines()]


def scratch(records: list[dict], role: str) -> list[dict]:
    return [r for r in records if r["kind"] == "scratch" and r["role"] == role]


def test_both_are_trained_from_scratch_and_scored_after_each_epoch_at_the_size_of_the_search(specs):
    records = searched(specs, "run")
    for role in ("found", "baseline"):
        assert [r["epoch"] for r in scratch(records, role)] == [0, 1, 2]
    end = next(r for r in records if r["kind"] == "end")
    assert {r["macs"] for r in scratch(records, "found")} == {end["network"]["macs"]}
    assert {r["macs"] for r in scratch(records, "baseline")} == {32 * 64 * (3 * 9 * 6 + 6 * 11)}


def test_a_baseline_that_is_the_network_found_has_its_curve(specs):
    searched(specs, "first", baseline=None)
    records = searched(specs, "second", baseline=specs / "first" / "best.arch")
    curves = [[r["miou"] for r in scratch(records, role)] for role in ("found", "baseline")]
    assert curves[0] == curves[1]


def test_a_search_finds_the_same_without_a_baseline(specs):
    def others(records):
        return [r for r in records if r["kind"] != "scratch"]

    assert others(searched(specs, "with")) == others(searched(specs, "without", baseline=None))
    for name in ("best.arch", "best.safetensors"):
        assert (specs / "with" / name).read_bytes() == (specs / "without" / name).read_bytes()


@pytest.mark.parametrize("role", ["found", "baseline"])
def test_a_search_stopped_within_a_comparison_writes_the_same_journal_when_resumed(specs, role):
    whole = searched(specs, "whole")
    with pytest.raises(Interrupted):
        searched(specs, "part", stop=lambda: bool(scratch(journal(specs / "part"), role)))
    assert len(scratch(journal(specs / "part"), role)) == 1
    resumed = [r for r in searched(specs, "part", resume=True) if r["kind"] != "resumed"]
    assert resumed == whole


BAD = {
    "ARCH942": PLAIN.replace("[3, 64, 64]", "[1, 64, 64]"),
    "ARCH918": PLAIN.replace("c = classes", "c = 4"),
    "ARCH226": SPEC,
}


@pytest.mark.parametrize("code", BAD)
def test_a_baseline_that_does_not_fit_is_refused_before_anything_is_written(specs, code):
    (specs / "plain.arch").write_text(BAD[code], "utf-8")
    with pytest.raises(SpecError) as caught:
        searched(specs, "run")
    assert [d.code for d in caught.value.diagnostics] == [code]
    assert not (specs / "run").exists()


def test_the_command_line_keeps_the_baseline_when_resumed_and_refuses_another(specs, monkeypatch, capsys):
    spec, folder = str(specs / "s.arch"), str(specs / "run")
    (specs / "other.arch").write_text(PLAIN.replace("c = 6", "c = 7"), "utf-8")
    monkeypatch.chdir(specs)
    assert run(["search", spec, "--baseline", "plain.arch", "-o", folder]) == 0
    said = capsys.readouterr().out
    assert "then the network found and Line trained from scratch for the same number of epochs" in said
    assert "Line from scratch, epoch 3/3  mIoU" in said
    assert "trained from scratch for 3 epochs: found 0." in said
    before = journal(specs / "run")
    monkeypatch.chdir("/")
    assert run(["search", spec, "--resume", folder]) == 0
    assert scratch(journal(specs / "run"), "baseline") == scratch(before, "baseline")
    assert run(["search", spec, "--resume", folder, "--baseline", str(specs / "other.arch")]) == 1
    assert "baseline sha256: " in capsys.readouterr().err


def test_a_checkpoint_whose_comparison_is_no_number_is_passed_over(specs):
    made = small_search.search(specs / "run", epochs=1)
    made.run(small_search.quiet)
    good = load_state(made.keeper.newest())
    made.keeper.save(made.step + 1, {**good, "compared": {"found": "0.9"}})
    again = small_search.search(specs / "run", epochs=1)
    assert again.restore() == made.step
    assert again.compared == {}


def test_the_report_draws_both_and_says_how_far_apart_they_are(specs):
    records = searched(specs, "run")
    page = search_page(specs / "run")
    one, other = (scratch(records, role)[-1] for role in ("found", "baseline"))
    points = 100 * (one["miou"] - other["miou"])
    said = f"{abs(points):.1f} points of mIoU {'more' if points >= 0 else 'less'} than the baseline Line"
    assert f"the network found has {said} with {one['macs'] / other['macs']:.2f} times its" in page
    assert "Trained from scratch</h2>" in page
    searched(specs, "alone", baseline=None)
    assert "rained from scratch" not in search_page(specs / "alone")
