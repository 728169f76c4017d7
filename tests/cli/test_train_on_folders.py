"""`train`, `eval` and `predict` on folders of one's own: what is found before a start, and what is kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archdsl.cli import run
from archdsl.data.source import parse_data
from archdsl.train.weights import read_metadata
from pictures import picture

SPEC = """arch 1

network Small(; classes = 2, channels = 3) {
  input image: [channels, 16, 24]
  a = image -> conv(c = 4, s = 2) -> bn -> relu
  output logits = a -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "n.arch").write_text(SPEC)
    return tmp_path


def drawn(root: str, values: tuple[int, ...] = (0, 1), names: str = "a\nb\n", channels: int = 3) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for n in range(2):
            mask = np.array(values, np.uint8)[rng.integers(0, len(values), (16, 24))]
            image = rng.integers(0, 256, (16, 24, channels), np.uint8)
            for kind, pixels in (("images", image.squeeze()), ("masks", mask)):
                path = Path(root, kind, part, f"{n}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    Path(root, "classes.txt").write_text(names, "utf-8")


def train(data: str, *words: str) -> int:
    usual = ["--epochs", "1", "--batch", "2", "--device", "cpu", "--out", "run"]
    return run(["train", "n.arch", "--data", data, *usual, *words])


def manifest() -> dict:
    return json.loads(Path("run/manifest.json").read_text())


def test_black_and_white_masks_are_refused_before_the_folder_is_made(capsys):
    drawn("d", (0, 255))
    assert train("folder:d") == 1
    assert "labels=0+255" in capsys.readouterr().err
    assert not Path("run").exists()
    assert train("folder:d,labels=0+255") == 0
    assert manifest()["data"]["labels"] == {"a": [0], "b": [255]}


def test_a_class_without_a_pixel_is_listed_before_the_start_and_none_at_all_is_refused(capsys):
    drawn("d", (1,))
    assert train("folder:d") == 0
    assert "no pixels of `a` in the 2 training images" in capsys.readouterr().err
    drawn("e", (255,))
    assert train("folder:e") == 1
    assert "error[ARCH943]: the training images have no labelled pixels" in capsys.readouterr().err
    words = ["--weights", "run/weights.safetensors", "--device", "cpu"]
    assert run(["eval", "n.arch", *words, "--data", "folder:e"]) == 1
    assert "error[ARCH943]" in capsys.readouterr().err


@pytest.mark.parametrize("part", ["train", "val"])
def test_an_image_that_cannot_be_read_is_found_before_the_folder_is_made(part: str, capsys):
    drawn("d")
    bad = Path("d/images", part, "1.png")
    Image.fromarray(np.zeros((16, 24), np.uint16)).save(bad)
    assert train("folder:d") == 1
    assert f"{bad}" in capsys.readouterr().err
    assert not Path("run").exists()


def test_a_run_goes_on_with_a_file_that_was_restored(capsys):
    drawn("d")
    assert train("folder:d") == 0
    path = Path("d/images/val/1.png")
    sound = path.read_bytes()
    path.write_bytes(sound[:-40])
    assert run(["train", "n.arch", "--resume", "run", "--device", "cpu"]) == 1
    path.write_bytes(sound)
    assert run(["train", "n.arch", "--resume", "run", "--device", "cpu"]) == 0


def test_four_hundred_findings_do_not_fill_the_screen(capsys):
    drawn("d", (7, 8))
    for part in ("train", "val"):
        for n in range(2, 200):
            for kind in ("images", "masks"):
                Path("d", kind, part, f"{n}.png").write_bytes(Path("d", kind, part, "0.png").read_bytes())
    assert train("folder:d") == 1
    said = capsys.readouterr().err
    assert "395 more files" in said
    assert len(said.splitlines()) < 60


def test_class_weights_are_printed_kept_and_the_same_after_resuming(capsys):
    drawn("d")
    assert train("folder:d", "--class-weights", "inverse-log:1.10") == 0
    assert "class weights: a " in capsys.readouterr().out
    kept = manifest()["settings"]
    assert kept["class_weights_rule"] == "inverse-log:1.10"
    assert len(kept["class_weights"]) == 2
    assert run(["train", "n.arch", "--resume", "run", "--device", "cpu"]) == 0
    assert run(["train", "n.arch", "--resume", "run", "--device", "cpu", "--class-weights", "median"]) == 1
    assert "class_weights_rule: inverse-log:1.10, now median" in capsys.readouterr().err
    assert run(["train", "n.arch", "--data", "folder:d", "--class-weights", "1,2,3", "--out", "b"]) == 1
    assert "error[ARCH944]: expected 2 class weights, got 3" in capsys.readouterr().err


def test_what_labels_stand_for_survives_resuming_and_may_not_change(capsys):
    drawn("d", (0, 1, 11))
    assert train("folder:d,ignore=11,colours=#010203+#040506") == 0
    assert read_metadata(Path("run/weights.safetensors"))["colours"] == "[[1, 2, 3], [4, 5, 6]]"
    assert manifest()["data"]["ignored labels"] == [11]
    assert "labels" not in manifest()["data"]
    assert run(["train", "n.arch", "--resume", "run", "--device", "cpu"]) == 0
    other = ["--data", "folder:d,ignore=1+11"]
    assert run(["train", "n.arch", "--resume", "run", "--device", "cpu", *other]) == 1
    assert "ARCH912" in capsys.readouterr().err


@pytest.mark.parametrize("channels", [1, 4])
def test_images_of_one_and_four_channels_are_trained_on_scored_and_drawn(channels: int, capsys):
    drawn("d", channels=channels)
    data, own = f"folder:d,channels={channels}", ["--set", f"channels={channels}"]
    assert train("folder:d", *own) == 1
    assert "error[ARCH942]" in capsys.readouterr().err
    assert train(data) == 1
    assert train(data, *own) == 0
    words = [*own, "--weights", "run/weights.safetensors", "--device", "cpu"]
    assert run(["eval", "n.arch", *words, "--data", data]) == 0
    assert run(["predict", "n.arch", "d/images/val/0.png", *words, "-o", "seen"]) == 0
    assert Path("seen/0_classes.png").exists()


def test_weights_are_scored_on_classes_of_the_same_names_only(capsys):
    drawn("d")
    assert train("folder:d") == 0
    words = ["eval", "n.arch", "--weights", "run/weights.safetensors", "--device", "cpu", "--data"]
    assert run([*words, "folder:d"]) == 0
    for classes, help in (
        ("b+a", "the order differs: set `classes=a+b`"),
        ("a+c", "to those of the weights"),
        ("a+b+c", "to those of the weights"),
    ):
        assert run([*words, f"folder:d,classes={classes}"]) == 1
        said = capsys.readouterr().err
        assert "error[ARCH946]" in said
        assert help in said


def test_it_is_said_when_images_are_scored_that_are_trained_on(capsys):
    drawn("d")
    assert train("folder:d,train=train+val") == 0
    said = capsys.readouterr().out
    assert "4 training and 2 validation images" in said
    assert "all of the validation images are also training images" in said


def test_predict_turns_photographs_upright(capsys):
    drawn("d")
    assert train("folder:d") == 0
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 24)).save("a.jpg", exif=exif)
    words = ["--weights", "run/weights.safetensors", "--device", "cpu", "-o", "seen"]
    assert run(["predict", "n.arch", "a.jpg", *words]) == 0
    assert picture("seen/a_classes.png").size == (24, 40)


