"""`archdsl compile --weights`: trained networks in the forms that other programs run."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

import archdsl
from archdsl.cli import run
from archdsl.train.weights import load_weights, network_hash, read_metadata

SPEC = """arch 1

import conv_bn_relu from "std/ops.arch"

network Small(; classes = 19) {
  input image: [3, 32, 64]
  a = image -> conv_bn_relu(c = 8, s = 2)
  output logits = a -> conv_bn_relu(s = 2) -> conv(c = classes, k = 1) -> upsample(like = image)
  output aux = a -> conv(c = classes, k = 1)
}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a short training, of 11 classes where the spec declares 19."""
    base = tmp_path_factory.mktemp("trained")
    (base / "small.arch").write_text(SPEC)
    before = Path.cwd()
    os.chdir(base)
    try:
        words = ["--data", "synthetic:images=4,size=32x64", "--batch", "4", "--epochs", "1", "--out", "run"]
        assert run(["train", "small.arch", *words, "--device", "cpu", "--licence", "CC0"]) == 0
    finally:
        os.chdir(before)
    return base / "run" / "weights.safetensors"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.arch").write_text(SPEC)
    return tmp_path


@pytest.fixture(scope="module")
def module(trained: Path) -> torch.nn.Module:
    network = archdsl.load(trained.parents[1] / "small.arch").network(classes=11)
    made = network.module()
    load_weights(trained, made, network_hash(network))
    return made


def compile_(*words: str) -> int:
    return run(["compile", "small.arch", *words])


def expected(module: torch.nn.Module, image: torch.Tensor) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return module.forward_all(image)


def props(path: str) -> dict[str, str]:
    return {p.key.removeprefix("archdsl."): p.value for p in onnx.load(path).metadata_props}


@pytest.fixture(scope="module")
def exported(trained: Path) -> tuple[Path, str]:
    """The trained network as an ONNX file, and what was printed."""
    path, said = trained.with_name("small.onnx"), io.StringIO()
    with contextlib.redirect_stderr(said):
        spec = str(trained.parents[1] / "small.arch")
        assert run(["compile", spec, "--weights", str(trained), "--emit", "onnx", "-o", str(path)]) == 0
    return path, said.getvalue()


def test_onnx_has_every_output_of_the_trained_module_at_any_size(exported, module):
    path, said = exported
    assert "random" not in said
    assert "outputs logits, aux" in said
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for size in ((1, 3, 32, 64), (2, 3, 48, 80)):
        image = torch.randn(size)
        found = dict(
            zip(("logits", "aux"), session.run(["logits", "aux"], {"image": image.numpy()}), strict=True)
        )
        for name, tensor in expected(module, image).items():
            np.testing.assert_allclose(found[name], tensor.numpy(), atol=1e-4)


def test_onnx_says_which_network_and_weights_and_classes_it_has(trained: Path, exported):
    said, metadata = props(str(exported[0])), read_metadata(trained)
    for key in ("spec_sha256", "classes", "colours", "licence", "miou", "data"):
        assert said[key] == metadata[key]
    assert said["weights"].startswith("weights.safetensors, sha256 ")
    assert json.loads(said["normalisation"])["mean"] == [0.485, 0.456, 0.406]


def test_a_program_of_torch_export_has_the_weights(trained: Path, module):
    assert compile_("--weights", str(trained), "--emit", "torch", "-o", "small.pt2") == 0
    facts = {"archdsl.json": ""}
    program = torch.export.load("small.pt2", extra_files=facts).module()
    image = torch.randn(2, 3, 40, 72)
    found = program(image)
    for name, tensor in expected(module, image).items():
        torch.testing.assert_close(found[name], tensor)
    assert json.loads(facts["archdsl.json"])["spec_sha256"] == read_metadata(trained)["spec_sha256"]


def test_python_source_has_its_weights_beside_it(trained: Path, module):
    assert compile_("--weights", str(trained), "--emit", "python", "-o", "small.py") == 0
    assert "load_file('small.safetensors')" in Path("small.py").read_text()
    found = importlib.util.spec_from_file_location("written", "small.py")
    assert found is not None
    assert found.loader is not None
    written = importlib.util.module_from_spec(found)
    found.loader.exec_module(written)
    net = written.Small()
    net.load_state_dict(load_file("small.safetensors"))
    image = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        assert torch.equal(net.eval()(image), module(image))


def test_saved_weights_are_those_of_the_file_and_score_as_it_does(trained: Path, capsys):
    assert compile_("--weights", str(trained), "--emit", "torch", "-o", "copy.safetensors") == 0
    copy, origin = load_file("copy.safetensors"), load_file(trained)
    assert all(torch.equal(copy[name], tensor) for name, tensor in origin.items())
    data = ["--data", "synthetic:images=4,size=32x64", "--device", "cpu"]
    said = []
    for file in (str(trained), "copy.safetensors"):
        capsys.readouterr()
        assert run(["eval", "small.arch", "--weights", file, *data]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


def test_everything_is_written_with_the_trained_weights(trained: Path, module, capsys):
    assert compile_("--weights", str(trained), "--out", "out") == 0
    assert "random" not in capsys.readouterr().out
    assert props("out/network.onnx")["weights"].startswith("weights.safetensors")
    state = module.state_dict()
    assert all(torch.equal(state[name], t) for name, t in load_file("out/network.safetensors").items())


@pytest.mark.parametrize(
    ("emit", "file"), [("onnx", "a.onnx"), ("torch", "a.pt2"), ("torch", "a.safetensors")]
)
def test_random_weights_are_said_to_be_random_and_are_those_of_a_seed(emit: str, file: str, capsys):
    files = []
    for _ in range(2):
        assert compile_("--emit", emit, "-o", file, "--seed", "7") == 0
        assert "the weights are random (seed 7), not trained" in capsys.readouterr().err
        files.append(Path(file).read_bytes())
    assert files[0] == files[1]
    assert b"random, seed 7, not trained" in files[0]


def test_other_seeds_are_other_weights():
    for seed in ("0", "1"):
        assert compile_("--emit", "torch", "-o", f"{seed}.safetensors", "--seed", seed) == 0
    assert Path("0.safetensors").read_bytes() != Path("1.safetensors").read_bytes()


def test_python_source_without_weights_says_so(capsys):
    assert compile_("--emit", "python") == 0
    assert "Weights: not included; PyTorch initializes random ones" in capsys.readouterr().out


def test_sizes_are_fixed_where_asked_for(capsys):
    assert compile_("--emit", "onnx", "-o", "small.onnx", "--fixed-size") == 0
    assert "batch 1, size 3×32×64" in capsys.readouterr().err
    (image,) = onnx.load("small.onnx").graph.input
    assert [d.dim_value for d in image.type.tensor_type.shape.dim] == [1, 3, 32, 64]


def test_sizes_that_cannot_be_open_are_said_to_be_fixed(capsys):
    Path("small.arch").write_text(
        "arch 1\n\nnetwork Fixed {\n  input image: [3, 32, 64]\n  a = image -> conv(c = 4, s = 2)\n"
        "  output y = a + (a -> conv(s = 2) -> resize(size = [16, 32]))\n}\n"
    )
    assert compile_("--emit", "onnx", "-o", "small.onnx") == 0
    assert "any batch, but only the size 3×32×64" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--emit", "svg", "-o", "a.svg"], ["--emit", "python"], [], ["--emit", "torch", "-o", "a.txt"]]
)
def test_weights_go_with_forms_that_hold_them(words: list[str], trained: Path):
    assert compile_("--weights", str(trained), *words) == 2


def test_weights_of_another_network_are_refused(trained: Path, capsys):
    assert run(["compile", "small.arch", "--weights", str(trained), "--set", "classes=5", "--emit", "onnx",
                "-o", "a.onnx"]) == 1  # fmt: skip
    assert "ARCH913" in capsys.readouterr().err
    assert not Path("a.onnx").exists()


def test_the_file_of_weights_is_not_written_over(trained: Path):
    Path("small.safetensors").write_bytes(trained.read_bytes())
    assert compile_("--weights", "small.safetensors", "--emit", "python", "-o", "small.py") == 1
    assert Path("small.safetensors").read_bytes() == trained.read_bytes()


@pytest.mark.parametrize(
    "verb",
    [
        ["compile", "small.arch", "--emit", "onnx", "-o", "n.onnx"],
        ["eval", "small.arch", "--data", "synthetic:images=4"],
        ["predict", "small.arch", "small.arch", "-o", "seen"],
    ],
)
def test_the_folder_of_a_run_as_weights_is_answered_by_the_file_in_it(trained: Path, verb, capsys):
    assert run([*verb, "--weights", str(trained.parent)]) == 2
    assert f"is a folder; expected a file such as {trained}" in " ".join(capsys.readouterr().err.split())


def test_a_folder_without_weights_is_not_said_to_have_some(folder: Path, capsys):
    assert run(["compile", "small.arch", "--emit", "onnx", "--weights", str(folder)]) == 2
    assert "expected a file such as FILE.safetensors" in " ".join(capsys.readouterr().err.split())


def test_random_weights_do_not_replace_trained_ones(trained: Path, capsys):
    data = trained.read_bytes()
    Path("w.safetensors").write_bytes(data)
    words = ["--emit", "torch", "-o", "w.safetensors"]
    assert compile_(*words) == 1
    said = capsys.readouterr().err
    assert "ARCH931" in said
    assert "w.safetensors contains trained weights" in said
    assert Path("w.safetensors").read_bytes() == data
    assert compile_(*words, "--overwrite") == 0
    assert Path("w.safetensors").read_bytes() != data
    assert compile_(*words, "--seed", "1") == 0
    Path("w.safetensors").write_bytes(data)
    assert compile_("--weights", str(trained), *words) == 0
