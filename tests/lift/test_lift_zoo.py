"""The emitted Python of the networks that are shipped is lifted to these networks."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
import torch

import archdsl
from archdsl.backends.source import emit
from archdsl.lift.lifting import lift

SPECS = Path(__file__).parent.parent.parent / "specs"
SIZES = {"segformer_b0": (3, 64, 128), "unet": (3, 64, 96)}
FAST = ("erfnet",)
OTHERS = ("fasterseg_student", "template_arch0", "camvid_found")
NAMES = [*sorted(path.stem for path in (SPECS / "zoo").glob("*.arch")), *OTHERS]


def emitted(graph) -> torch.nn.Module:
    """The module of the Python source that is emitted for a network, with random weights."""
    module = types.ModuleType("emitted_network")
    sys.modules["emitted_network"] = module
    exec(compile(emit(graph), "emitted.py", "exec"), module.__dict__)
    torch.manual_seed(0)
    return module.__dict__[graph.name]()


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_the_emitted_python_of_a_shipped_network_is_lifted_to_it(name):
    path = SPECS / f"{name}.arch" if name in OTHERS else SPECS / "zoo" / f"{name}.arch"
    size = SIZES.get(name, (3, 128, 256))
    network = archdsl.load(path).network(image=size)
    model = emitted(network.graph)
    found = lift(model, [size], network.name)
    assert list(found.holes) == []
    assert (found.network.params, found.network.macs) == (network.params, network.macs)
    assert found.difference <= 1e-6
