"""No verb writes over what it reads, nor over a file of another kind, unless it is told to."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

import archdsl
from archdsl.backends.diagram.files import graphviz
from archdsl.cli import outputs, run
from archdsl.cli.outputs import Output, demand_free, kind_of
from archdsl.diagnostics import SpecError
from archdsl.train.weights import SPEC, network_hash, save_weights

LIBRARY = """arch 1

op block(x; c: int) = x -> conv(c = c, k = 3) -> relu
"""
SPEC_TEXT = """arch 1

import block from "./blocks.arch"

network Small(; classes = 2) {
  input image: [3, 16, 16]
  output logits = image -> block(c = 4) -> conv(c = classes, k = 1)
}
"""
SPACE = """arch 1

import block from "./blocks.arch"

space Toy {
  input image: [3, 16, 16]
  x = one of {wide: image -> block(c = 4), thin: image -> conv(c = 4, k = 1)}
  output logits = x -> conv(c = 2, k = 1)
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("n.arch").write_text(SPEC_TEXT)
    Path("q.arch").write_text(SPACE)
    Path("blocks.arch").write_text(LIBRARY)
    Path("link.arch").symlink_to("n.arch")
    os.link("n.arch", "hard.arch")
    network = archdsl.load("n.arch").target()
    torch.manual_seed(0)
    save_weights(Path("w.safetensors"), network.module(), {SPEC: network_hash(network)})
    Path("images").mkdir()
    draw = np.random.default_rng(0)
    for name in ("a", "b"):
        Image.fromarray(draw.integers(0, 255, (16, 16, 3), np.uint8)).save(f"images/{name}.png")
    Path("table.json").write_text('{"archdsl_latency_table": 1}')
    Path("notes.txt").write_text("dear diary\n")
    Path("foreign.json").write_text('{"conv_H16_W16_Cin3_Cout4_k3_s1": 0.5}')
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "command",
    [
        "compile n.arch --emit python -o n.arch",
        "compile n.arch --emit arch -o ./images/../n.arch",
        "compile n.arch --emit python -o link.arch",
        "compile n.arch --emit arch -o hard.arch",
        "compile link.arch --emit arch -o n.arch",
        "compile n.arch --emit arch -o blocks.arch",
        "compile n.arch --emit onnx -o w.safetensors",
        "compile n.arch --emit torch -o notes.txt",
        "compile n.arch -o images/a.png",
        "compile q.arch --emit dot -o n.arch",
        "compile n.arch --emit onnx -o table.json",
        "cost q.arch -o q.arch",
        "cost n.arch -o notes.txt",
        "latency estimate n.arch --table table.json --report table.json",
        "latency estimate n.arch --table table.json --report notes.txt",
        "latency validate q.arch --table table.json --raw table.json",
        "latency import foreign.json --mapping fasterseg -o foreign.json",
        "latency import foreign.json --mapping fasterseg -o n.arch",
        "predict n.arch --weights w.safetensors images/a.png images/b.png -o images --device cpu",
        "predict n.arch --weights w.safetensors images/b.png -o ./images/../images --device cpu",
    ],
)  # fmt: skip
def test_what_is_read_or_of_another_kind_is_not_overwritten(command: str, folder: Path, capsys):
    before = contents(folder)
    assert run(command.split()) == 1
    said = capsys.readouterr().err
    assert "ARCH930" in said or "ARCH931" in said
    assert "--overwrite" in said
    assert contents(folder) == before


def test_a_picture_is_not_drawn_over_a_spec_that_a_link_leads_to(folder: Path, capsys):
    Path("n.svg").symlink_to("n.arch")
    assert run(["viz", "n.arch", "-o", "n.svg"]) == 1
    assert f"n.svg is an input of this command as {folder / 'n.arch'}" in capsys.readouterr().err
    assert Path("n.arch").read_text() == SPEC_TEXT


def test_everything_is_not_written_over_the_image_and_the_spec_that_it_is_made_of(folder: Path, capsys):
    Path("out").mkdir()
    Path("out/network.arch").write_text(SPEC_TEXT)
    Path("out/blocks.arch").write_text(LIBRARY)
    Path("out/input.png").write_bytes(Path("images/a.png").read_bytes())
    before = contents(folder)
    assert run(["compile", "out/network.arch", "--out", "out", "--image", "out/input.png"]) == 1
    said = capsys.readouterr().err
    assert said.count("error[ARCH930]") == 2
    assert contents(folder) == before


