"""`archdsl zoo` lists the networks that ship, with costs and published accuracy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import archdsl
from archdsl.cli import run
from archdsl.cli.zoo import entries, folder


def test_every_network_is_listed_with_its_costs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["zoo", "--json"]) == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)["networks"]}
    assert set(listed) == set(entries())
    network = archdsl.load(folder() / "bisenetv1.arch").network()
    assert listed["bisenetv1"]["parameters"] == network.params
    assert listed["bisenetv1"]["macs"] == network.macs


def test_networks_are_listed_by_year(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["zoo"]) == 0
    years = [line.split()[1] for line in capsys.readouterr().out.splitlines()[2:]]
    assert years == sorted(years)


def test_every_published_figure_of_a_network_is_shown_with_its_split(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["zoo", "bisenetv1"]) == 0
    shown = capsys.readouterr().out
    for figure in entries()["bisenetv1"].accuracy:
        assert f"{figure.miou} {figure.data} {figure.split}" in shown


def test_an_unknown_network_is_met_by_the_one_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["zoo", "segformer"]) == 2
    assert "did you mean `segformer_b0`?" in capsys.readouterr().err


def test_a_page_has_a_picture_of_each_network(tmp_path: Path) -> None:
    page = tmp_path / "zoo.html"
    assert run(["zoo", "bisenetv1", "stdc1", "-o", str(page)]) == 0
    text = page.read_text("utf-8")
    assert text.count("<svg") == 2
    assert "STDC1-Seg (2021)" in text
    assert run(["zoo", "-o", str(folder() / "stdc1.arch")]) == 1  # inputs are not overwritten
