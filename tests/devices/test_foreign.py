"""FasterSeg's released table, read through its mapping."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

import archdsl
from archdsl.devices.estimate import Estimate, estimate
from archdsl.devices.foreign import import_table, known, mapping
from archdsl.diagnostics import SpecError

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT / "specs"


@pytest.fixture
def released() -> Path:
    folder = Path(os.environ.get("ARCHDSL_SHARED", ROOT.parent / "shared")) / "reference"
    path = folder / "fasterseg_latency_table.json"
    if not path.is_file():
        pytest.skip(f"no reference data: {path} (set ARCHDSL_SHARED)")
    return path


def by_table(path: Path, spec: str, by: str) -> Estimate:
    return estimate(archdsl.load(SPECS / spec).network(), import_table(path, mapping(by)))


def test_the_student_takes_what_the_released_code_computed(released: Path):
    found = by_table(released, "fasterseg_student.arch", "fasterseg_released")
    assert found.missing == ()
    assert found.total_ms == 6.4139770511337275


def test_the_student_takes_less_by_the_rows_of_what_it_computes(released: Path):
    found = by_table(released, "fasterseg_student.arch", "fasterseg")
    assert found.missing == ()
    assert found.total_ms == pytest.approx(5.7018, abs=5e-5)


def test_the_teacher_takes_what_the_released_code_computed(released: Path):
    found = by_table(released, "fasterseg_teacher.arch", "fasterseg_released")
    assert found.total_ms == pytest.approx(25.225903, abs=5e-7)


def test_every_network_of_the_space_has_its_rows(released: Path):
    space = archdsl.load(SPECS / "fasterseg.arch").space()
    table = import_table(released, mapping("fasterseg"))
    for seed in range(10):
        network = space.bind(space.sample(random.Random(seed)))
        assert estimate(network, table).missing == ()


def test_it_is_said_what_the_table_leaves_out_and_timed_differently(released: Path):
    found = by_table(released, "fasterseg_student.arch", "fasterseg")
    assert found.final_upsampling.startswith("outside")
    assert any("nearest" in note for note in found.notes)
    assert found.device == "GTX 1080 Ti"


def small(tmp_path: Path, entries: object) -> Path:
    path = tmp_path / "foreign.json"
    path.write_text(json.dumps(entries))
    return path


def test_rows_that_a_foreign_table_lacks_are_listed(tmp_path: Path):
    path = small(tmp_path, {"ConvNorm_H8_W8_Cin3_Cout4_kernel3_stride1": 0.5})
    text = (
        'arch 1\nimport conv_bn_relu from "std/ops.arch"\nnetwork Net {\n input image: [3, 8, 8]\n'
        " output y = image -> conv_bn_relu(c = 4) -> conv_bn_relu(c = 4, k = 1, s = 2) -> relu\n}\n"
    )
    found = estimate(archdsl.load("net.arch", text=text).network(), import_table(path, mapping("fasterseg")))
    assert found.total_ms == 0.5
    assert found.missing == (
        "missing: ConvNorm_H8_W8_Cin4_Cout4_kernel1_stride2",
        "no rule of the mapping matches: y.relu (relu 4x4x4 -> 4x4x4)",
    )


def test_a_mapping_of_ones_own_is_read_from_a_file(tmp_path: Path):
    path = tmp_path / "mine.json"
    rules = [{"chain": ["conv"], "rows": ["conv{conv1.k}_{conv1.in.c}_{conv1.out.c}_{stride}"]}]
    path.write_text(json.dumps({"extends": "fasterseg", "name": "mine", "device": "Mine", "rules": rules}))
    table = import_table(small(tmp_path, {"conv3_3_4_2": 2.0}), mapping(str(path)))
    text = "arch 1\nnetwork Net {\n input image: [3, 8, 8]\n output y = image -> conv(c = 4, s = 2)\n}\n"
    found = estimate(archdsl.load("net.arch", text=text).network(), table)
    assert (found.total_ms, found.device) == (2.0, "Mine")


@pytest.mark.parametrize("entries", [[], {}, {"a": "fast"}, {"a": -1}, {"a": True}, {"entries": 3}])
def test_what_is_no_table_of_numbers_is_not_imported(tmp_path: Path, entries: object):
    with pytest.raises(SpecError) as caught:
        import_table(small(tmp_path, entries), mapping("fasterseg"))
    assert [d.code for d in caught.value.diagnostics] == ["ARCH822"]


def test_a_key_that_a_mapping_or_a_table_has_twice_is_refused(tmp_path: Path):
    mine, foreign = tmp_path / "mine.json", tmp_path / "foreign.json"
    mine.write_text('{"extends": "fasterseg", "name": "a", "name": "b", "rules": []}')
    foreign.write_text('{"conv3_3_4_2": 2.0, "conv3_3_4_2": 3.0}')
    for attempt, key in (
        (lambda: mapping(str(mine)), "name"),
        (lambda: import_table(foreign, mapping("fasterseg")), "conv3_3_4_2"),
    ):
        with pytest.raises(SpecError, match="ARCH822") as caught:
            attempt()
        assert f"duplicate key '{key}'" in str(caught.value)


def test_an_unknown_mapping_is_guessed():
    with pytest.raises(SpecError) as caught:
        mapping("fasterse")
    assert caught.value.diagnostics[0].help == "did you mean `fasterseg`?"
    assert known() == ["fasterseg", "fasterseg_released"]
