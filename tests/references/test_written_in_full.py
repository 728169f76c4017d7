"""A network can be rows of its space or text of its own; both are the same network."""

from __future__ import annotations

import torch

import archdsl
import shapefill
from archdsl.resources import specs_folder

EDGES = ("pm", "qm", "pn", "qn", "mn")

# The genotype that autortnet_c.arch writes out.
REDUCE = {
    1: "conv1 pool conv1 conv1 conv1",
    2: "conv1 pool sep1 pool dil2",
    3: "sep1 pool dil2 pool skip",
}
NORMAL = {2: "conv1 skip sep1 dil2 skip", 3: "skip dil2 dil4 zero skip"}
GATES = {1: "1", 2: "2", 3: "4"}
MERGED = {
    "h1_g": "conv",
    "h2_g": "point",
    "g_f1": "point",
    "h3_f1": "dil4",
    "h2_f2": "conv",
    "h3_f2": "dil4",
    "h3_f3": "dil4",
}


def test_autortnet_c_in_full_equals_its_decisions_in_the_space() -> None:
    decisions = {f"hyper[{k}].gate": gate for k, gate in GATES.items()}
    for name, genotype in (("Reduce", REDUCE), ("Normal", NORMAL)):
        for k, ops in genotype.items():
            decisions |= {f"hyper[{k}].{name}.{e}": op for e, op in zip(EDGES, ops.split(), strict=True)}
    decisions |= {f"merged.{edge}": op for edge, op in MERGED.items()}

    space = archdsl.load(specs_folder() / "autortnet.arch").space(classes=11, image=(3, 720, 960))
    bound = shapefill.fill(archdsl.bind(space, decisions).module())
    written = shapefill.fill(archdsl.compile(specs_folder() / "autortnet_c.arch"))
    image = shapefill.image((1, 3, 96, 128), 1)
    with torch.no_grad():
        assert torch.equal(bound(image), written(image))
