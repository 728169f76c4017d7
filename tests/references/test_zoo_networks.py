"""Networks of the zoo have the parameters and outputs of public code, where these were measured.

Outputs under the shape-keyed fill of an input of 1 × 3 × 64 × 128, evaluation mode, float64.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import archdsl
import shapefill
from archdsl.backends.naming import identifier
from archdsl.cli.zoo import entries, folder

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"
PARAMETERS = {
    "bisenetv1": 13_425_721,
    "bisenetv2": 3_358_627,
    "cgnet": 496_306,
    "dabnet": 756_643,
    "ddrnet23slim": 5_695_987,
    "enet": 360_422,
    "erfnet": 2_066_642,
    "fast_scnn": 1_138_051,
    "fbsnet": 607_199,
    "lraspp_mobilenetv3": 3_221_538 - 2 * (40 + 128 + 2),
    "segformer_b0": 3_719_027,
}
"""Of the public code that each spec names, 19 classes, with auxiliary heads; FBSNet's are counted by hand.

torchvision documents LR-ASPP for 21 classes: two more rows of both classifiers.
"""
UNUSED = {"enet": 2_432, "erfnet": 2_451, "fbsnet": 96}
"""Parameters of layers that the public code never uses."""
NAMES = {"bisenetv1": "bisenetv1_r18", "ddrnet23slim": "ddrnet_23_slim"}
"""The name in the reference, where it differs."""
VERIFIED = sorted(name for name, entry in entries().items() if entry.verified)


def test_every_spec_of_the_zoo_is_listed() -> None:
    assert set(entries()) == {path.stem for path in folder().glob("*.arch")}


@pytest.mark.parametrize("name", sorted(entries()))
def test_a_network_of_the_zoo_takes_the_number_of_classes_and_the_size_of_the_image(name: str) -> None:
    network = archdsl.load(folder() / f"{name}.arch").network(classes=5, image=(3, 128, 256))
    shapes = network.graph.inputs, network.module()
    with torch.no_grad():
        logits = shapes[1].eval()(torch.zeros(1, 3, 128, 256))
    assert logits.shape[:2] == (1, 5)


@pytest.mark.parametrize("name", VERIFIED)
def test_a_network_has_the_parameters_of_public_code(name: str) -> None:
    network = archdsl.load(folder() / f"{name}.arch").network().with_train_outputs()
    assert network.params == PARAMETERS[name] - UNUSED.get(name, 0)


@pytest.fixture(scope="session")
def reference() -> tuple[Any, dict[str, Any]]:
    if not REFERENCE.is_dir():
        pytest.skip("no reference data beside the repository")
    described = json.loads((REFERENCE / "zoo_shapefill.json").read_text("utf-8"))
    return np.load(REFERENCE / "zoo_shapefill.npz"), described


@pytest.mark.parametrize("name", [n for n in VERIFIED if entries()[n].verified == "outputs"])
def test_a_network_has_the_outputs_of_public_code(name: str, reference: tuple[Any, dict[str, Any]]) -> None:
    arrays, described = reference
    key = NAMES.get(name, name)
    network = archdsl.load(folder() / f"{name}.arch").network(image=(3, 64, 128))
    linear = [identifier(node.name) for node in network.graph.nodes.values() if node.op == "linear"]
    module = shapefill.fill(network.module(), linear)
    with torch.no_grad():
        logits = module(shapefill.image((1, 3, 64, 128), 500000)).numpy()
    step = described[key]["stored_every"]
    assert list(logits.shape) == described[key]["output"]
    expected = arrays[key]
    assert np.abs(logits[..., ::step, ::step] - expected).max() <= 1e-5 * described[key]["absmax"]
