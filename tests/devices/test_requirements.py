"""Requirements on latency and rate, by a table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import archdsl
from archdsl.devices.estimate import estimate
from archdsl.devices.foreign import import_table, mapping
from archdsl.devices.requirement import judge, same_device

TEXT = """\
arch 1
import conv_bn_relu from "std/ops.arch"
network Net {{
  input image: [3, 8, 8]
  output y = image -> conv_bn_relu(c = 4)
  require {requirement}
}}
"""


def judged(tmp_path: Path, requirement: str, ms: float = 5.0) -> list[bool | None]:
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"ConvNorm_H8_W8_Cin3_Cout4_kernel3_stride1": ms}))
    network = archdsl.load("net.arch", text=TEXT.format(requirement=requirement)).network()
    found = estimate(network, import_table(path, mapping("fasterseg")))
    return [j.met for j in judge(network, found)]


@pytest.mark.parametrize(
    ("requirement", "met"),
    [
        ('latency(device = "gtx1080ti") <= 6 ms', [True]),
        ('latency(device = "gtx1080ti") <= 4 ms', [False]),
        ('rate(device = "gtx1080ti") >= 199 fps', [True]),
        ('rate(device = "gtx1080ti") in 155 fps .. 175 fps', [False]),
        ('latency(device = "titan_xp") <= 6 ms', [None]),
        ("params <= 1K", []),
    ],
)
def test_a_requirement_is_decided_by_the_table_of_its_device(
    tmp_path: Path, requirement: str, met: list[bool | None]
):
    assert judged(tmp_path, requirement) == met


def test_devices_are_the_same_whatever_the_spaces_and_capitals():
    assert same_device("gtx_1080-ti", "GTX 1080 Ti")
    assert not same_device("titan_xp", "GTX 1080 Ti")
    assert not same_device("", "GTX 1080 Ti")
