"""Searches of networks whose outputs are edges or depths, alone or beside classes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from archdsl.cli import run
from archdsl.report.run import read_run
from archdsl.report.search_page import search_page
from archdsl.runs.lines import read_records
from archdsl.train.tasks import tasks_of
from archdsl.train.weights import read_metadata

SPACE = """arch 1

space Maps {
  input image: [3, 32, 64]
  a = image -> conv(c = 4, k = one of {1, 3}, s = 2) -> bn -> relu
  output depth = a -> conv(c = 1, k = 1, bias = true) -> upsample(like = image)
  output edge = a -> conv(c = 1, k = 1, bias = true)
}

space Both(; classes = 19) {
  input image: [3, 32, 64]
  a = image -> conv(c = 4, k = one of {1, 3}, s = 2) -> bn -> relu
  output logits = a -> conv(c = classes, k = 1)
  output depth = a -> conv(c = 1, k = 1, bias = true)
}

space Three(; classes = 19) {
  input image: [3, 32, 64]
  a = image -> conv(c = 4, k = one of {1, 3}, s = 2) -> bn -> relu
  output logits = a -> conv(c = classes, k = 1)
  output edge = a -> conv(c = 1, k = 1, bias = true)
  output depth = a -> conv(c = 1, k = 1, bias = true)
}
"""
DATA = ["--data", "synthetic:images=4,size=32x64", "--device", "cpu"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def search(space: str, *clauses: str, more: tuple[str, ...] = ()) -> int:
    lines = "\n".join(f"  {clause}" for clause in (*clauses, "batch = 2"))
    Path("space.arch").write_text(f"{SPACE}\nsearch Q for {space} {{\n{lines}\n}}\n")
    return run(["search", "space.arch", *DATA, "--out", "s", *more])


def records(kind: str) -> list[dict]:
    return [r for r in read_records(Path("s") / "journal.jsonl") if r["kind"] == kind]


@pytest.mark.parametrize("evaluator", ["training", "weights"])
def test_networks_are_compared_by_the_scores_of_their_maps(evaluator: str):
    loss = "l1 + 4 * bce(edge, balanced = true)"
    evaluate = f"evaluate = {evaluator}(epochs = 1, loss = {loss})"
    goals = ("minimize mae", "maximize f1(edge)")
    assert search("Maps", "strategy = random", "trials = 2", evaluate, *goals) == 0
    for trial in records("tried"):
        assert trial["values"] == [trial["scores"]["mae"], trial["scores"]["f1(edge)"]]
        assert {"rmse", "delta1", "precision(edge)", "recall(edge)"} < set(trial["scores"])
    assert len(records("tried")) == 2


def test_classes_and_depths_are_scored_together():
    evaluate = "evaluate = training(epochs = 1, loss = ohem(logits) + 0.01 * l1(depth))"
    goals = ("maximize miou", "minimize rmse(depth)", "require params < 1M")
    assert search("Both", "strategy = random", "trials = 1", evaluate, *goals) == 0
    (trial,) = records("tried")
    assert trial["values"] == [trial["scores"]["miou"], trial["scores"]["rmse(depth)"]]
    assert {"mae(depth)", "cross_entropy", "reward"} < set(trial["scores"])


@pytest.mark.parametrize(
    ("space", "loss", "goal", "headline"),
    [
        ("Both", "ohem + l1(depth)", "minimize mae", "`mae` is not a score of `logits`"),
        ("Both", "ohem + l1(depth)", "maximize miou(depth)", "`miou` is not a score of `depth`"),
        ("Maps", "l1", "maximize f1(edge)", "`edge` is not scored"),
        ("Maps", "l1", "minimize mae(dept)", "unknown output `dept`"),
    ],
)
def test_a_score_that_an_output_does_not_have_is_located(
    space: str, loss: str, goal: str, headline: str, capsys: pytest.CaptureFixture[str]
):
    evaluate = f"evaluate = training(epochs = 1, loss = {loss})"
    assert search(space, "strategy = random", "trials = 1", evaluate, goal) == 1
    found = capsys.readouterr().err
    assert f": {headline}" in found
    assert "space.arch:" in found


def test_a_differentiable_search_finds_a_network_for_depths(capsys: pytest.CaptureFixture[str]):
    strategy = "strategy = differentiable(epochs = 1, refine = 1, refine_epochs = 1)"
    goal = "minimize l1(depth) + 4 * bce(edge, balanced = true) + 1e-9 * macs"
    assert search("Maps", strategy, goal) == 0
    shown = capsys.readouterr()
    assert "MAE" in shown.out
    assert "not trained" not in shown.err
    epoch, end = records("epoch")[0], records("end")[0]
    assert set(epoch["scores"]["depth"]) == {"mae", "rmse", "delta1"}
    assert set(epoch["scores"]["edge"]) == {"f1", "precision", "recall"}
    assert "miou" not in end
    weights = "s/best.safetensors"
    assert [one.name for one in tasks_of(read_metadata(Path(weights)))] == ["depth", "edge"]
    assert run(["eval", "s/best.arch", "--weights", weights, *DATA, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["outputs"]
    assert scores["depth"]["mae"] == pytest.approx(end["scores"]["depth"]["mae"])
    assert scores["edge"]["f1"] == pytest.approx(end["scores"]["edge"]["f1"])
    page = (Path("s") / "report.html").read_text()
    assert "MAE of depth on the validation images" in page
    assert "mIoU" not in page


BASE = (
    "arch 1\n\nnetwork Base(; classes = 2) {\n  input image: [3, 32, 64]\n"
    "  output NAME = image -> conv(c = classes, k = 1)\n}\n"
)


def compared(name: str, goal: str) -> int:
    Path("base.arch").write_text(BASE.replace("NAME", name))
    return search("Both", "strategy = differentiable(epochs = 1)", goal, more=("--baseline", "base.arch"))


def test_a_differentiable_search_of_both_compares_with_a_baseline(capsys: pytest.CaptureFixture[str]):
    assert compared("logits", "minimize ohem(logits) + 0.01 * l1(depth)") == 0
    shown = capsys.readouterr().out
    assert "Base 0." in shown
    assert {record["role"] for record in records("scratch")} == {"found", "baseline"}
    assert "depth MAE with" in shown  # of the network found; the baseline has no depth
    of_found, of_baseline = records("scratch")
    assert set(of_found["scores"]) == {"depth"}
    assert "scores" not in of_baseline
    page = (Path("s") / "report.html").read_text()
    assert "points of mIoU" in page
    assert "<th>MAE of depth</th>" in page


def test_a_baseline_has_an_output_that_the_losses_name(capsys: pytest.CaptureFixture[str]):
    assert compared("map", "minimize cross_entropy") == 0
    assert "Base 0." in capsys.readouterr().out
    assert compared("map", "minimize ohem(logits) + 0.01 * l1(depth)") == 1
    assert (
        "error[ARCH836]: the losses name outputs that the baseline Base does not" in capsys.readouterr().err
    )


THREE = "minimize ohem(logits) + 0.4 * bce(edge) + 0.01 * l1(depth)"


def test_every_output_is_scored_after_each_epoch_and_drawn(capsys: pytest.CaptureFixture[str]):
    assert search("Three", "strategy = differentiable(epochs = 2)", THREE) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "found" in line and "epoch" in line]
    for line, record in zip(lines, records("epoch"), strict=True):
        shown = re.search(r"logits mIoU (\S+)  edge F1 (\S+)  depth MAE (\S+)", line)
        assert shown is not None
        edge, depth = record["scores"]["edge"], record["scores"]["depth"]
        for text, score in zip(shown.groups(), (record["miou"], edge["f1"], depth["mae"]), strict=True):
            assert float(text) == pytest.approx(score, abs=6e-4)
    (end,) = records("end")
    assert set(end["scores"]) == {"edge", "depth"}
    assert len(end["iou"]) == 11
    page = (Path("s") / "report.html").read_text()
    for name in ("mIoU", "F1 of edge", "MAE of depth"):
        assert f"<b>{name} on the validation images</b>" in page
    for name in ("logits", "edge", "depth"):
        assert f"val_0000: {name}: ground truth" in page
        assert f"val_0000: {name}: prediction" in page


def test_a_search_stopped_between_epochs_writes_the_same_scores_when_resumed():
    assert search("Three", "strategy = differentiable(epochs = 2)", THREE) == 0
    whole = records("epoch") + records("end")
    for path in sorted((Path("s") / "checkpoints").iterdir())[1:]:
        path.unlink()
    assert run(["search", "space.arch", "--resume", "s", "--device", "cpu"]) == 0
    assert records("epoch") + records("end") == whole


def test_journals_with_the_scores_of_one_output_alone_are_read():
    goal = "minimize l1(depth) + 4 * bce(edge, balanced = true)"
    assert search("Maps", "strategy = differentiable(epochs = 1)", goal) == 0
    path = Path("s") / "journal.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for record in lines:
        if "scores" in record:
            record |= {"scores": record["scores"]["depth"], "miou": None}
    path.write_text("".join(json.dumps(record) + "\n" for record in lines))
    read = read_run(Path("s"))
    assert read.unread == 0
    assert read.scored.leading == ("mae", next(r for r in lines if r["kind"] == "end")["scores"]["mae"])
    assert "MAE on the validation images" in search_page(Path("s"))