def test_a_folder_whose_name_looks_like_a_setting(capsys):
    drawn("k=1")
    assert train("folder:k=1") == 1
    assert "write folder:./k=1" in capsys.readouterr().err
    assert train("folder:./k=1") == 0


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("folder:8", {"path": "8"}),
        ("folder:path=k=1", {"path": "k=1"}),
        ("folder:x,labels=7+8/9,ignore=11", {"path": "x", "labels": (7, (8, 9)), "ignore": (11,)}),
        ("folder:x,labels=1..3,train=train+val", {"path": "x", "labels": (1, 2, 3), "train": "train+val"}),
        ("folder:x,colours=#010203+#ffffff", {"path": "x", "colours": ("#010203", "#ffffff")}),
    ],
)
def test_settings_of_folders_are_words_of_the_command_line(text: str, settings: dict):
    assert parse_data(text).settings == settings


def test_the_path_of_a_folder_alone_is_answered_by_its_kind(capsys):
    drawn("street")
    for word in ("street", "./street"):
        assert train(word) == 1
        assert f"write `folder:{word}`" in capsys.readouterr().err
    assert train("nowhere") == 1
    assert "write `folder:" not in capsys.readouterr().err


def test_classes_that_were_set_otherwise_than_the_data_has_them_are_to_be_set_anew(capsys):
    drawn("d")
    assert train("folder:d", "--set", "classes=5") == 1
    assert "--set classes=2" in capsys.readouterr().err
    Path("n.arch").write_text(SPEC.replace("classes = 2, ", "").replace("c = classes", "c = 5"))
    assert train("folder:d") == 1
    said = capsys.readouterr().err
    assert "set the channels of its last layer to 2" in said
    assert "--set" not in said


