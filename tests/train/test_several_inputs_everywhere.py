"""Networks and spaces that read images and maps, in searches, distillation, predictions and extraction."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

import archdsl
from archdsl.cli import run
from archdsl.data import open_data
from archdsl.data.batches import whole
from archdsl.runs.lines import read_records
from archdsl.train.evaluation import inputs_of
from archdsl.train.weights import SPEC, module_with_weights, network_hash, read_metadata, save_weights

NETWORK = """arch 1

network Rooms(; classes = 11) {
  input image: [3, 32, 64]
  input depth: [1, 32, 64]
  a = image -> conv(c = 4, s = 2)
  b = depth -> conv(c = 4, s = 2)
  output logits = a + b -> bn -> relu -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""
PLAIN = """arch 1

network Plain(; classes = 11) {
  input image: [3, 32, 64]
  output logits = image -> conv(c = 4, s = 2) -> bn -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""
SPACE = """arch 1

space Rooms(; classes = 11) {
  input image: [3, 32, 64]
  input depth: [1, 32, 64]
  a = image -> conv(c = 4, s = 2)
  b = depth -> conv(c = 4, k = 3, s = 2)
  k = one of {1, 3}
  e = a + b -> bn -> relu
  f = one of {both: e -> conv(c = 4, k = k) -> relu, deep: concat(e, b) -> conv(c = 4)}
  output logits = f -> conv(c = classes, k = 1) -> upsample(like = image)
}

search Learned for Rooms {
  strategy = differentiable(epochs = 1)
  data = synthetic(images = 4, batch = 2, size = [32, 64])
  minimize cross_entropy + 0.01 * log(macs)
}

search Trained for Rooms {
  strategy = random
  trials = 2
  evaluate = training(epochs = 1)
  data = synthetic(images = 4, batch = 2, size = [32, 64])
  maximize miou
}
"""
SCENES = "synthetic:images=4,size=32x64"
DATA = ["--data", SCENES, "--device", "cpu"]
ONE_SHOT = "weights(epochs = 1, calibrate = 1, train = sandwich(random = 1), distill = in_place)"
STAGES = "two_stage(first = decoder_only(epochs = 1, crops = 4), second = end_to_end(epochs = 1))"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {"net": NETWORK, "plain": PLAIN, "space": SPACE}.items():
        Path(f"{name}.arch").write_text(text)


def trained(spec: str, out: str, *more: str) -> Path:
    options = ["--batch", "2", "--epochs", "1", "--out", out, *more]
    assert run(["train", spec, *DATA, *options]) == 0
    return Path(out) / "weights.safetensors"


def untrained(spec: str) -> Path:
    network = archdsl.load(spec).network()
    save_weights(Path("r.safetensors"), network.module(), {SPEC: network_hash(network)})
    return Path("r.safetensors")


def losses(folder: str) -> list[float]:
    records = read_records(Path(folder) / "journal.jsonl")
    return [record["loss"] for record in records if record["kind"] == "step"]


def scene(name: str) -> np.ndarray:
    """Writes a scene as `NAME.png` and its depths in a folder, in centimetres; returns the depths."""
    sample = open_data("synthetic", {"images": 4, "size": (32, 64)}).val[0]
    Image.fromarray(sample.image).save(f"{name}.png")
    Path("depth").mkdir(exist_ok=True)
    depth = np.nan_to_num(sample.maps["depth"])
    Image.fromarray(np.rint(100 * depth).astype(np.uint16)).save(f"depth/{name}.png")
    return depth


# ------------------------------------------------------------ searches


@pytest.mark.parametrize(
    ("search", "options"),
    [
        ("Learned", ["--baseline", "plain.arch", "--set", "refine=1", "refine_epochs=1", "order=1"]),
        ("Learned", ["--set", "share=elastic"]),
        ("Trained", []),
        ("Trained", ["--evaluate", ONE_SHOT]),
        ("Trained", ["--evaluate", STAGES]),
    ],
)
def test_a_space_of_images_and_depths_is_searched(search: str, options: list[str]):
    assert run(["search", "space.arch", "--search", search, "--device", "cpu", "--out", "s", *options]) == 0
    found = archdsl.load("s/best.arch").network()
    assert list(found.graph.inputs) == ["image", "depth"]
    assert "depth" in {name for node in found.graph.nodes.values() for name in node.inputs}


def test_a_search_reads_the_depths_of_its_data(capsys: pytest.CaptureFixture[str]):
    Path("space.arch").write_text(SPACE.replace("depth", "height"))
    for search in ("Learned", "Trained"):
        assert run(["search", "space.arch", "--search", search, "--device", "cpu", "--out", "s"]) == 1
        assert "error[ARCH939]: no map for the input `height` of Rooms" in capsys.readouterr().err
    assert not Path("s").exists()


def test_a_space_of_images_with_stacked_maps_is_searched(capsys: pytest.CaptureFixture[str]):
    one = SPACE.replace("  input depth: [1, 32, 64]\n", "").replace("depth ->", "image ->")
    Path("space.arch").write_text(one.replace("[3, 32", "[4, 32"))
    options = ["--device", "cpu", "--out", "s"]
    stacked = ["--data", f"{SCENES},stack=depth"]
    assert run(["search", "space.arch", "--search", "Learned", *stacked, "--set", "batch=2", *options]) == 0
    scene("a")
    weights = ["--weights", "s/best.safetensors"]
    assert run(["predict", "s/best.arch", *weights, "a.png", "--input", "depth=depth", "-o", "seen"]) == 0
    assert run(["predict", "s/best.arch", *weights, "a.png", "-o", "other"]) == 1
    assert "error[ARCH939]: no files for the input `depth`" in capsys.readouterr().err
    assert run(["search", "space.arch", "--search", "Learned", "--device", "cpu", "--out", "t"]) == 1
    assert "error[ARCH942]" in capsys.readouterr().err


def test_the_network_found_is_extracted_calibrated_and_drawn():
    assert run(["search", "space.arch", "--search", "Learned", "--device", "cpu", "--out", "s"]) == 0
    calibrated = ["--calibrate", "1", "--data", SCENES]
    assert run(["extract", "s", "-o", "w.safetensors", *calibrated]) == 0
    scene("a")
    drawn = ["predict", "s/best.arch", "--weights", "w.safetensors", "a.png", "-o", "seen"]
    assert run([*drawn, "--input", "depth=depth"]) == 0
    assert sorted(path.name for path in Path("seen").iterdir()) == ["a.png", "a_classes.png"]
    assert json.loads(read_metadata(Path("w.safetensors"))["inputs"])["maps"]["depth"]["scale"] == 0.01


# ------------------------------------------------------------ distillation


@pytest.mark.parametrize(("student", "teacher"), [("net", "net"), ("net", "plain"), ("plain", "net")])
def test_teacher_and_student_may_read_different_inputs(student: str, teacher: str):
    weights = trained(f"{teacher}.arch", "t")
    alone = trained(f"{student}.arch", "alone")
    taught = ["--distill", f"{teacher}.arch", "--teacher-weights", str(weights)]
    trained(f"{student}.arch", "s", *taught)
    assert losses("s") != losses("alone")
    assert losses("s")[0] > losses("alone")[0]  # the divergence is a further summand
    assert alone.exists()


def test_a_teacher_whose_inputs_the_data_lacks_is_refused(capsys: pytest.CaptureFixture[str]):
    weights = trained("net.arch", "t")
    data = open_data("synthetic", {"images": 4, "size": (32, 64)})
    for part in ("train", "val"):
        for kind in ("images", "masks"):
            Path("rooms", kind, part).mkdir(parents=True)
        sample = data.val[0]
        Image.fromarray(sample.image).save(f"rooms/images/{part}/0.png")
        Image.fromarray(sample.mask).save(f"rooms/masks/{part}/0.png")
    classes = "+".join(data.train.classes)
    read = ["--data", f"folder:rooms,classes={classes}", "--device", "cpu", "--batch", "1", "--epochs", "1"]
    taught = ["--distill", "net.arch", "--teacher-weights", str(weights)]
    assert run(["train", "plain.arch", *read, *taught, "--out", "s"]) == 1
    assert "error[ARCH939]: no map for the input `depth` of Rooms" in capsys.readouterr().err
    assert not Path("s").exists()


# ------------------------------------------------------------ predictions


def test_predictions_use_the_files_of_each_input():
    weights = trained("net.arch", "r")
    depth = scene("a")
    assert json.loads(read_metadata(weights)["inputs"])["maps"] == {"depth": {"scale": 0.01, "unknown": 0}}
    drawn = ["predict", "net.arch", "--weights", str(weights), "a.png"]
    assert run([*drawn, "--input", "depth=depth", "-o", "seen"]) == 0
    module, _ = module_with_weights(archdsl.load("net.arch").network(), weights)
    dataset = open_data("synthetic", {"images": 4, "size": (32, 64)}).val
    images_B4HW = whole(dataset, 0, inputs=("depth",)).images_B3HW.clone()
    images_B4HW[0, 3] = torch.from_numpy(np.rint(100 * depth) * np.float32(0.01))
    with torch.inference_mode():
        wanted = module(*inputs_of(module, images_B4HW)).argmax(1)[0].numpy()
    assert np.array_equal(np.array(Image.open("seen/a_classes.png")), wanted)
    Image.fromarray(np.zeros((32, 64), np.uint16)).save("none.png")
    assert run([*drawn, "--input", "depth=none.png", "-o", "zero"]) == 0
    scaled = "depth=depth,map_scale=1000,map_unknown=none"
    assert run([*drawn, "--input", scaled, "-o", "far"]) == 0
    drawings = {name: Path(name, "a_classes.png").read_bytes() for name in ("seen", "zero", "far")}
    assert len(set(drawings.values())) == 3


@pytest.mark.parametrize(
    ("inputs", "code", "message"),
    [
        ([], 1, "error[ARCH939]: no files for the input `depth` of Rooms"),
        (["depth=empty"], 1, "error[ARCH900]"),
        (["depth=other"], 1, "error[ARCH936]: image without `depth`"),
        (["depth=small"], 1, "error[ARCH905]: image and `depth` differ in size"),
        (["heat=depth"], 2, "Rooms has no further input `heat`; further inputs: depth"),
        (["depth=missing"], 2, "missing does not exist"),
        (["depth"], 2, "is not NAME=DIR"),
        (["depth=depth,map_scale=-1"], 2, "`map_scale` must be a number > 0"),
        (["depth=depth", "depth=other"], 2, "`depth` is set twice"),
    ],
)
def test_missing_or_wrong_files_of_inputs_are_errors(
    inputs: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
):
    weights = untrained("net.arch")
    scene("a")
    for name in ("empty", "other", "small"):
        Path(name).mkdir()
    Image.fromarray(np.zeros((32, 64), np.uint16)).save("other/b.png")
    Image.fromarray(np.zeros((16, 64), np.uint16)).save("small/a.png")
    capsys.readouterr()
    options = [word for text in inputs for word in ("--input", text)]
    assert run(["predict", "net.arch", "--weights", str(weights), "a.png", *options, "-o", "seen"]) == code
    assert message in capsys.readouterr().err
    assert not Path("seen").exists()


def test_a_network_of_images_alone_has_no_further_input(capsys: pytest.CaptureFixture[str]):
    weights = untrained("plain.arch")
    scene("a")
    drawn = ["predict", "plain.arch", "--weights", str(weights), "a.png", "--input", "depth=depth"]
    assert run([*drawn, "-o", "seen"]) == 2
    assert "it reads images only" in capsys.readouterr().err


# ------------------------------------------------------------ other commands

MAPS = """arch 1

network Maps {{
  input image: [{channels}, 32, 64]
  input depth: [1, 32, 64]
  y = concat(image -> conv(c = 4, s = 2), depth -> conv(c = 2, s = 2))
  output edge = y -> conv(c = 1, k = 1) -> upsample(like = image)
  output logits = y -> conv(c = 3, k = 1) -> upsample(like = image)
}}
"""


@pytest.mark.parametrize("channels", [1, 3, 6])
def test_all_outputs_of_images_with_any_number_of_channels_are_drawn(
    channels: int, capsys: pytest.CaptureFixture[str]
):
    Path("maps.arch").write_text(MAPS.format(channels=channels))
    assert run(["compile", "maps.arch", "--out", "all"]) == 0
    found = capsys.readouterr().out
    assert "`edge`, the 1x32x64 values in grey and `logits`, the argmax of 3x32x64 logits" in found
    drawn = np.array(Image.open("all/output.png"))
    assert drawn.shape == (64, 64, 3)
    assert (drawn[:32, :, 0] == drawn[:32, :, 1]).all()
    assert len(np.unique(drawn[:32])) > 2
    assert (drawn[32:, :, 0] != drawn[32:, :, 1]).any()


def test_fuzz_resizes_inputs_of_the_size_of_the_image(capsys: pytest.CaptureFixture[str]):
    assert run(["fuzz", "space.arch", "-n", "1", "--image", "3x64x96", "--no-onnx"]) == 0
    assert "0 failures" in capsys.readouterr().out


def test_exported_files_record_how_maps_are_read():
    weights = trained("net.arch", "r")
    assert run(["compile", "net.arch", "--weights", str(weights), "--emit", "onnx", "-o", "net.onnx"]) == 0
    facts = {entry.key: entry.value for entry in onnx.load("net.onnx").metadata_props}
    assert json.loads(facts["archdsl.inputs"])["maps"] == {"depth": {"scale": 0.01, "unknown": 0}}
    assert json.loads(facts["archdsl.normalisation"])["channels"] == "RGB"
