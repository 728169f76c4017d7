"""`archdsl train`, `eval` and `predict`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from archdsl.cli import run
from archdsl.data.opening import open_data
from archdsl.data.source import parse_data
from archdsl.runs.lines import read_records
from archdsl.train.folder import RunFolder
from archdsl.train.weights import read_metadata
from pictures import picture

SPEC = """arch 1

import conv_bn_relu from "std/ops.arch"

network Small(; classes = 19, width = 8) {
  input image: [3, 64, 128]
  a = image -> conv_bn_relu(c = width, s = 2)
  b = a -> conv_bn_relu(c = 8, s = 2)
  output logits = b -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""
DATA = "synthetic:images=8,size=32x64"
TRAIN = ["train", "small.arch", "--data", DATA, "--batch", "4", "--epochs", "3", "--device", "cpu"]

LONG = [*TRAIN, "--epochs", "60", "--evaluate-every", "20"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.arch").write_text(SPEC)
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    base = tmp_path_factory.mktemp("trained")
    (base / "small.arch").write_text(SPEC)
    before = Path.cwd()
    os.chdir(base)
    try:
        assert run([*TRAIN, "--out", "run", "--licence", "CC0"]) == 0
    finally:
        os.chdir(before)
    return base / "run"


def weights(trained: Path) -> list[str]:
    return ["--weights", str(trained / "weights.safetensors"), "--device", "cpu"]


def test_a_run_tells_of_epochs_and_scores_in_lines(capsys):
    assert run([*TRAIN, "--out", "run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "Small on synthetic: 8 training and 2 validation images, 6 steps of 4 at 32×64 (the network "
        "declares 64×128),"
        " cpu"
    )
    assert [line.split("  ")[:2] for line in lines if "loss" in line] == [
        ["epoch 1", "step 2/6"], ["epoch 2", "step 4/6"], ["epoch 3", "step 6/6"],
    ]  # fmt: skip
    assert sum("mIoU" in line for line in lines) == 4
    assert lines[-1].endswith("wrote run/weights.safetensors")
    assert "mIoU" in Path("run/report.html").read_text("utf-8")


def test_a_run_writes_down_what_it_was_started_with(trained: Path):
    found = json.loads((trained / "manifest.json").read_text())
    splits = open_data("synthetic", {"images": 8, "size": (32, 64)}, None)
    assert found["data"]["training sha256"] == splits.train.fingerprint()
    assert found["settings"]["crop"] == [32, 64]
    assert found["spec"].startswith("arch 1\n\nnetwork Small {")
    assert len(found["spec_sha256"]) == 64


def test_the_network_gets_as_many_classes_as_the_data_has(trained: Path):
    (trained.parent / "found.arch").write_text(json.loads((trained / "manifest.json").read_text())["spec"])
    assert run(["eval", str(trained.parent / "found.arch"), *weights(trained), "--data", DATA]) == 0


def test_a_network_of_other_classes_than_the_data_is_refused(capsys):
    assert run([*TRAIN, "--set", "classes=5"]) == 1
    assert "ARCH918]: Small predicts 5 classes, but the data has 11" in capsys.readouterr().err


def test_a_run_goes_on_by_its_folder_alone(trained: Path, capsys):
    assert run([*TRAIN, "--out", "run"]) == 0
    (Path("run") / "checkpoints" / "step-000000006.pt").write_bytes(b"torn")
    assert run(["train", "small.arch", "--resume", "run"]) == 0
    said = capsys.readouterr()
    assert "skipped step-000000006.pt" in said.err
    assert "resuming after step 4 in run" in said.out
    assert Path("run/journal.jsonl").read_bytes() == (trained / "journal.jsonl").read_bytes()
    found, wanted = (load_file(f / "weights_last.safetensors") for f in (Path("run"), trained))
    assert all(torch.equal(tensor, found[name]) for name, tensor in wanted.items())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--lr", "0.3"], "lr: 0.01, now 0.3"),
        (["--seed", "5"], "seed: 0, now 5"),
        (["--data", "synthetic:images=9,size=32x64"], "data training images: 8, now 9"),
        (["--set", "width=9"], "the spec: Small "),
    ],
)
def test_going_on_with_something_else_is_refused(words: list[str], said: str, trained: Path, capsys):
    assert run(["train", "small.arch", "--resume", str(trained), "--device", "cpu", *words]) == 1
    error = capsys.readouterr().err
    assert "ARCH912" in error
    assert said in error


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--resume", "nowhere"], "ARCH911"),
        (["--data", "synthetic", "--device", "cuda:77"], "ARCH920"),
        (["--data", "camvid:nowhere"], "ARCH900"),
        (["--data", "synthetic:pictures=3"], "ARCH906"),
    ],
)
def test_what_cannot_be_started_has_a_code(words: list[str], code: str, capsys):
    assert run(["train", "small.arch", *words]) == 1
    assert f"error[{code}]" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [[], ["--data", DATA, "--amp", "bfloat16", "--device", "cpu"], ["--data", DATA, "--crop", "12"],
     ["--data", DATA, "--scale", "2", "1"], ["--data", DATA, "--resume", "a", "--out", "b"]],
)  # fmt: skip
def test_what_is_not_understood_is_a_mistake_in_the_usage(words: list[str]):
    assert run(["train", "small.arch", *words]) == 2


