"""Networks whose further inputs are images, such as the right one of a stereo pair."""

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
from archdsl.data import Augmentation, Batches, open_data
from archdsl.data.batches import whole
from archdsl.data.channels import MEAN, STD
from archdsl.data.source import parse_data
from archdsl.diagnostics import SpecError
from archdsl.runs.lines import read_records
from archdsl.train.evaluation import inputs_of
from archdsl.train.weights import module_with_weights, read_metadata
from stereo import SETTINGS, write_rooms

NETWORK = """arch 1

network Stereo(; classes = 11) {
  input image: [3, 32, 64]
  input right: [3, 32, 64]
  a = image -> conv(c = 4, s = 2)
  b = right -> conv(c = 4, s = 2)
  output logits = a + b -> bn -> relu -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""
DATA = ["--data", SETTINGS, "--device", "cpu"]
TRAIN = ["train", "net.arch", *DATA, "--batch", "2", "--epochs", "1", "--out", "r"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text(NETWORK)
    write_rooms()
    return tmp_path


def opened(settings: str = SETTINGS):
    return parse_data(settings).open()


def test_a_second_image_is_normalized_scaled_flipped_and_padded_as_the_first():
    same = Path("rooms/images/train")
    for path in same.iterdir():
        (Path("rooms/right/train") / path.name).write_bytes(path.read_bytes())
    batches = Batches(opened().train, 2, Augmentation((48, 48)), seed=1, inputs=("right", "depth"))
    for step in range(6):
        images_B7HW = batches.batch(step).images_B3HW
        assert images_B7HW.shape[1] == 7
        assert torch.equal(images_B7HW[:, :3], images_B7HW[:, 3:6])


def test_a_further_input_has_a_normalisation_of_its_own():
    own = ",map_mean=0.5/0.25/0+2,map_std=0.5/1/2+4"
    dataset = opened(SETTINGS + own).train
    image = whole(dataset, 0, inputs=("right", "depth")).images_B3HW[0]
    sample = dataset[0]
    right = torch.from_numpy(sample.maps["right"]).permute(2, 0, 1) / 255
    mean, std = torch.tensor([0.5, 0.25, 0]), torch.tensor([0.5, 1, 2])
    assert torch.allclose(image[3:6], (right - mean[:, None, None]) / std[:, None, None], atol=1e-5)
    depth = torch.from_numpy(sample.maps["depth"])
    assert torch.allclose(image[6], ((depth - 2) / 4).nan_to_num())
    assert torch.equal(image[6] == 0, depth.isnan() | (depth == 2))
    padded = (
        Batches(dataset, 2, Augmentation((48, 80), None, False), 1, inputs=("right",)).batch(0).images_B3HW
    )
    assert padded[:, 3:].abs().amin(1).amin() < 0.01  # rounded to bytes


def test_two_images_are_trained_scored_predicted_and_deployed(capsys: pytest.CaptureFixture[str]):
    assert run(TRAIN) == 0
    weights = Path("r/weights.safetensors")
    kept = json.loads(read_metadata(weights)["inputs"])["maps"]["right"]
    assert kept == {"scale": None, "unknown": None, "channels": 3, "mean": list(MEAN), "std": list(STD)}
    page = Path("r/report.html").read_text()
    assert 'alt="0: ground truth"' in page
    assert 'alt="0: prediction"' in page
    (scored,) = [r for r in read_records(Path("r") / "journal.jsonl") if r["kind"] == "evaluation"]
    capsys.readouterr()
    assert run(["eval", "net.arch", "--weights", str(weights), *DATA]) == 0
    assert f"mIoU {100 * scored['miou']:.2f} %" in capsys.readouterr().out
    assert run(["eval", "net.arch", "--weights", str(weights), *DATA, "--size", "40x72"]) == 0
    drawn = ["predict", "net.arch", "--weights", str(weights), "rooms/images/val/0.png"]
    assert run([*drawn, "--input", "right=rooms/right/val", "-o", "seen"]) == 0
    module, _ = module_with_weights(archdsl.load("net.arch").network(), weights)
    images_B6HW = whole(opened().val, 0, inputs=("right",)).images_B3HW
    with torch.inference_mode():
        wanted = module(*inputs_of(module, images_B6HW)).argmax(1)[0].numpy()
    assert np.array_equal(np.array(Image.open("seen/0_classes.png")), wanted)
    assert run(["compile", "net.arch", "--weights", str(weights), "--emit", "onnx", "-o", "net.onnx"]) == 0
    session = onnxruntime.InferenceSession("net.onnx")
    assert [(one.name, one.shape[1]) for one in session.get_inputs()] == [("image", 3), ("right", 3)]


def test_two_images_can_be_one_input_of_six_channels():
    stacked = NETWORK.replace("  input right: [3, 32, 64]\n", "").replace("right ->", "image ->")
    Path("net.arch").write_text(stacked.replace("[3,", "[6,"))
    data = ["--data", SETTINGS + ",stack=right", "--device", "cpu"]
    assert run([*TRAIN, *data]) == 0
    drawn = ["predict", "net.arch", "--weights", "r/weights.safetensors", "rooms/images/val/0.png"]
    assert run([*drawn, "--input", "right=rooms/right/val", "-o", "seen"]) == 0


def test_a_search_reads_two_images_and_its_network_is_extracted():
    space = NETWORK.replace("network", "space").replace("right -> conv(", "right -> conv(k = one of {1, 3}, ")
    clauses = "  strategy = differentiable(epochs = 1)\n  minimize cross_entropy\n  batch = 2"
    Path("space.arch").write_text(f"{space}\nsearch Q for Stereo {{\n{clauses}\n}}\n")
    assert run(["search", "space.arch", *DATA, "--out", "s"]) == 0
    assert run(["extract", "s", "-o", "w.safetensors", "--calibrate", "1", "--data", SETTINGS]) == 0
    assert json.loads(read_metadata(Path("w.safetensors"))["inputs"])["maps"]["right"]["channels"] == 3
    trials = (
        "  strategy = random\n  trials = 1\n  evaluate = training(epochs = 1)\n  maximize miou\n  batch = 2"
    )
    Path("space.arch").write_text(f"{space}\nsearch T for Stereo {{\n{trials}\n}}\n")
    assert run(["search", "space.arch", *DATA, "--out", "t"]) == 0


@pytest.mark.parametrize(
    ("old", "new", "headline"),
    [
        ("right: [3,", "right: [1,", "the input `right` of Stereo must be [3, 32, 64]"),
        ("right: [3,", "right: [4,", "the input `right` of Stereo must be [3, 32, 64]"),
        ("right", "left", "no map for the input `left` of Stereo"),
        ("right", "depth", "the input `depth` of Stereo must be [1, 32, 64]"),
    ],
)
def test_an_input_with_other_channels_than_its_files_is_located(
    old: str, new: str, headline: str, capsys: pytest.CaptureFixture[str]
):
    Path("net.arch").write_text(NETWORK.replace(old, new))
    assert run(TRAIN) == 1
    found = capsys.readouterr().err
    assert f"error[ARCH939]: {headline}" in found
    assert " --> net.arch:7:" in found
    assert "map_channels" in found
    assert not Path("r").exists()


@pytest.mark.parametrize(
    ("settings", "headline"),
    [
        ("maps=right,map_channels=2", "`map_channels` of `folder` must be 1, 3, 4, or a list"),
        ("maps=right,map_channels=3+1", "`map_channels` must have 1 entries, one per map, got 2"),
        ("maps=right,map_channels=3,map_scale=0.1", "`map_scale` must have 0 entries, one per map of one"),
        (
            "maps=right,map_channels=3,map_mean=0.5/0.5",
            "`map_mean` must have 3 numbers for the map",
        ),
        ("maps=right,map_channels=3,map_std=0/1/1", "`map_std` of `folder` must be a number > 0"),
    ],
)
def test_settings_that_do_not_fit_the_channels_of_a_map_are_refused(settings: str, headline: str):
    with pytest.raises(SpecError) as caught:
        opened(SETTINGS.partition(",maps")[0] + "," + settings)
    (found,) = caught.value.diagnostics
    assert found.code == "ARCH906"
    assert headline in found.headline


def test_a_second_image_is_no_target(capsys: pytest.CaptureFixture[str]):
    Path("net.arch").write_text(NETWORK.replace("c = classes", "c = 1"))
    assert run([*TRAIN, "--loss", "l1(target = right)"]) == 1
    assert "error[ARCH838]: `folder` has no target `right`" in capsys.readouterr().err


def test_files_of_a_further_input_are_checked(capsys: pytest.CaptureFixture[str]):
    assert run(TRAIN) == 0
    drawn = [
        "predict",
        "net.arch",
        "--weights",
        "r/weights.safetensors",
        "rooms/images/val/0.png",
        "-o",
        "seen",
    ]
    assert run([*drawn, "--input", "right=rooms/right/val,map_scale=0.1"]) == 2
    assert "`map_scale` is of maps of one channel; `right` has 3" in capsys.readouterr().err
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save("rooms/right/train/0.png")
    assert run([*TRAIN, "--out", "other"]) == 1
    assert "image and `right` differ in size" in capsys.readouterr().err
    Path("net.arch").write_text(NETWORK.replace("right: [3,", "right: [1,"))
    plain = SETTINGS.replace("map_channels=3+1,", "")
    assert run([*TRAIN, "--out", "other", "--data", plain]) == 1
    found = capsys.readouterr().err
    assert "ARCH937" in found
    assert "`map_channels = 3`" in found


def test_datasets_of_images_beside_images_from_python():
    scenes = open_data("synthetic", {"images": 4, "size": (32, 64)}).val
    from archdsl.data import Sample
    from archdsl.data.maps import MapKind

    class Pairs:
        name, classes, colours, channels = "pairs", scenes.classes, scenes.colours, 3
        maps, kinds = ("right",), (MapKind("right", channels=3),)

        def __len__(self) -> int:
            return 1

        def __getitem__(self, i: int) -> Sample:
            sample = scenes[i]
            return Sample(sample.image, sample.mask, sample.name, {"right": sample.image[:, ::-1]})

    module = archdsl.load("net.arch").network().module()
    assert archdsl.evaluate(module, Pairs()).images == 1  # type: ignore[arg-type]
