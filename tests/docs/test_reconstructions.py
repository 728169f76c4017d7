"""The figures on the page about the shipped specs are those of the specs."""

from __future__ import annotations

import re

import pytest
from literate import ROOT

import archdsl
from archdsl.passes.costs.cost import costs, total
from archdsl.program import Network, Space
from archdsl.report.numbers import large
from archdsl.resources import specs_folder

TEXT = (ROOT / "docs" / "reconstructions.md").read_text("utf-8")
ROWS = [
    (match[1], [cell.strip() for cell in match[2].split("|")])
    for match in re.finditer(r"^\| `(\w+\.arch)` \| (.+) \|$", TEXT, re.MULTILINE)
]
SPACES = [row for row in ROWS if len(row[1]) == 3]
NETWORKS = [row for row in ROWS if len(row[1]) == 5]


def test_every_shipped_space_and_network_has_its_row() -> None:
    declares = re.compile(r"^(space|network) ", re.MULTILINE)  # one file has a search alone
    shipped = {p.name for p in specs_folder().glob("*.arch") if declares.search(p.read_text("utf-8"))}
    assert {file for file, _ in SPACES} | {file for file, _ in NETWORKS} == shipped


@pytest.mark.parametrize(("file", "figures"), SPACES, ids=[file for file, _ in SPACES])
def test_the_row_of_a_space_counts_its_decisions_and_networks(file: str, figures: list[str]) -> None:
    space = archdsl.load(specs_folder() / file).target()
    assert isinstance(space, Space)
    candidates = sum(len(d.candidates) for d in space.decisions.values())
    assert figures == [str(len(space.decisions)), str(candidates), large(space.size)]


@pytest.mark.parametrize(("file", "figures"), NETWORKS, ids=[file for file, _ in NETWORKS])
def test_the_row_of_a_network_has_its_costs(file: str, figures: list[str]) -> None:
    network = archdsl.load(specs_folder() / file).target()
    assert isinstance(network, Network)
    cost = total(costs(network.graph).values())
    (image,) = network.graph.inputs.values()
    classes = str(network.graph.settings["classes"])
    said = ["x".join(map(str, image)), classes, f"{cost.params:,}", f"{cost.macs:,}"]
    assert figures[:4] == said
