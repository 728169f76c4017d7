"""The program for minutes on a GPU, at toy size on the CPU: pieces run, are kept, and go on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import accelerator  # noqa: E402
import camvid_recipe as lightweight  # noqa: E402
from archdsl.data.opening import open_data  # noqa: E402
from archdsl.train.weights import load_weights, network_hash  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def call(out: Path, *words: str) -> int:
    return accelerator.main(["--toy", "--device", "cpu", "--out", str(out), *words])


def scenes() -> lightweight.OnDevice:
    splits = open_data("synthetic", {"images": 6, "size": (32, 48)})
    return lightweight.OnDevice.of(lightweight.Both(splits.train, splits.val), CPU)


def small() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Conv2d(3, 11, 3, padding=1)


def test_the_list_says_what_each_piece_costs_and_runs_nothing(tmp_path, capsys):
    assert call(tmp_path, "--list") == 0
    listed = capsys.readouterr().out.splitlines()
    assert {line.split("-")[0].split()[0] for line in listed} == set(accelerator.PLANS)
    assert all("min on one H100" in line for line in listed)
    assert list(tmp_path.iterdir()) == []


def test_a_trained_network_leaves_weights_that_load_and_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(accelerator, "NETWORKS", {"slim": 1})
    assert call(tmp_path, "--plan", "camvid") == 0
    figures = json.loads((tmp_path / "camvid-slim.json").read_text("utf-8"))
    assert figures["images"] == 8
    network = accelerator._network("slim")
    module = network.module()
    assert sum(p.numel() for p in module.parameters()) <= 300_000
    load_weights(tmp_path / "slim.safetensors", module, network_hash(network))
    capsys.readouterr()
    assert call(tmp_path, "--plan", "camvid") == 0  # what is done is passed over
    assert "done" in capsys.readouterr().out


def test_a_piece_that_fails_is_kept_and_the_next_one_runs(tmp_path, monkeypatch, capsys):
    def broken(_setting):
        raise RuntimeError("no kernel image")

    pieces = [accelerator.Piece("one", 0, broken), accelerator.Piece("two", 0, lambda _: {"x": 1})]
    monkeypatch.setattr(
        accelerator, "PIECES", dict.fromkeys(accelerator.PLANS, list) | {"speed": lambda: pieces}
    )
    assert call(tmp_path) == 1
    assert "no kernel image" in (tmp_path / "one.failed.txt").read_text("utf-8")
    assert json.loads((tmp_path / "two.json").read_text("utf-8"))["x"] == 1


def test_nothing_is_started_that_does_not_fit_into_the_minutes_left(tmp_path, monkeypatch, capsys):
    piece = accelerator.Piece("long", 5, lambda _: pytest.fail("was started"))
    monkeypatch.setattr(
        accelerator, "PIECES", dict.fromkeys(accelerator.PLANS, list) | {"speed": lambda: [piece]}
    )
    assert accelerator.main(["--minutes", "1", "--device", "cpu", "--out", str(tmp_path)]) == 0
    assert "not started" in capsys.readouterr().out


def test_a_training_in_pieces_is_the_training_in_one(tmp_path):
    data = scenes()
    recipe = lightweight.LightweightRecipe((32, 48), epochs=3, batch=2)
    whole, pieces = small(), small()
    assert lightweight.train(whole, data, recipe, tmp_path / "whole", lambda: False)
    calls = 0
    while True:
        left = iter([False, False, False, True])
        pieces = small()
        calls += 1
        if lightweight.train(pieces, data, recipe, tmp_path / "pieces", lambda left=left: next(left)):
            break
    assert calls > 2
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), pieces.parameters(), strict=True))


def test_crops_show_images_and_labels_of_the_same_place_and_ignore_what_lies_outside():
    image = torch.zeros(1, 3, 40, 60, dtype=torch.uint8)
    mask = torch.zeros(1, 1, 40, 60, dtype=torch.uint8)
    image[..., 10:30, 15:45] = 255
    mask[..., 10:30, 15:45] = 1
    data = lightweight.OnDevice(image, mask, 2)
    recipe = lightweight.LightweightRecipe((40, 60), batch=1)
    ignored = 0
    for step in range(40):
        images, masks = data.batch(recipe, step)
        bright = images[0, 0] > 0.07  # halfway between black and white, normalised
        inside = masks[0] != 255
        assert ((masks[0] == 1) == bright)[inside].float().mean() > 0.98
        ignored += int((~inside).sum())
    assert ignored > 0


def test_class_weights_are_those_of_the_formula():
    mask = torch.tensor([0, 0, 0, 1, 255], dtype=torch.uint8).view(1, 1, 1, 5)
    data = lightweight.OnDevice(torch.zeros(1, 3, 1, 5, dtype=torch.uint8), mask, 3)
    expected = [1 / torch.log(torch.tensor(1.10 + p)) for p in (0.75, 0.25, 0.0)]
    torch.testing.assert_close(data.class_weights(), torch.stack(expected))


def test_a_drive_that_is_left_out_is_in_no_image_that_is_trained_on():
    splits = open_data("synthetic", {"images": 12, "size": (32, 48)})
    first = splits.train[0].name
    kept = lightweight.Drives(splits.train, (first,), inside=False)
    left = lightweight.Drives(splits.train, (first,), inside=True)
    assert len(kept) + len(left) == len(splits.train)
    assert all(not kept[i].name.startswith(first) for i in range(len(kept)))
    assert len(left) >= 1


def test_the_rate_warms_up_and_falls_to_zero():
    recipe = lightweight.LightweightRecipe((32, 48))
    rates = [recipe.rate(step, 10_000) for step in (0, 499, 500, 5_000, 9_999)]
    assert rates[0] < rates[1] == recipe.lr == rates[2] > rates[3] > rates[4] > 0
