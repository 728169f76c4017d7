"""Options that the other options leave without effect are refused, not ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.cli import run

SPEC = """arch 1
space S {
  input image: [3, 16, 16]
  output y = image -> conv(c = one of {2, 4})
}
network N {
  input image: [3, 16, 16]
  output y = image -> conv(c = 2)
}
"""


@pytest.fixture
def spec(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.safetensors").write_bytes(b"")
    Path("n.arch").write_text(SPEC)
    return Path("n.arch")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train n.arch --data synthetic --init-strict", "--init-strict needs initial weights: --init FILE"),
        (
            "compile n.arch --weights a.safetensors --seed 3 --emit onnx -o n",
            "--seed is of random weights",
        ),
        ("compile n.arch --seed 3", "--seed requires --emit onnx"),
        ("compile n.arch --emit arch --seed 3", "--seed requires --emit onnx"),
        ("compile n.arch --emit ast --set image=3x8x8", "--set cannot be combined with --emit ast"),
        ("cost n.arch --name N --samples 10", "--samples is of random networks"),
        ("cost n.arch --name N --seed 1", "--seed is of random networks"),
        ("cost n.arch --name S --by primitive", "--by requires a network"),
        ("cost n.arch --name S --dtype int8", "--dtype requires a network"),
    ],
)
def test_an_option_without_effect_is_refused(spec, capsys, words, said):
    assert run(words.split()) == 2
    assert said in capsys.readouterr().err
