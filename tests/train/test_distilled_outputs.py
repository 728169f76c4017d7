"""Networks that learn several outputs of a teacher: classes, edges and depths."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)

import archdsl
from archdsl.cli import run
from archdsl.train.divergences import divergence, pixel

NETWORK = """arch 1

network NAME(; classes = 11) {
  input image: [3, 32, 64]
  a = image -> conv(c = WIDTH, s = 2) -> bn -> relu
  x = a -> conv(c = classes, k = 1)
  y = a -> conv(c = 1, k = 1, bias = true)
  z = a -> conv(c = 1, k = 1, bias = true)
  output logits = x
  output edge = y
  output depth = z
}
"""
STUDENT = NETWORK.replace("NAME", "Small").replace("WIDTH", "4")
TEACHER = NETWORK.replace("NAME", "Large").replace("WIDTH", "8")
DATA = ["--data", "synthetic:images=4,size=32x64", "--device", "cpu", "--batch", "2", "--epochs", "1"]
LOSS = "ohem(logits) + 0.4 * bce(edge) + 0.01 * l1(depth)"
TAUGHT = ["--distill", "large.arch", "--teacher-weights", "t"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("small.arch").write_text(STUDENT)
    Path("large.arch").write_text(TEACHER)
    return tmp_path


def train(spec: str, out: str, loss: str = LOSS, *more: str) -> int:
    return run(["train", spec, *DATA, "--loss", loss, "--out", out, *more])


def first_loss(folder: str) -> float:
    lines = map(json.loads, Path(folder, "journal.jsonl").read_text().splitlines())
    return next(line["loss"] for line in lines if line["kind"] == "step")


def test_maps_are_taught_by_probabilities_and_by_values():
    student, teacher = torch.randn(2, 2, 1, 4, 6, dtype=torch.float64)
    for temperature in (1.0, 2.0):
        p, q = (teacher / temperature).sigmoid(), (student / temperature).sigmoid()
        wanted = temperature**2 * F.binary_cross_entropy(q, p)
        found = divergence("binary", student, teacher, temperature=temperature)
        torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(divergence("regression", student, teacher), F.l1_loss(student, teacher))
    torch.testing.assert_close(divergence("classes", student, teacher), pixel(student, teacher))


def test_every_output_is_taught_with_the_weight_of_its_loss(capsys: pytest.CaptureFixture[str]):
    assert train("large.arch", "t") == 0
    assert train("small.arch", "alone") == 0
    capsys.readouterr()
    assert train("small.arch", "all", LOSS, *TAUGHT) == 0
    assert "Large teaches logits, edge, depth\n" in capsys.readouterr().out
    more = {}
    for name, value in {"logits": "x", "edge": "y", "depth": "z"}.items():
        lines = [line for line in TEACHER.splitlines() if " output" not in line or f"= {value}" in line]
        Path("part.arch").write_text("\n".join(lines) + "\n")
        part = ["--distill", "part.arch", "--teacher-weights", "t"]
        assert train("small.arch", name, LOSS, *part) == 0
        more[name] = first_loss(name) - first_loss("alone")
    said = capsys.readouterr().out
    lacking = "the teacher does not have this output"
    assert f"Large teaches logits; not edge: {lacking}; not depth: {lacking}" in said
    assert all(loss > 0 for loss in more.values())
    assert first_loss("all") - first_loss("alone") == pytest.approx(sum(more.values()), rel=1e-4)


def test_what_is_not_taught_is_said(capsys: pytest.CaptureFixture[str]):
    assert train("large.arch", "t", "ohem(logits) + bce(edge) + bce(depth, target = edges)") == 0
    capsys.readouterr()
    assert train("small.arch", "s", "ohem(logits) + 0.01 * l1(depth)", *TAUGHT) == 0
    reasons = "not depth: the teacher predicts a binary map, not numbers; not edge: no loss trains it"
    assert f"Large teaches logits; {reasons}" in capsys.readouterr().out


def test_a_depth_is_taught_alone_and_settings_without_an_effect_are_refused(
    capsys: pytest.CaptureFixture[str],
):
    depth = "arch 1\n\nnetwork Only {\n  input image: [3, 32, 64]\n  output depth = image -> conv(c = 1)\n}\n"
    Path("depth.arch").write_text(depth)
    taught = ["--distill", "depth.arch", "--teacher-weights", "t"]
    assert train("depth.arch", "t", "l1") == 0
    assert train("depth.arch", "s", "l1", *taught) == 0
    for option, headline in {
        "--distill-loss=released": "`released` applies to class predictions, but none are distilled",
        "--distill-temperature=2": "applies to probabilities, but only regression outputs are distilled",
    }.items():
        assert train("depth.arch", "other", "l1", *taught, option) == 2
        assert headline in capsys.readouterr().err
    assert train("small.arch", "other", "ohem(logits) + bce(edge)", *taught) == 1
    found = capsys.readouterr().err
    assert "error[ARCH817]: no output of Small can be distilled from the teacher Only" in found
    assert not Path("other").exists()


def test_a_taught_training_of_several_outputs_is_resumed_to_the_same():
    assert train("large.arch", "t") == 0
    assert train("small.arch", "s", LOSS, *TAUGHT, "--epochs", "2") == 0
    whole = Path("s/journal.jsonl").read_bytes()
    for path in sorted(Path("s/checkpoints").iterdir())[1:]:
        path.unlink()
    assert run(["train", "small.arch", "--resume", "s", "--device", "cpu"]) == 0
    assert Path("s/journal.jsonl").read_bytes() == whole


def test_python_teaches_several_outputs():
    assert train("large.arch", "t") == 0
    found = archdsl.train(
        "small.arch", "synthetic:images=4,size=32x64", epochs=1, batch=2, device="cpu", loss=LOSS,
        distill="large.arch", teacher_weights="t", folder="s",
    )  # fmt: skip
    assert found.metric == "mIoU"
