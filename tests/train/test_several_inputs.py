"""Networks whose further inputs are maps of the data, such as depths beside colours."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest
import torch

import archdsl
from archdsl.cli import run
from archdsl.data import Augmentation, Batches, open_data
from archdsl.diagnostics import SpecError
from archdsl.runs.lines import read_records

TEXT = """arch 1

network Rooms(; classes = 19) {
  input image: [3, 32, 64]
  input depth: [1, 32, 64]
  a = image -> conv(c = 4, s = 2)
  b = depth -> conv(c = 4, s = 2)
  output logits = a + b -> bn -> relu -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""
DATA = ["--data", "synthetic:images=4,size=32x64", "--device", "cpu"]
TRAIN = ["train", "net.arch", *DATA, "--batch", "2", "--epochs", "2", "--out", "r"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text(TEXT)
    return tmp_path


def evaluations() -> list[dict]:
    return [r for r in read_records(Path("r") / "journal.jsonl") if r["kind"] == "evaluation"]


def test_a_map_is_a_further_channel_of_the_images():
    data = open_data("synthetic", {"images": 4, "size": (32, 64)})
    how = Augmentation((24, 48))
    batch = Batches(data.train, 2, how, seed=1, targets=("depth",), inputs=("depth",)).batch(0)
    plain = Batches(data.train, 2, how, seed=1).batch(0)
    assert torch.equal(batch.images_B3HW[:, :3], plain.images_B3HW)
    assert torch.equal(batch.images_B3HW[:, 3], batch.maps["depth"].nan_to_num())


def test_colours_and_depths_are_trained_scored_and_deployed(capsys: pytest.CaptureFixture[str]):
    assert run(TRAIN) == 0
    best = max(record["miou"] for record in evaluations())
    weights = ["--weights", "r/weights.safetensors"]
    capsys.readouterr()
    assert run(["eval", "net.arch", *weights, *DATA]) == 0
    assert f"mIoU {100 * best:.2f} %" in capsys.readouterr().out
    assert run(["eval", "net.arch", *weights, *DATA, "--size", "40x72"]) == 0
    assert run(["compile", "net.arch", *weights, "--emit", "onnx", "-o", "net.onnx"]) == 0
    session = onnxruntime.InferenceSession("net.onnx")
    assert [one.name for one in session.get_inputs()] == ["image", "depth"]


def test_images_of_any_number_of_channels_are_stacked_from_maps(capsys: pytest.CaptureFixture[str]):
    stacked = TEXT.replace("  input depth: [1, 32, 64]\n", "").replace("depth ->", "image ->")
    Path("net.arch").write_text(stacked.replace("[3,", "[4,"))
    data = ["--data", "synthetic:images=4,size=32x64,stack=depth"]
    assert run([*TRAIN, *data]) == 0
    assert run(["eval", "net.arch", "--weights", "r/weights.safetensors", *data, "--device", "cpu"]) == 0
    assert f"mIoU {100 * max(r['miou'] for r in evaluations()):.2f} %" in capsys.readouterr().out
    assert run([*TRAIN, "--out", "other"]) == 1
    assert "error[ARCH942]" in capsys.readouterr().err
    assert run([*TRAIN, "--data", "synthetic:stack=height", "--out", "other"]) == 1
    assert "error[ARCH906]: `stack` names `height`" in capsys.readouterr().err


def test_a_training_with_depths_is_resumed_to_the_same():
    assert run(TRAIN) == 0
    whole = (Path("r") / "journal.jsonl").read_bytes()
    for path in sorted((Path("r") / "checkpoints").iterdir())[1:]:
        path.unlink()
    assert run(["train", "net.arch", "--resume", "r", "--device", "cpu"]) == 0
    assert (Path("r") / "journal.jsonl").read_bytes() == whole


@pytest.mark.parametrize(
    ("old", "new", "headline"),
    [
        ("depth", "height", "no map for the input `height` of Rooms"),
        (
            "depth: [1, 32, 64]",
            "depth: [2, 32, 64]",
            "the input `depth` of Rooms must be [1, 32, 64]",
        ),
    ],
)
def test_an_input_that_is_not_a_map_is_located(
    old: str, new: str, headline: str, capsys: pytest.CaptureFixture[str]
):
    Path("net.arch").write_text(TEXT.replace(old, new))
    assert run(TRAIN) == 1
    found = capsys.readouterr().err
    assert f"error[ARCH939]: {headline}" in found
    assert " --> net.arch:7:" in found
    assert not Path("r").exists()


def test_a_module_is_scored_on_data_with_its_maps():
    module = archdsl.load("net.arch").network(classes=11).module()
    scenes = open_data("synthetic", {"images": 4, "size": (32, 64)}).val
    assert archdsl.evaluate(module, scenes).images == 1

    class Bare:
        name, classes, colours, channels = "bare", scenes.classes, scenes.colours, 3

        def __len__(self) -> int:
            return 1

        def __getitem__(self, i: int):
            return scenes[i]

    with pytest.raises(SpecError, match="no map for the input `depth`"):
        archdsl.evaluate(module, Bare())  # type: ignore[arg-type]
