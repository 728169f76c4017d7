"""`archdsl train --init`: trainings that start from weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import archdsl
from archdsl.cli import run

SPEC = """arch 1

import conv_bn_relu from "std/ops.arch"

network Small(; classes = 11) {
  input image: [3, 32, 64]
  output logits = image -> conv_bn_relu(c = 8, s = 2) -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""
TRAIN = ["train", "small.arch", "--data", "synthetic:images=4,size=32x64", "--device", "cpu", "--batch", "4",
         "--epochs", "1"]  # fmt: skip
STILL = ["--lr", "1e-30", "--ema", "0", "--weight-decay", "0"]
"""A training that hardly changes weights, so that those it started from are seen."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.arch").write_text(SPEC)
    return tmp_path


def last(run_folder: str) -> dict[str, torch.Tensor]:
    return load_file(f"{run_folder}/weights_last.safetensors")


def other_weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(77)
    return archdsl.load("small.arch").network().module().state_dict()


def test_a_folder_that_is_no_training_is_named_for_what_it_is(capsys):
    Path("empty").mkdir()
    assert run([*TRAIN, "--init", "empty", "--out", "run"]) == 1
    assert "cannot read empty as a run: manifest.json not found" in capsys.readouterr().err
    assert run([*TRAIN, "--out", "first"]) == 0
    assert run(["search", "small.arch", "--resume", "first"]) == 1
    told = capsys.readouterr().err
    assert "first is a training, not a search" in told
    assert "archdsl train SPEC --resume first" in told


def test_a_finished_run_is_trained_on_from_its_folder(capsys):
    assert run([*TRAIN, "--out", "first"]) == 0
    capsys.readouterr()
    assert run([*TRAIN, *STILL, "--seed", "5", "--init", "first", "--out", "second"]) == 0
    assert "initialized from first/weights_last.safetensors: 6 of 6 tensors loaded" in capsys.readouterr().out
    first, second = last("first"), last("second")
    for name in first:
        if name.endswith(".weight"):
            torch.testing.assert_close(second[name], first[name])
    recorded = json.loads(Path("second/manifest.json").read_text())["settings"]["init"]
    assert recorded["file"] == "first/weights_last.safetensors"
    assert recorded["taken"] == 6
    capsys.readouterr()
    assert run(["train", "small.arch", "--resume", "second", "--device", "cpu"]) == 0
    told = capsys.readouterr().out
    assert "second is finished; for more epochs: archdsl train small.arch --init second" in told
    assert "resuming" not in told


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}},
        lambda s: {"epoch": 3, "state_dict": {"model": s}},
        lambda s: {"model": {"state_dict": {f"module._orig_mod.module.{k}": v for k, v in s.items()}}},
        lambda s: {"epoch": 3, "ema_weights": s},
    ],
)
def test_a_state_dict_of_torch_is_taken(wrap, capsys):
    state = other_weights()
    torch.save(wrap(dict(state)), "other.pth")
    assert run([*TRAIN, *STILL, "--init", "other.pth", "--init-strict", "--out", "run"]) == 0
    weight = next(name for name in state if name.endswith("conv.weight"))
    torch.testing.assert_close(last("run")[weight], state[weight])


def test_a_state_dict_of_other_names_is_taken_by_order(capsys):
    state = other_weights()
    renamed = {f"layer{n}.{name.rpartition('.')[2]}": t for n, (name, t) in enumerate(state.items())}
    torch.save(renamed, "other.pth")
    assert run([*TRAIN, *STILL, "--init", "other.pth", "--init-strict", "--out", "run"]) == 0
    assert "6 of 6 tensors loaded, matched by order and shape" in capsys.readouterr().out
    weight = next(name for name in state if name.endswith("conv.weight"))
    torch.testing.assert_close(last("run")[weight], state[weight])
    assert json.loads(Path("run/manifest.json").read_text())["settings"]["init"]["by"] == "order"


def test_order_is_not_guessed_where_it_may_be_another(capsys):
    """Roles that differ, a tensor too many, and files that sort their tensors."""
    state = {f"layer{n}.{name.rpartition('.')[2]}": t for n, (name, t) in enumerate(other_weights().items())}
    torch.save(dict(reversed(state.items())), "turned.pth")
    torch.save({**state, "more.weight": torch.zeros(3)}, "more.pth")
    save_file(state, "sorted.safetensors")
    for file in ("turned.pth", "more.pth", "sorted.safetensors"):
        assert run([*TRAIN, "--init", file, "--out", "run"]) == 1
        assert "ARCH914" in capsys.readouterr().err
        assert not Path("run").exists()


def test_where_a_state_dict_differs_in_order_is_named(capsys):
    own = other_weights()
    torch.save(
        {f"m{n}.{name.rpartition('.')[2]}": t[:1] for n, (name, t) in enumerate(own.items()) if t.ndim},
        "cut.pt",
    )
    assert run([*TRAIN, "--init", "cut.pt", "--out", "x"]) == 1
    told = capsys.readouterr().err
    assert "the network 6; in order, the first that differ are `" in told, told


def test_a_head_of_other_classes_starts_anew_and_is_named(capsys):
    state = archdsl.load("small.arch").network(classes=5).module().state_dict()
    head = next(name for name, t in state.items() if t.dim() == 4 and t.shape[0] == 5)
    save_file({**state, "more.weight": torch.zeros(3)}, "five.safetensors")
    assert run([*TRAIN, "--init", "five.safetensors", "--out", "run"]) == 0
    said = capsys.readouterr().out
    assert f"not loaded, shape differs: {head} (file: 5×8×1×1, network: 11×8×1×1)" in said
    assert "in the file, but unused: more.weight" in said
    assert run([*TRAIN, "--init", "five.safetensors", "--init-strict", "--out", "strict"]) == 1
    assert "ARCH913" in capsys.readouterr().err
    assert not Path("strict").exists()


def test_a_part_is_taken_and_what_is_lacking_is_named(capsys):
    state = other_weights()
    part = {name: t for name, t in state.items() if "bn" not in name}
    save_file(part, "part.safetensors")
    assert run([*TRAIN, "--init", "part.safetensors", "--out", "run"]) == 0
    assert "not loaded, missing in the file: " in capsys.readouterr().out


def test_what_cannot_be_started_from_is_refused(capsys):
    state = dict(other_weights())
    first = next(iter(state))
    torch.save({"x": torch.zeros(3)}, "nothing.pt")
    save_file({**state, first: torch.full_like(state[first], torch.nan)}, "nan.safetensors")
    Path("torn.pt").write_bytes(b"PK torn")
    Path("none.safetensors").write_text("none")
    for file in ("nothing.pt", "nan.safetensors", "torn.pt", "none.safetensors"):
        assert run([*TRAIN, "--init", file, "--out", "run"]) == 1
        assert ("ARCH934" if file.startswith("nan") else "ARCH914") in capsys.readouterr().err
        assert not Path("run").exists()
    assert run(["train", "small.arch", "--init", "nothing.pt", "--resume", "run"]) == 2


@pytest.mark.parametrize(
    "odd",
    [
        torch.Tensor.to_sparse,
        lambda t: t.to("meta"),
        lambda t: t.to(torch.complex64),
        lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8),
        lambda t: t > 0,
        lambda t: torch.full_like(t, 1e300, dtype=torch.float64),
    ],
    ids=["sparse", "meta", "complex", "quantized", "bool", "beyond float32"],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensors_that_no_weight_can_take_are_refused(odd, capsys):
    state = dict(other_weights())
    first = next(iter(state))
    torch.save({**state, first: odd(state[first])}, "odd.pt")
    assert run([*TRAIN, "--init", "odd.pt", "--out", "run"]) == 1
    said = capsys.readouterr().err
    assert "ARCH914" in said or "ARCH934" in said
    assert f"`{first}`" in said
    assert not Path("run").exists()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_precision_are_taken(kind, capsys):
    torch.save({k: t.to(kind) if t.is_floating_point() else t for k, t in other_weights().items()}, "o.pt")
    assert run([*TRAIN, "--init", "o.pt", "--init-strict", "--out", "run"]) == 0


def test_a_run_without_a_checkpoint_starts_from_the_same_weights_again(capsys):
    torch.save(dict(other_weights()), "other.pt")
    assert run([*TRAIN, "--init", "other.pt", "--out", "run"]) == 0
    before = Path("run/weights_last.safetensors").read_bytes()
    for path in Path("run/checkpoints").iterdir():
        path.unlink()
    assert run(["train", "small.arch", "--resume", "run", "--device", "cpu"]) == 0
    assert Path("run/weights_last.safetensors").read_bytes() == before
    for path in Path("run/checkpoints").iterdir():
        path.unlink()
    torch.save({**other_weights(), "more": torch.zeros(2)}, "other.pt")
    assert run(["train", "small.arch", "--resume", "run", "--device", "cpu"]) == 1
    assert "ARCH912" in capsys.readouterr().err


def test_more_epochs_of_a_run_are_a_run_that_starts_from_its_weights(capsys):
    assert run([*TRAIN, "--out", "first"]) == 0
    capsys.readouterr()
    assert run(["train", "small.arch", "--resume", "first", "--epochs", "5", "--device", "cpu"]) == 1
    said = capsys.readouterr().err
    assert "ARCH912]: first is a run of 1 epochs" in said
    assert "archdsl train small.arch --init first" in said


def test_a_dict_within_itself_is_no_state_dict(capsys):
    within: dict[str, object] = {}
    within["model"] = within
    torch.save(within, "other.pth")
    assert run([*TRAIN, "--init", "other.pth", "--out", "run"]) == 1
    assert "ARCH914" in capsys.readouterr().err


def test_the_whole_list_of_what_was_taken_is_kept_in_the_folder(capsys):
    lines = "".join(f"  a{n} = a{n - 1} -> conv_bn_relu(c = 4)\n" for n in range(1, 12))
    text = SPEC.replace(
        "  output logits = image ->", f"  a0 = image -> conv(c = 4)\n{lines}  output logits = a11 ->"
    )
    Path("small.arch").write_text(text)
    torch.save(
        {"a0.weight": archdsl.load("small.arch").network().module().state_dict()["a0.weight"]}, "o.pth"
    )
    assert run([*TRAIN, "--init", "o.pth", "--out", "run"]) == 0
    said = capsys.readouterr().out
    assert "(full list: run/init.txt)" in said
    whole = Path("run/init.txt").read_text()
    assert "a11_conv.weight" not in said
    assert "a11_conv.weight" in whole
    assert "more" not in whole