def test_samples_are_not_written_over_their_space_nor_over_its_copy(folder: Path, capsys):
    Path("q.arch").rename("toy_0.arch")
    before = contents(folder)
    assert run(["sample", "toy_0.arch", "-o", "."]) == 1
    assert "ARCH930" in capsys.readouterr().err
    assert run(["sample", "toy_0.arch", "-n", "2", "-o", "out"]) == 1
    assert "out/toy_0.arch are the same file" in capsys.readouterr().err
    assert contents(folder) == before


def test_masks_that_are_not_read_are_not_replaced_by_predictions(folder: Path, capsys):
    Path("masks").mkdir()
    Path("masks/a.png").write_bytes(Path("images/b.png").read_bytes())
    before = contents(folder)
    words = [
        "predict",
        "n.arch",
        "--weights",
        "w.safetensors",
        "images/a.png",
        "-o",
        "masks",
        "--device",
        "cpu",
    ]
    assert run(words) == 1
    said = capsys.readouterr().err
    assert "ARCH931" in said
    assert "masks/a.png exists as a PNG picture" in said
    assert contents(folder) == before


def test_pictures_that_would_be_one_file_are_found_before_any_is_written(folder: Path, capsys):
    Path("images/b.png").rename("images/a_classes.png")
    words = ["images/a.png", "images/a_classes.png", "-o", "seen", "--device", "cpu"]
    assert run(["predict", "n.arch", "--weights", "w.safetensors", *words]) == 1
    said = capsys.readouterr().err
    assert "seen/a_classes.png and seen/a_classes.png are the same file" in said
    assert not Path("seen").exists()
    assert run(["predict", "n.arch", "--weights", "w.safetensors", "--overwrite", *words]) == 1


@pytest.mark.parametrize(
    "command",
    [
        *[
            f"compile n.arch --emit {form} -o out.{form}"
            for form in ("ast", "ir", "shapes", "torch", "python")
        ],
        *[f"compile n.arch --emit {form} -o out.{form}" for form in ("onnx", "dot", "svg", "arch")],
        "compile n.arch --emit torch -o out.safetensors",
        "compile n.arch -o layers.txt",
        "compile q.arch -o layers.txt",
        "compile n.arch --json -o layers.txt",
        "compile n.arch --out out",
        "viz q.arch -o picture.svg",
        "viz n.arch -o picture.dot",
        "cost n.arch -o page.html",
        "cost q.arch -o page.html --samples 10",
        "sample q.arch -n 2 -o out",
        "latency import foreign.json --mapping fasterseg -o imported.json",
        "predict n.arch --weights w.safetensors images/a.png -o out --device cpu",
    ],
)
def test_what_a_verb_wrote_itself_it_writes_again(command: str):
    assert run(command.split()) == 0
    assert run(command.split()) == 0


def picture(form: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, form)
    return stream.getvalue()


FOREIGN = {
    "png": lambda: picture("PNG"),
    "pdf": lambda: picture("PDF"),
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="3"/></svg>\n',
    "html": lambda: b"<!doctype html>\n<title>My page</title>\n<p>Hello\n",
    "dot": lambda: b"digraph mine { a -> b }\n",
    "onnx": lambda: b"\x08\x09\x12\x07pytorch\x1a\x052.6.0:\x04\x0a\x02\x0a\x00",
    "safetensors": lambda: save({"w": torch.zeros(2)}),
    "pt2": lambda: b"PK\x03\x04" + bytes(26) + b"archive/data/weights/weight_0" + bytes(200),
}