def test_an_image_that_is_set_is_the_size_that_is_trained_at(capsys):
    assert run([*TRAIN, "--epochs", "1", "--set", "image=3x24x40"]) == 0
    assert "2 steps of 4 at 24×40, cpu" in capsys.readouterr().out


def process(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "archdsl", *LONG, *words]
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def until_step(child: subprocess.Popen[str], step: int) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        if f"step {step}/" in line:
            return
    raise AssertionError("ended before")


def test_a_run_that_is_interrupted_saves_and_says_how_to_go_on():
    child = process("--out", "run")
    until_step(child, 10)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=60)[0]
    assert child.returncode == 130
    assert said.splitlines()[-1].endswith("resume with: archdsl train small.arch --resume run")
    (step,) = {r["step"] for r in read_records(Path("run/journal.jsonl"))[-1:]}
    assert f"stopped after step {step};" in said


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_what_the_same_run_goes_on_from():
    torch.set_num_threads(1)
    child = process("--out", "run")
    until_step(child, 20)
    child.kill()
    child.communicate(timeout=60)
    assert run([*LONG, "--resume", "run"]) == 0
    assert run([*LONG, "--out", "whole"]) == 0
    for name in ("journal.jsonl", "weights.safetensors", "weights_last.safetensors"):
        assert (Path("run") / name).read_bytes() == (Path("whole") / name).read_bytes()


def test_a_folder_in_which_another_run_is_at_work_is_left_alone(trained: Path, capsys):
    with RunFolder(trained).held():
        assert run(["train", "small.arch", "--resume", str(trained)]) == 1
    assert f"another process is using {trained}" in capsys.readouterr().err
    assert run(["train", "small.arch", "--resume", str(trained)]) == 0


def test_eval_gives_the_scores_of_the_journal(trained: Path, capsys):
    assert run(["eval", "small.arch", "--weights", str(trained / "weights_last.safetensors"),
                "--data", DATA, "--device", "cpu", "--json"]) == 0  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    told = [r for r in read_records(trained / "journal.jsonl") if r["kind"] == "evaluation"][-1]
    assert found["format"] == "archdsl/eval"
    assert found["miou"] == pytest.approx(told["miou"])
    assert list(found["iou"].values()) == pytest.approx(told["iou"])
    assert found["accuracy"] == pytest.approx(told["accuracy"])
    assert np.sum(found["confusion"]) <= 2 * 32 * 64


