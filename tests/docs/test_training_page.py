"""The page about training: a network with an auxiliary head, from given weights to a file that others run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from literate import ROOT, Page, blocks, commands
from literate import archdsl as command
from PIL import Image
from safetensors.torch import load_file, save_file

import archdsl

CLASSES = 11


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What somebody has beforehand: images, masks with label 11 for no class, weights of five classes."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for n in range(2):
            pixels = {
                "images": rng.integers(0, 256, (96, 192, 3), np.uint8),
                "masks": rng.integers(0, CLASSES + 1, (96, 192), np.uint8),
            }
            for kind, array in pixels.items():
                path = Path("street", kind, part, f"{n}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(path)
    Path("street/classes.txt").write_text("".join(f"class{n}\n" for n in range(CLASSES)))
    return tmp_path


def test_a_network_with_an_auxiliary_head_goes_from_given_weights_to_onnxruntime(folder: Path) -> None:
    page = blocks(ROOT / "docs" / "training.md")
    (spec,) = (block.text for block in page if "output aux train" in block.text)
    Path("net.arch").write_text(spec)
    given = archdsl.load("net.arch").network(classes=5).with_train_outputs().module().state_dict()
    save_file(given, "pretrained.safetensors")
    (steps,) = (block for block in page if "--init pretrained.safetensors" in block.text)
    said = []
    for words, _ in commands(steps):
        code, printed = command(words.replace("--epochs 60", "--epochs 1 --batch 2 --device cpu"))
        assert code == 0, printed
        said.append(printed)
    trained, scored, exported = said
    assert "not loaded, shape differs: " in trained
    assert "never trained" not in trained
    assert "mIoU" in scored
    assert "removed train-only outputs: aux" in exported
    settings = json.loads(Path("runs/c/manifest.json").read_text())["settings"]
    assert settings["aux"] == {"aux": 0.4}
    assert settings["init"]["other_shape"]

    python = next(block for block in page if "onnxruntime" in block.text and block.language == "python")
    runner = Page()
    runner.run(python)
    module = archdsl.load("net.arch").network(classes=CLASSES).with_train_outputs().module()
    module.load_state_dict(load_file("runs/c/weights.safetensors"))
    with torch.no_grad():
        expected = module(torch.from_numpy(runner.names["image"]))  # type: ignore[arg-type]
    found = torch.from_numpy(runner.names["logits"])  # type: ignore[arg-type]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    assert runner.names["classes"].shape == (96, 192)  # type: ignore[attr-defined]


def test_a_student_is_trained_with_its_teacher(folder: Path) -> None:
    page = blocks(ROOT / "docs" / "training.md")
    (spec,) = (block.text for block in page if "output aux train" in block.text)
    Path("net.arch").write_text(spec)
    Path("teacher.arch").write_text(spec.replace("Small", "Large").replace("c = 32", "c = 48"))
    (steps,) = (block for block in page if "--distill teacher.arch" in block.text)
    for words, _ in commands(steps):
        code, printed = command(words.replace("--epochs 60", "--epochs 1 --batch 2 --device cpu"))
        assert code == 0, printed
    settings = json.loads(Path("runs/student/manifest.json").read_text())["settings"]
    assert (settings["distill_loss"], settings["distill_temperature"]) == ("pixel", 2.0)
    assert settings["teacher_files"] == {"spec": "teacher.arch", "weights": "runs/teacher"}
