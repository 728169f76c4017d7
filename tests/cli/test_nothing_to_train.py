"""Networks and spaces without a parameter that a loss reaches: refused before a run takes its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.cli import run

ELEVEN = "image -> tile(c = 99) -> pixel_shuffle(r = 3) -> resize(like = image)"
"""Eleven maps without a parameter."""

DATA = ["--data", "synthetic:images=4,size=32x32", "--device", "cpu", "--epochs", "1", "--batch", "2"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def network(*outputs: str) -> list[str]:
    lines = ["arch 1", "network N {", "  input image: [3, 32, 32]", f"  x = {ELEVEN}", *outputs, "}"]
    Path("n.arch").write_text("\n".join(lines) + "\n")
    return ["train", "n.arch", *DATA, "--out", "run"]


def space(choice: str, *settings: str) -> list[str]:
    text = f"""arch 1

space S {{
  input image: [3, 32, 32]
  output logits = {ELEVEN} -> {choice}
}}

search Q for S {{
  strategy = differentiable({", ".join(["epochs = 1", *settings])})
  data = synthetic(images = 4, size = [32, 32], batch = 2)
  minimize cross_entropy
}}
"""
    Path("s.arch").write_text(text)
    return ["search", "s.arch", "--device", "cpu", "--out", "run"]


@pytest.mark.parametrize("layers", ["relu", "bn(affine = false)", "dropout -> avg_pool", "conv -> zero"])
def test_a_network_without_parameters_is_refused(layers: str, capsys):
    assert run(network(f"  output logits = x -> {layers}")) == 1
    assert "ARCH935" in capsys.readouterr().err
    assert not Path("run").exists()


def test_a_tensor_of_which_only_the_size_is_read_has_no_part_in_it(capsys):
    assert run(network("  y = x -> conv", "  output logits = x -> resize(like = y)")) == 1
    assert "ARCH935" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["", " train"])
def test_parameters_that_no_trained_output_needs_do_not_count(word: str, capsys):
    words = network("  output logits = x -> relu", f"  output edges{word} = x -> conv")
    assert run(words) == 1
    said = capsys.readouterr().err
    assert "ARCH935" in said
    assert "--aux" in said
    assert not Path("run").exists()
    assert run([*words, "--aux", "0.4"]) == 0


@pytest.mark.parametrize("sampler", [[], ["sampler = uniform"]])
def test_a_space_without_parameters_is_refused(sampler: list[str], capsys):
    assert run(space("one of {relu, bn(affine = false)}", *sampler)) == 1
    assert "ARCH935" in capsys.readouterr().err
    assert not Path("run").exists()


def test_a_space_without_decisions_is_not_searched(capsys):
    assert run(space("conv")) == 1
    said = capsys.readouterr().err
    assert "ARCH606" in said
    assert "archdsl train" in said
    assert not Path("run").exists()


def test_networks_without_parameters_are_scored_as_they_are_by_short_trainings():
    assert run(space("one of {relu, conv}", "refine = 3", "refine_epochs = 1")) == 0
    assert Path("run/best.arch").exists()