def test_eval_prints_a_line_for_each_class(trained: Path, capsys):
    assert run(["eval", "small.arch", *weights(trained), "--data", DATA, "--split", "train"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[2:13]] == list(
        open_data("synthetic", {}, None).val.classes
    )
    assert out.splitlines()[-1].startswith("mIoU ")


def test_the_weights_of_a_training_are_extracted_as_halves(trained: Path, tmp_path: Path):
    small = tmp_path / "small.safetensors"
    assert run(["extract", str(trained), "--half", "-o", str(small)]) == 0
    whole = trained / "weights.safetensors"
    assert {t.dtype for t in load_file(small).values() if t.is_floating_point()} == {torch.float16}
    assert read_metadata(small) == read_metadata(whole)
    assert run(["eval", "small.arch", "--weights", str(small), "--data", DATA]) == 0


def test_a_training_has_no_other_networks_to_extract(trained: Path):
    assert run(["extract", str(trained), "--calibrate", "2", "--data", DATA, "-o", "x.safetensors"]) == 2


def test_weights_of_another_network_are_refused(trained: Path, capsys):
    assert run(["eval", "small.arch", *weights(trained), "--data", DATA, "--set", "width=9"]) == 1
    assert "`a_conv.weight` is 8 × 3 × 3 × 3 in the file" in capsys.readouterr().err


def test_predict_draws_an_overlay_and_numbers_at_the_size_of_the_image(trained: Path, capsys):
    for n, size in enumerate([(50, 37), (64, 32)]):
        Image.effect_noise(size, 50).convert("RGB").save(f"street{n}.png")
    assert run(["predict", "small.arch", "street0.png", "street1.png", *weights(trained), "-o", "seen"]) == 0
    assert sorted(p.name for p in Path("seen").iterdir()) == [
        "street0.png", "street0_classes.png", "street1.png", "street1_classes.png",
    ]  # fmt: skip
    numbers = picture("seen/street0_classes.png")
    assert numbers.size == (50, 37)
    assert np.asarray(numbers).max() < 11
    assert picture("seen/street0.png").size[0] > 50


def test_an_image_that_cannot_be_read_is_said_to_be_none(trained: Path, capsys):
    Path("street.png").write_text("no image")
    assert run(["predict", "small.arch", "street.png", *weights(trained), "-o", "seen"]) == 1
    assert "ARCH902" in capsys.readouterr().err


def test_two_images_of_one_name_are_refused(trained: Path):
    for name in ("a.png", "a.jpg"):
        Image.new("RGB", (32, 32)).save(name)
    assert run(["predict", "small.arch", "a.png", "a.jpg", *weights(trained), "-o", "seen"]) == 2


@pytest.mark.parametrize(
    ("text", "kind", "settings"),
    [
        ("synthetic", "synthetic", {}),
        ("camvid:data/camvid", "camvid", {"path": "data/camvid"}),
        ("camvid:a,b:c/d,resize=480", "camvid", {"path": "a,b:c/d", "resize": 480}),
        ("folder:x,classes=road+car", "folder", {"path": "x", "classes": ("road", "car")}),
        ("synthetic:images=8,size=32x64", "synthetic", {"images": 8, "size": (32, 64)}),
    ],
)
def test_data_is_a_kind_a_path_and_settings(text: str, kind: str, settings: dict):
    word = parse_data(text)
    assert (word.kind, word.settings) == (kind, settings)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--lr", "nan"], "a number > 0"), (["--lr", "inf"], "<= 1,000"),
        (["--lr", "1e300"], "<= 1,000"),
        (["--scale", "nan", "nan"], "a number > 0"), (["--colour", "nan"], "from 0 to 1"),
        (["--ema", "nan"], "< 1"), (["--weight-decay", "inf"], "from 0 to 1,000"),
        (["--seed", str(2**32)], "to 4,294,967,295"), (["--epochs", "9" * 5000], "to 1,000,000"),
        (["--crop", "99999x99999"], "pixels"),
    ],
)  # fmt: skip
def test_numbers_that_are_none_are_refused_with_their_range(words: list[str], said: str, capsys):
    assert run([*TRAIN, *words]) == 2
    assert said in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_manifest_without_settings_is_no_run_to_go_on_with(trained: Path, tmp_path: Path, capsys):
    data = json.loads((trained / "manifest.json").read_text())
    del data["settings"]["set"]
    data["sha256"] = "edited"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(data))
    assert run(["train", "small.arch", "--resume", "run"]) == 1
    assert "ARCH911" in capsys.readouterr().err


def test_resuming_without_a_spec_shows_how_the_run_was_started(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "--resume", str(trained)]) == 2
    said = capsys.readouterr().err
    assert f"archdsl train SPEC --resume {trained}" in said
    assert "it was started by: archdsl" in said
    assert run(["train"]) == 2
    assert "missing argument SPEC" in capsys.readouterr().err
