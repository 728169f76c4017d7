"""What a search copies into its folder replaces nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

import archdsl
from archdsl.diagnostics import SpecError
from archdsl.search.folder import SearchFolder

SPEC = "arch 1\n\nnetwork N {\n  input image: [3, 8, 8]\n  output logits = image\n}\n"


def test_a_spec_is_not_copied_over_another_file_of_its_name(tmp_path: Path):
    (tmp_path / "s.arch").write_text(SPEC)
    unit = archdsl.load(tmp_path / "s.arch").unit
    SearchFolder(tmp_path).copy_specs(unit)
    SearchFolder(tmp_path / "run").copy_specs(unit)
    SearchFolder(tmp_path / "run").copy_specs(unit)
    (tmp_path / "run" / "s.arch").write_text("mine")
    with pytest.raises(SpecError, match="ARCH931"):
        SearchFolder(tmp_path / "run").copy_specs(unit)
    assert (tmp_path / "run" / "s.arch").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["best.arch", "best.safetensors", "found-0003.arch", "checkpoints/step-000000001.pt"]
)
def test_a_new_search_replaces_nothing_that_is_in_its_folder(name: str, tmp_path: Path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(SpecError, match="ARCH931"):
        SearchFolder(tmp_path).demand_new()
