"""What no network of a space can do is found before a search by trials takes its folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_trials import register_in_turn, search_of, trials

from archdsl.cli import run

SPACE = """arch 1

import conv_bn_relu from "std/ops.arch"

op pooled(x; c: int = x.c) {
  return x -> global_pool -> conv(c = c, k = 1) -> bn -> relu -> resize(like = x)
}

op halved(x) {
  return x -> max_pool(s = 2) -> conv(c = x.c) -> resize(scale = 2)
}

space Small(; classes = 11) {
  input image: [3, 32, 64]
  x = image -> conv_bn_relu(c = 4, s = 4)
  way = one of {WAYS}
  y = x -> way
  output logits = concat(x, y) -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""
EVALUATORS = {
    "training": "training(epochs = 1)",
    "two_stage": "two_stage(first = decoder_only(epochs = 1, crops = 2), second = end_to_end(epochs = 1))",
    "weights": "weights(epochs = 1)",
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    register_in_turn(monkeypatch)


def searched(ways: str, evaluator: str, *settings: str) -> int:
    clauses = f"evaluate = {EVALUATORS[evaluator]}; maximize miou"
    data = "data = synthetic(images = 2, batch = 2, size = [32, 64])"
    Path("s.arch").write_text(search_of(f"{clauses}; {data}", SPACE.replace("WAYS", ways)))
    return run(["search", "s.arch", "--out", "run", "--set", *settings])


@pytest.mark.parametrize("evaluator", EVALUATORS)
@pytest.mark.parametrize(
    ("ways", "setting", "code", "said"),
    [
        ("pooled, two: pooled(c = 8)", "batch=1", "ARCH829", "too few to normalize"),
        ("halved, two: halved -> relu", "crop=20x36", "ARCH918", "use crop=24x40"),
    ],
)
def test_settings_that_suit_no_network_are_refused(
    evaluator: str, ways: str, setting: str, code: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert searched(ways, evaluator, setting) == 1
    err = capsys.readouterr().err
    assert f"error[{code}]" in err
    assert said in err
    assert not Path("run").exists()


@pytest.mark.parametrize("evaluator", ["training", "two_stage"])
@pytest.mark.parametrize(
    ("ways", "setting", "code"),
    [("conv_bn_relu, pooled", "batch=1", "ARCH829"), ("conv_bn_relu, halved", "crop=20x36", "ARCH918")],
)
def test_a_network_that_settings_do_not_suit_is_a_failed_trial_where_they_suit_others(
    evaluator: str, ways: str, setting: str, code: str
) -> None:
    assert searched(ways, evaluator, setting) == 0
    ok, failed = trials(Path("run"))
    assert ok["state"] == "scored"
    assert failed["failure"]["reason"].startswith(code)


@pytest.mark.parametrize(("setting", "code"), [("batch=1", "ARCH829"), ("crop=20x36", "ARCH918")])
def test_a_supernet_with_a_network_that_settings_do_not_suit_is_refused(
    setting: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ways = "conv_bn_relu, pooled" if code == "ARCH829" else "conv_bn_relu, halved"
    assert searched(ways, "weights", setting) == 1
    assert f"error[{code}]" in capsys.readouterr().err
    assert not Path("run").exists()


def test_one_network_among_very_many_is_enough() -> None:
    many = SPACE.replace("way = one of {WAYS}\n  y = x -> way", "y = x" + " -> one of {pooled, relu}" * 12)
    data = "data = synthetic(images = 2, batch = 1, size = [32, 64])"
    text = search_of(f"trials = 1; evaluate = {EVALUATORS['training']}; maximize miou; {data}", many)
    Path("s.arch").write_text(text.replace("in_turn", "random"))
    assert run(["search", "s.arch", "--out", "run"]) == 1  # the only trial fails
    assert Path("run/manifest.json").exists()


def drawn(root: str, values: tuple[int, ...] = (0, 1)) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for n in range(2):
            mask = np.array(values, np.uint8)[rng.integers(0, len(values), (32, 64))]
            image = rng.integers(0, 256, (32, 64, 3), np.uint8)
            for kind, pixels in (("images", image), ("masks", mask)):
                path = Path(root, kind, part, f"{n}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    Path(root, "classes.txt").write_text("a\nb\n")


@pytest.mark.parametrize("words", [(), ("--dry-run",), ("--seeds", "2")])
@pytest.mark.parametrize("evaluator", EVALUATORS)
@pytest.mark.parametrize("fault", ["black and white", "broken", "16 bits", "label", "unlabelled"])
def test_data_is_read_completely_before_the_folder_is_made(
    evaluator: str, fault: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    drawn("d", {"black and white": (0, 255), "unlabelled": (255,)}.get(fault, (0, 1)))
    image = Path("d/images/val/1.png")
    if fault == "broken":
        found = image.read_bytes()
        image.write_bytes(found[: len(found) // 2] + b"XXXX" + found[len(found) // 2 + 4 :])
    if fault == "16 bits":
        Image.fromarray(np.full((32, 64), 3000, np.uint16)).save(image)
    if fault == "label":
        Image.fromarray(np.full((32, 64), 7, np.uint8)).save("d/masks/train/1.png")
    clauses = f'evaluate = {EVALUATORS[evaluator]}; maximize miou; data = folder(path = "d", batch = 2)'
    Path("s.arch").write_text(search_of(clauses, SPACE.replace("WAYS", "conv_bn_relu, relu")))
    assert run(["search", "s.arch", "--out", "run", *words]) == 1
    code = {"black and white": "ARCH943", "unlabelled": "ARCH943", "label": "ARCH904"}.get(fault, "ARCH902")
    assert f"error[{code}]" in capsys.readouterr().err
    assert not Path("run").exists()


def test_what_is_not_read_of_the_data_is_said_before_a_search_by_trials(
    capsys: pytest.CaptureFixture[str],
) -> None:
    drawn("d")
    Path("d/images/train/0.png").unlink()
    clauses = f'evaluate = {EVALUATORS["training"]}; maximize miou; data = folder(path = "d", batch = 2)'
    Path("s.arch").write_text(search_of(clauses, SPACE.replace("WAYS", "conv_bn_relu, relu")))
    assert run(["search", "s.arch", "--out", "run"]) == 0
    said = capsys.readouterr().err
    assert said.count("files not read for the training images: 1 mask without image: 0.png") == 1
