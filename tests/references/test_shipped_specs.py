"""What holds of every spec that ships; those of other papers have further tests, by folder."""

from __future__ import annotations

from pathlib import Path

import pytest

import archdsl
from archdsl.diagnostics import Source
from archdsl.lang import format_source
from archdsl.passes.analyses.shapes import infer
from archdsl.resources import specs_folder

NAMES = (
    "autortnet", "autortnet_a", "autortnet_b", "autortnet_c", "camvid", "camvid_found", "elastic",
    "fasterseg", "fasterseg_branches", "fasterseg_small", "fasterseg_student", "fasterseg_teacher",
    "gas", "gas_like",
    "ofa_mobilenet", "plain", "plain_small", "space", "std/cells", "std/encoders", "std/ops", "template",
    "template_arch0", "template_arch1", "template_small",
)  # fmt: skip
SPACES = (
    "autortnet", "camvid", "elastic", "fasterseg", "fasterseg_branches", "gas", "ofa_mobilenet", "space",
    "template", "template_small",
)  # fmt: skip
NETWORKS = tuple(n for n in NAMES if n not in (*SPACES, "fasterseg_small") and not n.startswith("std/"))


def path(name: str) -> Path:
    return specs_folder() / f"{name}.arch"


OTHERS = tuple(
    sorted(
        path.relative_to(specs_folder()).with_suffix("").as_posix()
        for folder in ("spaces", "zoo")
        for path in (specs_folder() / folder).glob("*.arch")
    )
)


def test_the_shipped_specs_are_these() -> None:
    found = specs_folder().rglob("*.arch")
    names = sorted(p.relative_to(specs_folder()).with_suffix("").as_posix() for p in found)
    assert names == sorted([*NAMES, *OTHERS])


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_a_spec_is_in_canonical_format(name: str) -> None:
    text = path(name).read_text()
    assert format_source(Source(name, text)) == text


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_all_networks_of_a_spec_are_proved_well_typed_and_nothing_else_is_found(name: str) -> None:
    report = archdsl.load(path(name)).check()
    assert all(proof.proved for proof in report.proofs)
    assert [d for d in report.diagnostics if d.severity != "note"] == []


@pytest.mark.parametrize("name", SPACES)
def test_a_space_takes_the_number_of_classes_and_the_size_of_the_image(name: str) -> None:
    space = archdsl.load(path(name)).space(classes=5, image=(3, 128, 192))
    assert space.graph.inputs == {"image": (3, 128, 192)}
    assert space.elaborated.shapes[space.graph.outputs["logits"]][0] == 5


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_takes_the_number_of_classes_and_the_size_of_the_image(name: str) -> None:
    graph = archdsl.load(path(name)).network(classes=5, image=(3, 128, 192)).graph
    scale = 4 if name.startswith("template") else 1
    assert infer(graph)[graph.outputs["logits"]] == (5, 128 // scale, 192 // scale)


# The networks of `fasterseg_branches` are derived by the search of `fasterseg`.
@pytest.mark.parametrize("name", [name for name in SPACES if name != "fasterseg_branches"])
def test_a_search_of_a_space_reads_as_a_typed_value(name: str) -> None:
    program = archdsl.load(path(name))
    assert {program.search(search).space for search in program.searches} == {program.default_name()}
