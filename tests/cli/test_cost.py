"""`archdsl cost`."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

import archdsl
from archdsl.cli import run
from archdsl.passes.costs.cost import network_cost
from archdsl.resources import specs_folder

SPECS = specs_folder()
TINY = """arch 1
space Tiny {
  input image: [3, 16, 16]
  w = one of {4, 8}
  x[0] = image -> conv(c = w)
  x[1] = x[0] -> one of {thick: conv, thin: dwconv}
  x[2] = x[1] -> conv(k = 1)
  depth = one of {0..2}
  output logits = x[depth] -> conv(c = 2)
}
network Found from Tiny {
  w = 4
  depth = 0
}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    file = tmp_path / "tiny.arch"
    file.write_text(TINY, encoding="utf-8")
    return str(file)


def test_the_totals_of_a_network_are_those_of_the_cost_pass(capsys):
    spec = str(SPECS / "autortnet_a.arch")
    assert run(["cost", spec, "--json", "--set", "image=3x192x384"]) == 0
    found = json.loads(capsys.readouterr().out)
    whole = network_cost(archdsl.load(spec).target(image=(3, 192, 384)).graph)
    assert (found["params"], found["macs"], found["flops"]) == (whole.params, whole.macs, 2 * whole.macs)
    assert found["peak_memory_bytes"] == whole.memory.peak_bytes
    for key in ("params", "macs", "traffic_bytes"):
        assert sum(layer[key] for layer in found["layers"]) == found[key]


def test_half_precision_halves_traffic_and_memory(capsys):
    spec = str(SPECS / "fasterseg_student.arch")
    both = []
    for dtype in ("float32", "float16"):
        run(["cost", spec, "--json", "--dtype", dtype, "--by", "primitive"])
        both.append(json.loads(capsys.readouterr().out))
    for key in ("traffic_bytes", "peak_memory_bytes"):
        assert both[0][key] == 2 * both[1][key]
    assert both[0]["macs"] == both[1]["macs"]


def test_a_network_says_flops_and_macs_and_where_memory_peaks(capsys):
    assert run(["cost", str(SPECS / "fasterseg_student.arch")]) == 0
    text = capsys.readouterr().out
    assert "FLOPs = 2 × MACs" in text
    assert "peak memory" in text
    assert "receptive field" in text


def test_a_space_has_extremes_with_the_networks_that_reach_them(capsys):
    spec = str(SPECS / "space.arch")
    assert run(["cost", spec, "--json", "--samples", "2000"]) == 0
    found = json.loads(capsys.readouterr().out)
    space = archdsl.load(spec).space()
    for name in ("params", "macs"):
        prices = found[name]
        assert prices["least"]["value"] < prices["quantiles"]["0.5"] < prices["most"]["value"]
        assert prices["least"]["value"] < prices["expected"] < prices["most"]["value"]
        for which in ("least", "most"):
            extreme = prices[which]
            assert extreme["exact"]
            cost = network_cost(space.bind(extreme["decisions"]).graph)
            assert getattr(cost, name) == extreme["value"]


def test_the_text_of_a_space_has_a_histogram_and_means(capsys):
    assert run(["cost", str(SPECS / "gas.arch"), "--samples", "500"]) == 0
    text = capsys.readouterr().out
    assert "mean, uniform decisions" in text
    assert "MACs of 500 random networks" in text
    assert "####" in text


def test_the_space_of_a_network_is_the_one_it_was_found_in(tiny, capsys):
    assert run(["cost", tiny, "--space", "--json", "--samples", "100"]) == 0
    assert json.loads(capsys.readouterr().out)["space"] == "Tiny"
    assert run(["cost", tiny, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["network"] == "Found"


def test_a_network_from_no_space_has_no_space_to_price(capsys):
    assert run(["cost", str(SPECS / "fasterseg_student.arch"), "--space"]) == 2
    assert "does not belong to a space" in capsys.readouterr().err


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        assert not {"src", "onload"} & {name for name, _ in attrs}
        assert all(
            value.startswith("#") for name, value in attrs if name == "href"
        )  # parts of the page itself


@pytest.mark.parametrize(("spec", "words"), [("space", ["--samples", "300"]), ("fasterseg_student", [])])
def test_a_page_stands_alone_and_has_pictures(spec, words, tmp_path: Path):
    page = tmp_path / "report.html"
    assert run(["cost", str(SPECS / f"{spec}.arch"), *words, "-o", str(page)]) == 0
    tags = Tags()
    tags.feed(page.read_text(encoding="utf-8"))
    assert tags.seen.count("svg") == 3
    assert not {"script", "link", "img"} & set(tags.seen)


def test_what_a_space_is_too_entangled_for_is_said(tiny, capsys, monkeypatch):
    from archdsl.passes.analyses.closed_form import Limits, closed_form
    from archdsl.passes.costs import space_cost

    monkeypatch.setattr(space_cost, "closed_form", lambda graph: closed_form(graph, Limits(diagram_nodes=12)))
    assert run(["cost", tiny, "--name", "Tiny", "--samples", "20"]) == 0
    text = capsys.readouterr().out
    assert "No closed form" in text
    assert "found, no bound" in text
    assert "expected" not in text


@pytest.mark.slow
def test_the_extremes_found_are_no_worse_than_the_networks_sampled(tmp_path: Path, capsys, monkeypatch):
    from archdsl.passes.costs import space_cost

    monkeypatch.setattr(space_cost, "_MOST_BOUND", 2)
    monkeypatch.setattr(space_cost, "_LEAST_BOUND", 2)
    spec = tmp_path / "s.arch"
    spec.write_text("""arch 1
space S {
  input image: [3, 4, 4]
  x = image
  stage s for i in 1..30 { x = x -> conv(c = one of {1..100}, k = 1) }
  output y = x
}
""")
    monkeypatch.setattr(space_cost.SpaceCost, "tables", refused)
    assert run(["cost", str(spec), "--samples", "20", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for price in ("params", "macs"):
        quantiles = found[price]["quantiles"].values()
        assert found[price]["least"]["value"] <= min(quantiles)
        assert found[price]["most"]["value"] >= max(quantiles)


def refused(self: object, price: object):
    from archdsl.passes.analyses.closed_form import Entangled

    raise Entangled("no tables")
