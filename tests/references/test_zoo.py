"""What holds of every file of weights that ships."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from archdsl.cli.networks import open_network
from archdsl.resources import specs_folder
from archdsl.train.weights import load_weights, network_hash

ZOO = Path(__file__).resolve().parents[2] / "zoo"
WEIGHTS = sorted(ZOO.glob("*.safetensors"))


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda path: path.stem)
def test_weights_that_ship_are_those_of_the_spec_of_their_name(weights: Path) -> None:
    network = open_network(str(specs_folder() / f"{weights.stem}.arch"), None, {}, 11)
    module = network.module()
    told = load_weights(weights, module, network_hash(network))
    assert told["licence"] == "CC BY-NC 4.0"
    assert told["data"] == "camvid"
    with torch.inference_mode():
        assert module(torch.zeros(1, 3, 96, 128)).isfinite().all()


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda path: path.stem)
def test_weights_that_ship_are_in_half_precision(weights: Path) -> None:
    assert {t.dtype for t in load_file(weights).values() if t.is_floating_point()} == {torch.float16}


def test_what_ships_is_small_and_has_a_card() -> None:
    assert 0 < sum(path.stat().st_size for path in WEIGHTS) <= 10 * 2**20
    card = (ZOO / "README.md").read_text("utf-8")
    assert all(path.name in card for path in WEIGHTS)
