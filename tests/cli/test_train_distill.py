"""`archdsl train --distill`: trainings that learn a teacher's predictions as well."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import archdsl
from archdsl.cli import run
from archdsl.diagnostics import SpecError
from archdsl.runs.interrupted import Interrupted
from archdsl.spec.search_values import Term
from archdsl.train.distillation import Distillation, Teacher
from archdsl.train.divergences import pixel, released
from archdsl.train.task import OutputLoss

STUDENT = """arch 1

import conv_bn_relu from "std/ops.arch"

network Small(; classes = 11) {
  input image: [3, 32, 64]
  output logits = image -> conv_bn_relu(c = 8, s = 2) -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""
TEACHER = STUDENT.replace("network Small", "network Large").replace("c = 8", "c = 12").replace(
    "  output", "  output aux train = image -> conv(c = classes, s = 2)\n  output"
)  # fmt: skip
FIXED = TEACHER.replace("(; classes = 11)", "").replace("classes", "5")
TRAIN = ["train", "small.arch", "--data", "synthetic:images=4,size=32x64", "--device", "cpu", "--batch", "2",
         "--epochs", "2"]  # fmt: skip
TAUGHT = [*TRAIN, "--distill", "large.arch", "--teacher-weights", "large.safetensors"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("small.arch").write_text(STUDENT)
    Path("large.arch").write_text(TEACHER)
    torch.manual_seed(3)
    save_file(
        archdsl.load("large.arch").network().with_train_outputs().module().state_dict(), "large.safetensors"
    )
    return tmp_path


def losses(folder: str) -> list[float]:
    lines = map(json.loads, Path(folder, "journal.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if line["kind"] == "step"]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_losses_are_those_of_their_definitions(seed: int, temperature: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    student, teacher = torch.randn(2, 3, 5, 4, 6, generator=generator, dtype=torch.float64)
    p, q = teacher.softmax(1), student.softmax(1)
    default = torch.nn.KLDivLoss(reduction="none")(q.log(), p).mean()
    torch.testing.assert_close(released(student, teacher), default)
    soft_p, soft_q = (teacher / temperature).softmax(1), (student / temperature).softmax(1)
    by_pixel = (soft_p * (soft_p / soft_q).log()).sum(1)
    torch.testing.assert_close(pixel(student, teacher, temperature), temperature**2 * by_pixel.mean())
    torch.testing.assert_close(released(student, teacher) * 5, pixel(student, teacher))
    assert float(pixel(student, student, temperature)) == pytest.approx(0, abs=1e-12)


def test_the_first_loss_is_that_of_the_labels_and_of_the_teacher() -> None:
    assert run([*TRAIN, "--out", "alone"]) == 0
    more = {}
    for name, options in {
        "plain": [], "half": ["--distill-weight", "0.5"], "soft": ["--distill-temperature", "2"],
        "released": ["--distill-loss", "released"],
    }.items():  # fmt: skip
        assert run([*TAUGHT, *options, "--out", name]) == 0
        more[name] = losses(name)[0] - losses("alone")[0]
    assert more["plain"] > 0
    assert more["half"] == pytest.approx(more["plain"] / 2, rel=1e-4)
    assert more["released"] == pytest.approx(more["plain"] / 11, rel=1e-3)
    assert more["soft"] != pytest.approx(more["plain"], rel=1e-3)


def settings(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(folder, "manifest.json").read_text())["settings"]
    return found


def test_the_manifest_identifies_the_teacher_and_has_nothing_of_it_without_one() -> None:
    assert run([*TRAIN, "--out", "alone"]) == 0
    assert run([*TAUGHT, "--out", "taught"]) == 0
    taught = settings("taught")
    assert taught["teacher_files"] == {"spec": "large.arch", "weights": "large.safetensors"}
    assert set(taught["teacher"]) == {"network sha256", "weights sha256"}
    assert (taught["distill_loss"], taught["distill_weight"]) == ("pixel", 1.0)
    assert not [name for name in settings("alone") if "teacher" in name or "distill" in name]


def test_the_teacher_is_not_trained_and_runs_in_evaluation_mode() -> None:
    network = archdsl.load("large.arch").network()
    module, start = Teacher(network, Path("large.safetensors")).module(network, (32, 64), {})
    assert start.is_whole
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    student = torch.randn(2, 11, 32, 64, requires_grad=True)
    loss = OutputLoss(Term("ohem"), ("logits",), "labels")
    taught = Distillation(module, [loss], {"logits": "logits"}, "pixel", 1.0)
    weights = {loss.key: torch.tensor(1.0)}
    taught(torch.randn(2, 3, 32, 64), {"logits": student}, (32, 64), weights, nullcontext()).backward()
    assert student.grad is not None
    assert all(p.grad is None and not p.requires_grad for p in module.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


def test_a_run_in_pieces_is_the_run_in_one_and_keeps_its_teacher(capsys: Any) -> None:
    options: dict[str, Any] = {"distill": "large.arch", "teacher_weights": "large.safetensors", "epochs": 2,
                               "batch": 2, "device": "cpu", "distill_temperature": 2.0}  # fmt: skip
    data = "synthetic:images=4,size=32x64"
    archdsl.train("small.arch", data, folder="whole", **options)
    steps = iter(range(100))
    with pytest.raises(Interrupted):
        archdsl.train("small.arch", data, folder="parts", stop=lambda: next(steps) >= 2, **options)
    assert run(["train", "small.arch", "--resume", "parts", "--device", "cpu"]) == 0, capsys.readouterr()
    assert Path("whole/journal.jsonl").read_bytes() == Path("parts/journal.jsonl").read_bytes()
    whole, parts = (load_file(f"{name}/weights_last.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_run_is_not_resumed_with_other_weights_of_the_teacher(capsys: Any) -> None:
    assert run([*TAUGHT, "--out", "taught"]) == 0
    tensors = load_file("large.safetensors")
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, "large.safetensors")
    capsys.readouterr()
    assert run(["train", "small.arch", "--resume", "taught", "--device", "cpu"]) == 1
    assert "ARCH912" in capsys.readouterr().err


def test_a_teacher_may_be_moved(capsys: Any) -> None:
    assert run([*TAUGHT, "--out", "taught"]) == 0
    Path("elsewhere").mkdir()
    Path("large.safetensors").rename("elsewhere/large.safetensors")
    again = ["train", "small.arch", "--resume", "taught", "--device", "cpu"]
    assert run([*again, "--teacher-weights", "elsewhere/large.safetensors"]) == 0, capsys.readouterr()


def test_a_teacher_of_other_classes_is_located(capsys: Any) -> None:
    Path("large.arch").write_text(FIXED)
    assert run([*TAUGHT, "--out", "taught"]) == 1
    told = capsys.readouterr().err
    assert "ARCH817" in told
    assert "the teacher Large predicts 5 classes, Small 11" in told
    assert "large.arch:" in told
    assert not Path("taught").exists()


def test_weights_that_lack_tensors_of_the_teacher_are_refused(capsys: Any) -> None:
    tensors = load_file("large.safetensors")
    lacking = next(name for name in tensors if "aux" not in name and name.endswith("weight"))
    del tensors[lacking]
    save_file(tensors, "large.safetensors")
    assert run([*TAUGHT, "--out", "taught"]) == 1
    assert f"lacks 1 tensors of the teacher, first `{lacking}`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--distill", "large.arch"], "--distill needs the weights of the teacher"),
        (["--teacher-weights", "large.safetensors"], "--teacher-weights needs a teacher"),
        (["--distill-weight", "2"], "--distill-weight needs a teacher"),
        ([*TAUGHT[-4:], "--distill-loss", "released", "--distill-temperature", "2"], "temperature 1"),
        ([*TAUGHT[-4:], "--distill-weight", "0"], "expected a number > 0"),
    ],
)
def test_options_that_need_others_are_refused(options: list[str], told: str, capsys: Any) -> None:
    assert run([*TRAIN, *options, "--out", "taught"]) == 2
    assert told in " ".join(capsys.readouterr().err.split())


def test_python_names_a_teacher_without_weights() -> None:
    with pytest.raises(TypeError, match="teacher_weights"):
        archdsl.train("small.arch", "synthetic:images=4,size=32x64", distill="large.arch")
    teacher = Teacher(archdsl.load("x.arch", text=FIXED).network(), Path("large.safetensors"))
    student = archdsl.load("small.arch").network()
    with pytest.raises(SpecError, match="ARCH817"):
        teacher.taught_outputs(student, [OutputLoss(Term("ohem"), ("logits",), "labels")])
