"""What holds of every file of weights that ships."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from archdsl.cli.networks import open_scored
from archdsl.resources import specs_folder
from archdsl.train.weights import classes_of, load_weights, network_hash, read_metadata

ZOO = Path(__file__).resolve().parents[2] / "zoo"
WEIGHTS = sorted(ZOO.glob("*.safetensors"))
OF = {
    "camvid_found": ("camvid_found", "camvid", "CC BY-NC 4.0"),
    "scenes_found": ("camvid_found", "synthetic", "MIT"),
}
"""The spec, the data and the licence of each file."""


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda path: path.stem)
def test_weights_that_ship_are_those_of_their_spec(weights: Path) -> None:
    spec, data, licence = OF[weights.stem]
    metadata = read_metadata(weights)
    assert len(classes_of(metadata)[0]) == 11
    network = open_scored(str(specs_folder() / f"{spec}.arch"), None, {}, metadata)
    module = network.module()
    told = load_weights(weights, module, network_hash(network))
    assert told["licence"] == licence
    assert told["data"] == data
    with torch.inference_mode():
        assert module(torch.zeros(1, 3, 96, 128)).isfinite().all()


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda path: path.stem)
def test_weights_that_ship_are_in_half_precision(weights: Path) -> None:
    assert {t.dtype for t in load_file(weights).values() if t.is_floating_point()} == {torch.float16}


def test_what_ships_is_small_and_has_a_card() -> None:
    assert 0 < sum(path.stat().st_size for path in WEIGHTS) <= 10 * 2**20
    card = (ZOO / "README.md").read_text("utf-8")
    assert all(path.name in card for path in WEIGHTS)


def test_the_weights_of_the_demo_colour_a_drawn_street(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from archdsl.cli import run

    spec, weights = specs_folder() / "camvid_found.arch", ZOO / "scenes_found.safetensors"
    data = "synthetic:images=4,size=192x256,seed=99"
    assert run(["eval", str(spec), "--weights", str(weights), "--data", data, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.8