def test_a_space_without_a_setting_for_classes_is_not_told_to_set_it(capsys):
    drawn("d")
    space = SPEC.replace("network", "space").replace("classes = 2, ", "").replace("c = classes", "c = 5")
    search = "search Q for Small {\n  minimize cross_entropy\n}\n"
    Path("s.arch").write_text(space.replace("-> relu\n", "-> one of {relu, silu}\n") + "\n" + search)
    assert run(["search", "s.arch", "--data", "folder:d"]) == 1
    said = capsys.readouterr().err
    assert "set the channels of its last layer to 2" in said
    assert "--set" not in said


def test_what_holds_for_both_parts_of_the_data_is_said_once(capsys):
    drawn("d", values=(0, 7))
    assert train("folder:d") == 1
    assert capsys.readouterr().err.count("the masks contain the labels 0, 7, for 2 classes") == 1


def test_pictures_that_cannot_be_read_or_taken_are_all_found_before_any_is_drawn(capsys):
    drawn("d")
    assert train("folder:d") == 0
    good = Path("d/images/val/0.png").read_bytes()
    Path("good.png").write_bytes(good)
    Path("torn.png").write_bytes(good[:-200])
    Path("text.png").write_text("no picture")
    capsys.readouterr()
    pictures = ["good.png", "torn.png", "text.png"]
    assert run(["predict", "n.arch", *pictures, "--weights", "run/weights.safetensors", "-o", "seen"]) == 1
    said = capsys.readouterr().err
    assert "torn.png" in said
    assert "text.png" in said
    assert not Path("seen").exists()


def test_a_size_that_the_network_cannot_take_is_found_before_any_picture_is_drawn(capsys):
    text = """arch 1

network Fixed(; classes = 2) {
  input image: [3, 48, 48]
  x = image -> conv(c = 4)
  y = x -> resize(size = [48, 48])
  output logits = x + y -> conv(c = classes, k = 1)
}
"""
    Path("fixed.arch").write_text(text)
    assert run(["compile", "fixed.arch", "--emit", "torch", "-o", "w.safetensors"]) == 0
    for name, size in (("a", (48, 48)), ("b", (24, 16))):
        Image.new("RGB", size).save(f"{name}.png")
    words = ["predict", "fixed.arch", "--weights", "w.safetensors", "-o", "seen", "--device", "cpu"]
    assert run([*words, "a.png", "b.png"]) == 1
    assert "the network does not support images of 16×24" in capsys.readouterr().err
    assert not Path("seen").exists()
    assert run([*words, "a.png", "b.png", "--size", "48x48"]) == 0


def test_a_damaged_exif_is_read_as_upright_without_a_word_of_the_library(capfd):
    drawn("d")
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\x7f" + bytes(range(200))
    for path in Path("d/images").glob("*/*.png"):
        picture(path).save(path.with_suffix(".jpg"), exif=exif)
        path.unlink()
    code = "import sys; from archdsl.cli import run; sys.exit(run(sys.argv[1:]))"
    words = ["train", "n.arch", "--data", "folder:d", "--epochs", "1", "--batch", "2", "--out", "run"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stderr == ""
