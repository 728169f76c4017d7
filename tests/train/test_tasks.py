"""Tasks other than classes: edges, depths, and several outputs at once, from training to deployment."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

import archdsl
from archdsl.cli import run
from archdsl.data import open_data
from archdsl.report.run import read_run
from archdsl.runs.lines import read_records
from archdsl.runs.processes import Processes
from archdsl.train.losses import bce, l1, mse, smooth_l1
from archdsl.train.tallies import BinaryTally, RegressionTally

TEXT = """arch 1

op stem(x) = x -> conv(c = 6, s = 2) -> bn -> relu

network Edge {
  input image: [3, 32, 64]
  a = image -> stem
  output edge = a -> conv(c = 1, k = 1, bias = true) -> upsample(like = image)
}

network Depth {
  input image: [3, 32, 64]
  output depth = image -> stem -> conv(c = 1, k = 1, bias = true)
}

network Both(; classes = 19) {
  input image: [3, 32, 64]
  a = image -> stem
  output logits = a -> conv(c = classes, k = 1)
  output depth = a -> conv(c = 1, k = 1, bias = true)
  output edge train = a -> conv(c = 1, k = 1)
}
"""
DATA = ["--data", "synthetic:images=4,size=32x64", "--device", "cpu"]
BOTH = "ohem + 0.01 * l1(depth) + bce(edge, positive = 4)"
LOSSES = {"Edge": "bce(balanced = true)", "Depth": "smooth_l1(beta = 2)", "Both": BOTH}
ONE = Processes(0, 1, torch.device("cpu"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text(TEXT)
    return tmp_path


def train(name: str, *more: str, out: str = "r", epochs: int = 2) -> int:
    recipe = ["--batch", "2", "--epochs", str(epochs), "--lr", "0.1", "--ema", "0", "--loss", LOSSES[name]]
    return run(["train", "net.arch", "--name", name, *DATA, *recipe, "--out", out, *more])


def evaluations(out: str = "r") -> list[dict]:
    return [r for r in read_records(Path(out) / "journal.jsonl") if r["kind"] == "evaluation"]


def test_an_edge_map_is_trained_scored_and_drawn(capsys: pytest.CaptureFixture[str]):
    assert train("Edge") == 0
    assert "best F1" in capsys.readouterr().out
    scores = [record["scores"]["edge"] for record in evaluations()]
    assert all(set(one) == {"f1", "precision", "recall"} for one in scores)
    weights = ["--name", "Edge", "--weights", "r/weights.safetensors"]
    assert run(["eval", "net.arch", *weights, *DATA, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["outputs"]["edge"]["f1"]
    assert found == pytest.approx(max(one["f1"] or 0 for one in scores), abs=1e-9)
    Image.fromarray(open_data("synthetic", {"images": 1, "size": (32, 64)}).val[0].image).save("a.png")
    assert run(["predict", "net.arch", *weights, "a.png", "-o", "seen"]) == 0
    assert [path.name for path in Path("seen").iterdir()] == ["a_edge.png"]
    with Image.open("seen/a_edge.png") as drawn:
        assert (drawn.mode, drawn.size) == ("L", (64, 32))
    assert run(["compile", "net.arch", *weights, "--emit", "onnx", "-o", "edge.onnx"]) == 0
    assert [one.name for one in onnxruntime.InferenceSession("edge.onnx").get_outputs()] == ["edge"]


def test_the_best_depth_map_has_the_least_error(capsys: pytest.CaptureFixture[str]):
    assert train("Depth", epochs=4) == 0
    errors = [record["scores"]["depth"]["mae"] for record in evaluations()]
    assert f"best MAE {min(errors):.4f}" in capsys.readouterr().out
    weights = ["--name", "Depth", "--weights", "r/weights.safetensors"]
    assert run(["eval", "net.arch", *weights, *DATA]) == 0
    assert f"depth: MAE {min(errors):.4g}, RMSE" in capsys.readouterr().out
    page = (Path("r") / "report.html").read_text()
    assert "best MAE" in page
    assert "mIoU" not in page
    assert run(["runs", "."]) == 0
    assert "mae" in capsys.readouterr().out
    Image.fromarray(open_data("synthetic", {"images": 1, "size": (32, 64)}).val[0].image).save("a.png")
    assert run(["predict", "net.arch", *weights, "a.png", "-o", "seen"]) == 0
    module = archdsl.load("net.arch").network("Depth").module().eval()
    assert sorted(path.name for path in Path("seen").iterdir()) == ["a_depth.png", "a_depth_values.png"]
    with Image.open("seen/a_depth_values.png") as drawn:
        values = np.asarray(drawn)
    assert values.dtype == np.uint16
    assert values.shape == (32, 64)
    assert module(torch.zeros(1, 3, 32, 64)).shape == (1, 1, 16, 32)


def test_of_several_outputs_the_first_decides_and_each_is_scored(capsys: pytest.CaptureFixture[str]):
    assert train("Both") == 0
    out = capsys.readouterr().out
    assert "logits on labels, depth on depth, edge on edges" in out
    best = max(record["miou"] for record in evaluations())
    assert f"best mIoU {best:.4f}" in out
    assert all(set(record["scores"]) == {"depth"} for record in evaluations())
    assert run(["eval", "net.arch", "--weights", "r/weights.safetensors", *DATA]) == 0
    shown = capsys.readouterr().out
    assert "bicyclist" in shown
    assert "depth: MAE" in shown
    last = read_run(Path("r")).evaluations()[-1]
    assert last.scores == evaluations()[-1]["scores"]
    scores = archdsl.evaluate("net.arch", "synthetic:images=4,size=32x64", weights="r/weights.safetensors")
    assert f"mIoU {100 * scores.miou:.2f} %" in shown
    assert set(scores.outputs["depth"]) == {"mae", "rmse", "delta1"}


@pytest.mark.parametrize("name", ["Depth", "Both"])
def test_a_run_that_is_resumed_is_the_same(name: str):
    assert train(name) == 0
    whole = (Path("r") / "journal.jsonl").read_bytes()
    for path in sorted((Path("r") / "checkpoints").iterdir())[1:]:
        path.unlink()
    assert run(["train", "net.arch", "--resume", "r", "--device", "cpu"]) == 0
    assert (Path("r") / "journal.jsonl").read_bytes() == whole


def test_from_python_the_score_and_its_name_are_returned():
    found = archdsl.train(
        "net.arch", "synthetic:images=4,size=32x64", name="Depth", loss="l1", epochs=1, batch=2, folder="p"
    )
    assert (found.metric, found.miou != found.miou) == ("MAE", True)
    assert found.score == pytest.approx(evaluations("p")[0]["scores"]["depth"]["mae"])


@pytest.mark.parametrize(
    ("name", "loss", "code"),
    [
        ("Depth", "l1(target = height)", "ARCH838"), ("Depth", "l1(target = labels)", "ARCH838"),
        ("Edge", "cross_entropy(target = edges)", "ARCH838"), ("Depth", "cross_entropy", "ARCH918"),
        ("Both", "l1(logits)", "ARCH837"), ("Edge", "bce(target = depth)", "ARCH938"),
    ],
)  # fmt: skip
def test_what_a_loss_cannot_compare_is_named(
    name: str, loss: str, code: str, capsys: pytest.CaptureFixture[str]
):
    assert train(name, "--loss", loss) == 1
    assert f"error[{code}]" in capsys.readouterr().err
    assert not Path("r").exists()


def test_data_without_the_target_of_the_weights_is_refused(capsys: pytest.CaptureFixture[str]):
    assert train("Depth", epochs=1) == 0
    for kind in ("images", "masks"):
        (Path("own") / kind / "val").mkdir(parents=True)
        pixels = np.zeros((32, 64, 3) if kind == "images" else (32, 64), np.uint8)
        Image.fromarray(pixels).save(Path("own") / kind / "val" / "a.png")
    weights = ["--name", "Depth", "--weights", "r/weights.safetensors"]
    assert run(["eval", "net.arch", *weights, "--data", "folder:own,classes=a+b", "--device", "cpu"]) == 1
    assert "error[ARCH838]: `folder` has no target `depth` for the output `depth`" in capsys.readouterr().err


def test_depths_in_a_folder_are_learned_without_masks():
    for part in ("train", "val"):
        for kind in ("images", "depth"):
            (Path("rooms") / kind / part).mkdir(parents=True)
        for n in range(2):
            depth = np.full((32, 64), 1000 + 500 * n, np.uint16)
            Image.fromarray(np.full((32, 64, 3), 60 * n, np.uint8)).save(f"rooms/images/{part}/{n}.png")
            Image.fromarray(depth).save(f"rooms/depth/{part}/{n}.png")
    data = ["--data", "folder:rooms,maps=depth,map_scale=0.001"]
    assert train("Depth", *data, "--loss", "l1") == 0
    assert evaluations()[-1]["scores"]["depth"]["mae"] < 2
    assert json.loads((Path("r") / "manifest.json").read_text())["data"]["maps"] == {"depth": [0.001, 0]}


def test_losses_of_maps_are_means_over_known_pixels():
    draw = torch.Generator().manual_seed(0)
    output = torch.randn(2, 1, 5, 7, generator=draw, dtype=torch.float64, requires_grad=True)
    target = torch.rand(2, 5, 7, generator=draw, dtype=torch.float64).round()
    known = torch.rand(2, 5, 7, generator=draw) < 0.7
    seen = torch.where(known, target, torch.nan)
    guess, true = output[:, 0][known], target[known]
    share = true.mean()
    weights = torch.where(true > 0, 1 - share, share)
    functional = torch.nn.functional
    each = functional.binary_cross_entropy_with_logits(guess, true, reduction="none")
    wanted = {
        l1(output, seen): (guess - true).abs().mean(), mse(output, seen): ((guess - true) ** 2).mean(),
        smooth_l1(output, seen, beta=0.5): functional.smooth_l1_loss(guess, true, beta=0.5),
        bce(output, seen): each.mean(), bce(output, seen, balanced=True): (weights * each).mean(),
        bce(output, seen, positive=3.0): (each * (1 + 2 * true)).mean(),
    }  # fmt: skip
    for found, expected in wanted.items():
        torch.testing.assert_close(found, expected)
        (gradient,) = torch.autograd.grad(found, output, retain_graph=True)
        assert gradient.isfinite().all()
        assert (gradient[:, 0][~known] == 0).all()
    nothing = l1(output, torch.full_like(target, torch.nan))
    assert nothing.item() == 0
    nothing.backward()


def test_scores_of_maps_are_those_of_their_definitions():
    draw = torch.Generator().manual_seed(1)
    output, depth = torch.rand(3, 1, 6, 5, generator=draw) * 4, torch.rand(3, 6, 5, generator=draw) * 3 + 0.5
    depth[torch.rand(3, 6, 5, generator=draw) < 0.2] = torch.nan
    edge = torch.where(depth.isnan(), depth, (depth > 2).float())
    numbers, yes_or_no = RegressionTally(), BinaryTally()
    for n in range(3):
        numbers.add(output[n : n + 1], depth[n : n + 1])
        yes_or_no.add(output[n : n + 1] - 2, edge[n : n + 1])
    known = ~depth.isnan()
    guess, true = output[:, 0][known].double().numpy(), depth[known].double().numpy()
    ratio = np.maximum(guess / true, true / guess)
    assert numbers.scores() == pytest.approx(
        {
            "mae": abs(guess - true).mean(),
            "rmse": ((guess - true) ** 2).mean() ** 0.5,
            "delta1": (ratio < 1.25).mean(),
        }
    )
    hit = ((guess >= 2) & (true > 2)).sum()
    precision, recall = hit / (guess >= 2).sum(), hit / (true > 2).sum()
    f1 = 2 * precision * recall / (precision + recall)
    assert yes_or_no.scores() == pytest.approx({"f1": f1, "precision": precision, "recall": recall})
    numbers.join(ONE)
    assert all(score != score for score in RegressionTally().scores().values())
