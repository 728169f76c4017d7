"""Ops and encoders of the standard library against closed forms and figures of the papers' code."""

from __future__ import annotations

import pytest

import archdsl
from archdsl.passes.costs.cost import costs
from archdsl.program import Network
from archdsl.resources import specs_folder


def network(text: str) -> Network:
    return archdsl.load(specs_folder() / "example.arch", text=text).network()


def params(text: str) -> int:
    return sum(cost.params for cost in costs(network(text).graph).values())


def applied(op: str, c: int, name: str) -> str:
    return (
        f'arch 1\nimport {name} from "std/ops.arch"\n'
        f"network One {{ input image: [{c}, 16, 16] output y = image -> {op} }}"
    )


@pytest.mark.parametrize(
    ("op", "name", "expected"),
    [
        ("conv1", "conv1", (5_232, 46_800, 420_336)),
        ("conv2", "conv2", (2 * 5_232, 2 * 46_800, 2 * 420_336)),
        ("sep1", "sep1", (840, 5_976, 49_032)),
        ("sep1(d = 4)", "sep1", (840, 5_976, 49_032)),
        ("sep2(d = 2)", "sep2", (2 * 840, 2 * 5_976, 2 * 49_032)),
        ("skip", "skip", (0, 0, 0)),
        ("skip(s = 2)", "skip", (24**2 + 48, 72**2 + 144, 216**2 + 432)),
        ("pool(s = 2)", "pool", (0, 0, 0)),
    ],
)
def test_an_op_of_autortnet_has_the_weights_of_its_closed_form(
    op: str, name: str, expected: tuple[int, int, int]
) -> None:
    assert tuple(params(applied(op, c, name)) for c in (24, 72, 216)) == expected


ENCODER = """
arch 1
import mobilenet_v2 from "std/encoders.arch"
network Encoder {
  input image: [3, 1024, 2048]
  quarter, eighth = mobilenet_v2(image)
  output q = quarter
  output e = eighth
}
"""


def test_the_mobilenet_encoder_has_the_weights_and_macs_of_the_released_one() -> None:
    found = costs(network(ENCODER).graph).values()
    assert sum(cost.params for cost in found) == 56_576
    assert round(sum(cost.macs for cost in found) / 1e9, 3) == 5.271