@pytest.mark.parametrize(
    "command",
    [
        *[f"viz n.arch -o mine.{form}" for form in ("png", "pdf", "svg", "dot")],
        *[f"compile n.arch --emit {form} -o mine.{form}" for form in ("png", "svg", "dot", "onnx")],
        "compile n.arch --emit torch -o mine.safetensors",
        "compile n.arch --emit torch -o mine.pt2",
        "cost q.arch -o mine.html",
    ],
)
@pytest.mark.parametrize("linked", [False, True])
def test_a_file_of_the_same_kind_that_another_program_wrote_is_kept(command: str, linked: bool, capsys):
    target = Path(command.split()[-1])
    before = FOREIGN[target.suffix[1:]]()
    if linked:
        Path("other").write_bytes(before)
        target.symlink_to("other")
    else:
        target.write_bytes(before)
    assert run(command.split()) == 1
    said = capsys.readouterr().err
    assert "ARCH931" in said
    assert f"{target} exists as a" in said
    assert "that archdsl did not write" in said
    assert target.read_bytes() == before


@pytest.mark.parametrize("form", ["png", "pdf"])
@pytest.mark.skipif(graphviz("png") is None, reason="Graphviz is not installed")
def test_a_diagram_is_drawn_again_over_one_of_archdsl(form: str):
    command = ["viz", "n.arch", "-o", f"net.{form}"]
    assert run(command) == 0
    first = Path(f"net.{form}").read_bytes()
    if form == "png":
        with Image.open(io.BytesIO(first)) as drawn:
            drawn.load()
            assert drawn.info["Software"] == "archdsl"
    assert run(command) == 0


@pytest.mark.parametrize(
    ("command", "output", "kind"),
    [
        ("compile n.arch --emit python -o n.arch", "n.arch", "python"),
        ("cost q.arch -o notes.txt", "notes.txt", "html"),
        (
            "predict n.arch --weights w.safetensors images/a.png -o images --device cpu",
            "images/a.png",
            "prediction",
        ),
    ],
)
def test_overwrite_says_that_it_is_meant(command: str, output: str, kind: str):
    assert run([*command.split(), "--overwrite"]) == 0
    assert kind_of(Path(output)) == kind


def test_weights_of_a_run_are_not_overwritten_by_an_extract_of_them(folder: Path, capsys):
    words = ["--data", "synthetic:images=4,size=32x32", "--epochs", "1", "--batch", "2", "--device", "cpu"]
    Path("n.arch").write_text(SPEC_TEXT.replace("classes = 2", "classes = 11"))
    assert run(["train", "n.arch", *words, "--out", "run"]) == 0
    before = contents(folder / "run")
    for name in ("weights.safetensors", "weights_last.safetensors", "manifest.json", "journal.jsonl"):
        assert run(["extract", "run", "--half", "-o", f"run/{name}"]) == 1
        assert "ARCH930" in capsys.readouterr().err
    assert contents(folder / "run") == before
    for _ in range(2):
        assert run(["extract", "run", "--half", "-o", "run/small.safetensors"]) == 0


@pytest.mark.parametrize("name", ["journal.jsonl", "weights.safetensors", "report.html"])
def test_a_new_run_replaces_nothing_that_is_in_its_folder(name: str, capsys):
    Path("n.arch").write_text(SPEC_TEXT.replace("classes = 2", "classes = 11"))
    Path(name).write_bytes(b"precious")
    words = ["--data", "synthetic:images=4,size=32x32", "--epochs", "1", "--batch", "2", "--device", "cpu"]
    assert run(["train", "n.arch", *words, "--out", "."]) == 1
    assert f"error[ARCH931]: {name} already exists" in capsys.readouterr().err
    assert Path(name).read_bytes() == b"precious"
    assert not Path("manifest.json").exists()


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_a_device_is_not_replaced_by_a_file(device: str, capsys):
    assert run(["compile", "n.arch", "--emit", "python", "-o", device, "--overwrite"]) == 2
    assert "not a regular file" in capsys.readouterr().err
    assert Path(device).is_char_device()


def test_names_that_a_file_system_does_not_tell_apart_are_one_output(tmp_path: Path, monkeypatch):
    pair = [Output(tmp_path / "A.png", "png"), Output(tmp_path / "a.png", "png")]
    demand_free(pair, [])
    monkeypatch.setattr(outputs, "_ignores_case", lambda folder: True)
    with pytest.raises(SpecError, match="ARCH932"):
        demand_free(pair, [])


def test_an_empty_file_is_of_every_kind(tmp_path: Path):
    (tmp_path / "new").touch()
    demand_free([Output(tmp_path / "new", "onnx")], [])
