"""What would fail in a step of a search is found before the search takes its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl.cli import run
from archdsl.search.overrides import OVERRIDES

POOLED = """arch 1

import conv_bn_relu from "std/ops.arch"

op context(x; c: int = x.c) {
  return x -> global_pool -> conv(c = c, k = 1) -> bn -> relu -> resize(like = x)
}

space Pooled(; classes = 11) {
  input image: [3, 32, 64]
  x = image -> conv_bn_relu(c = 4, s = 4)
  way = one of {conv_bn_relu, context}
  y = x -> way -> conv(c = classes, k = 1, bias = true)
  output logits = y -> upsample(like = image)
}

search Quick for Pooled {
  strategy = differentiable(epochs = 1)
  data = synthetic(images = 4, batch = 2, size = [32, 64])
  minimize cross_entropy + 0.02 * log(macs)
}
"""

HALVED = POOLED.replace(
    "x -> global_pool -> conv(c = c, k = 1)", "x -> max_pool(s = 2) -> conv(c = c)"
).replace("resize(like = x)", "resize(scale = 2)")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(text: str, *words: str) -> None:
    Path("s.arch").write_text(text)
    assert run(["search", "s.arch", "--out", "run", "--set", *words]) == 1
    assert not Path("run").exists()


def test_a_batch_of_one_with_a_normalisation_of_pooled_values_names_the_decision(here, capsys):
    refused(POOLED, "batch=1")
    said = capsys.readouterr().err
    assert "ARCH829" in said
    assert "`context` of `way`" in said


def test_a_batch_of_two_with_the_same_space_is_searched(here):
    Path("s.arch").write_text(POOLED)
    assert run(["search", "s.arch", "--out", "run"]) == 0


@pytest.mark.parametrize(("crop", "fits"), [("18x34", "24x40"), ("20x30", "24x32"), ("1x1", "8x8")])
def test_a_crop_that_a_candidate_cannot_take_is_refused_with_one_that_would_do(here, capsys, crop, fits):
    refused(HALVED, f"crop={crop}")
    said = capsys.readouterr().err
    assert "ARCH918" in said
    assert f"crop={fits}" in said
    assert run(["search", "s.arch", "--out", "run", "--set", f"crop={fits}"]) == 0


def test_first_order_bilevel_needs_an_image_for_each_half(here, capsys):
    refused(POOLED, "order=1", "images=1")
    assert "ARCH606" in capsys.readouterr().err
    assert run(["search", "s.arch", "--out", "run", "--set", "order=1", "images=2"]) == 0


def test_a_search_of_an_imported_space_is_run_and_what_it_finds_can_be_read(here):
    Path("s.arch").write_text(POOLED[: POOLED.index("search")])
    Path("own.arch").write_text(
        'arch 1\n\nimport Pooled from "./s.arch"\n\n' + POOLED[POOLED.index("search") :]
    )
    assert run(["search", "own.arch", "--out", "run"]) == 0
    assert run(["check", "run/best.arch"]) == 0


@pytest.mark.parametrize(
    ("space", "names"),
    [
        ("w = one of {8, 16}\n  x = image -> conv_bn_relu(c = w)\n  y = x -> relu", "`w` is declared here"),
        ("x = image -> conv(c = 4)\n  y = one of {a: x, b: x -> conv(c = 8)}", "`y` is declared here"),
        ("x = image -> conv(c = 4)\n  y = one of {a: x, b: x -> max_pool(s = 2)}", "resize(like = …)"),
    ],
)
def test_a_space_without_a_supernet_shows_the_decision_and_what_runs(here, capsys, space, names):
    head, tail = POOLED.split("  x = image", 1)
    refused(
        f"{head}  {space}\n  y2 = y{tail[tail.index(' -> conv(c = classes') :]}".replace(
            "output logits = y ", "output logits = y2 "
        ),
        "epochs=1",
        "share=candidates",
    )
    said = capsys.readouterr().err
    assert "ARCH802" in said
    assert names in said
    assert "archdsl sample" in said
    assert "evolution" not in said


@pytest.mark.parametrize(
    ("budget", "said"),
    [("soon", "`budget` must be a duration, got soon"), ("0s", "`budget` must be a duration, got 0s")],
)
def test_a_budget_from_outside_that_is_no_time_is_refused(here, capsys, budget, said):
    refused(POOLED, f"budget={budget}")
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("setting", OVERRIDES)
def test_a_truth_value_from_outside_is_no_number(here, setting):
    refused(POOLED, f"{setting}=true")


@pytest.mark.parametrize("order", ["1.0", "2", "-1"])
def test_the_order_from_outside_is_0_or_1(here, capsys, order):
    refused(POOLED, f"order={order}")
    assert f"`order` must be 0 or 1, got {order}" in capsys.readouterr().err


def test_a_budget_from_outside_ends_the_search_with_the_epoch(here):
    Path("s.arch").write_text(POOLED)
    assert run(["search", "s.arch", "--out", "run", "--set", "epochs=50", "budget=0.001s"]) == 0
    assert Path("run/found-0001.arch").exists()
    assert not Path("run/found-0002.arch").exists()


def test_training_by_a_batch_of_one_is_refused_where_pooled_values_are_normalised(here, capsys):
    text = POOLED[: POOLED.index("search")].replace("space Pooled", "network Pooled")
    Path("n.arch").write_text(text.replace("one of {conv_bn_relu, context}", "context"))
    words = ["train", "n.arch", "--data", "synthetic:images=2,size=32x64", "--epochs", "1", "--out", "run"]
    assert run([*words, "--batch", "1"]) == 1
    assert "ARCH829" in capsys.readouterr().err
    assert not Path("run").exists()
    assert run([*words, "--batch", "2"]) == 0
