"""The emitted Python of networks that are shipped is lifted to these networks."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

import archdsl
from archdsl.backends.source import emit
from archdsl.ir import Node
from archdsl.lift.lifting import lift

SPECS = Path(__file__).parent.parent.parent / "specs"
SIZES = {"segformer_b0": (3, 64, 128)}
OTHERS = ("fasterseg_student", "template_arch0", "camvid_found")
SHORTER = {
    "enet": [
        ("repeat 4", "repeat 1"),
        ("repeat 2", "repeat 1"),
        (
            "-> regular -> regular(d = 8) -> regular(k = 5, split = true) -> regular(d = 16)",
            "-> regular(d = 8)",
        ),
        ("regular(p = false) -> regular(p = false)", "regular(p = false)"),
    ],
    "lraspp_mobilenetv3": [
        ("  (k = 3, e = 184, c = 80, gate = false, act = hswish, s = 1, d = 1),\n" * 2, ""),
        ("  (k = 3, e = 480, c = 112, gate = true, act = hswish, s = 1, d = 1),\n", ""),
        ("  (k = 5, e = 672, c = 160, gate = true, act = hswish, s = 1, d = 2),\n", ""),
        ("  (k = 5, e = 960, c = 160, gate = true, act = hswish, s = 1, d = 2),\n" * 2, ""),
        ("  (k = 5, e = 120, c = 40, gate = true, act = relu, s = 1, d = 1),\n" * 2, ""),
    ],
    "pidnet_s": [("two -> relu -> two", "basic -> relu -> basic"), ("s = 2) -> relu -> basic", "s = 2)")],
    "regseg": [
        ("[1, 2, 4, 4, 4, 4, 14, 14, 14, 14, 14, 14]", "[1, 4]"),
        ("-> d_block -> d_block", "-> d_block"),
    ],
    "segformer_b0": [
        ("  (i = 2, c = 64, k = 3, s = 2, heads = 2, reduction = 4),\n", ""),
        ("  (i = 3, c = 160, k = 3, s = 2, heads = 5, reduction = 2),\n", ""),
        ("(i = 4,", "(i = 2,"),
        ("1..4", "1..2"),
        ("y[4], y[3], ", ""),
    ],
    "fbsnet": [
        ("bru -> bru -> bru -> bru -> bru", "bru"),
        ("bru -> bru -> bru", "bru"),
        ("[1, 2, 5, 9, 17]", "[2]"),
        ("[1, 2, 5, 9, 1, 2, 5, 9, 2, 5, 9, 17, 2, 5, 9, 17]", "[2, 5]"),
    ],
}
"""Networks with fewer of many equal blocks: tracing takes a time for each layer."""
NAMES = (
    "camvid_found", "enet", "esnet", "fast_scnn", "fbsnet", "lraspp_mobilenetv3", "pidnet_s",
    "regseg", "segformer_b0",
)  # fmt: skip
"""They have every primitive of the networks that are shipped."""


def path_of(name: str) -> Path:
    return SPECS / f"{name}.arch" if name in OTHERS else SPECS / "zoo" / f"{name}.arch"


def emitted(graph) -> torch.nn.Module:
    """The module of the Python source that is emitted for a network, with random weights."""
    module = types.ModuleType("emitted_network")
    sys.modules["emitted_network"] = module
    exec(compile(emit(graph), "emitted.py", "exec"), module.__dict__)
    torch.manual_seed(0)
    return module.__dict__[graph.name]()


def loaded(path: Path) -> archdsl.Program:
    text = path.read_text("utf-8")
    for long, short in SHORTER.get(path.stem, []):
        assert long in text
        text = text.replace(long, short)
    return archdsl.load(path, text=text)


def primitives(paths: Iterable[Path]) -> set[str]:
    graphs = [loaded(path).network().graph for path in paths]
    return {node.op for graph in graphs for node in graph.nodes.values() if isinstance(node, Node)}


def test_the_networks_that_are_lifted_have_every_primitive_of_those_that_are_shipped():
    shipped = [*sorted((SPECS / "zoo").glob("*.arch")), *map(path_of, OTHERS)]
    assert primitives(map(path_of, NAMES)) == primitives(shipped)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_emitted_python_of_a_shipped_network_is_lifted_to_it(name):
    size = SIZES.get(name, (3, 128, 256))
    network = loaded(path_of(name)).network(image=size)
    model = emitted(network.graph)
    found = lift(model, [size], network.name)
    assert list(found.holes) == []
    assert (found.network.params, found.network.macs) == (network.params, network.macs)
    assert found.difference <= 1e-6
