"""Names of outputs, rows of found networks, and errors that lead to no others."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import archdsl
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir.text import dump, parse

SPACE = """\
arch 1

cell Edge(x) {
  return x -> one of {conv, dwconv}
}

space Rounds(; classes = 5) {
  input image: [8, 64, 128]
  x[0] = image
  stage body for i in 1..2 {
    x[i] = Edge(x[i - 1])
  }
  y = Edge(x[2])
  output logits = y -> one of {relu, relu6}
}
"""


def findings(text: str) -> list[Diagnostic]:
    try:
        return list(archdsl.load("example.arch", text=text).check().diagnostics)
    except SpecError as error:
        return list(error.diagnostics)


def codes(text: str) -> list[str]:
    return [d.code for d in findings(text)]


def network(body: str) -> str:
    return f"arch 1\n\nnetwork Net {{\n  input image: [3, 64, 128]\n{body}\n}}\n"


def test_a_network_written_in_full_keeps_the_names_of_its_outputs() -> None:
    text = network("  x = image -> conv\n  output logits = x -> relu\n  output relu6 = x")
    before = archdsl.load("example.arch", text=text).network()
    after = archdsl.load("example.arch", text=before.to_arch()).network()
    assert list(after.graph.outputs) == list(before.graph.outputs) == ["logits", "relu6"]
    assert list(after.graph.inputs) == ["image"]


def test_an_output_does_not_bear_the_name_of_an_input() -> None:
    assert codes(network("  output image = image -> relu")) == ["ARCH203"]


def test_choices_without_a_name_are_written_as_rows_that_read_back(tmp_path: Path) -> None:
    (tmp_path / "rounds.arch").write_text(SPACE, "utf-8")
    space = archdsl.load(tmp_path / "rounds.arch").space()
    chosen = space.sample(random.Random(0))
    assert {"body[1].1", "y.1", "logits.1"} <= set(chosen)
    text = space.bind(chosen).to_arch()
    again = archdsl.load(tmp_path / "found.arch", text=text).network()
    assert dict(again.chosen) == chosen


def test_a_setting_of_a_space_is_given_once() -> None:
    rows = "  body[1].1 = conv\n  body[2].1 = conv\n  y.1 = conv\n  logits.1 = relu\n"
    text = f"{SPACE}\nnetwork Found from Rounds(classes = 3, classes = 4) {{\n{rows}}}\n"
    assert codes(text) == ["ARCH204"]


def test_a_network_is_not_from_a_network_and_cannot_be_imported_as_a_space() -> None:
    text = network("  output y = image") + "\nnetwork Found from Net {\n}\n"
    (found,) = findings(text)
    assert (found.code, found.headline, found.help) == ("ARCH201", "`Net` is not a space", None)


def test_tying_a_name_whose_value_is_in_error_says_nothing_more() -> None:
    body = "  a = image -> conv(c = 8)\n  b = image -> convolution(c = 8)\n  tie a, b\n  output y = a + b"
    assert codes(network(body)) == ["ARCH201"]


def test_tying_a_name_that_nobody_assigned_is_an_error() -> None:
    body = "  a = image -> conv\n  tie a, image\n  output y = a"
    assert codes(network(body)) == ["ARCH220"]


LISTED = """arch 1

space Deep(; depths = [2, 3]) {
  input image: [3, 16, 16]
  x[1, 0] = image
  stage part for k in 1..2 {
    gate = one of {1..depths[k]}
    stage cells for i in 1..depths[k] {
      x[k, i] = x[k, i - 1] -> conv
    }
    x[k + 1, 0] = x[k, gate]
  }
  output y = x[3, 0]
}
"""


def test_a_list_is_set_from_outside_and_comes_back_in_the_text_of_a_network():
    program = archdsl.load("deep.arch", text=LISTED)
    for given in ((4, 1), [4, 1]):
        space = program.space(depths=given)
        assert {p: d.size for p, d in space.decisions.items()} == {"part[1].gate": 4}
        assert space.settings["depths"] == (4, 1)
        assert parse(dump(space.graph)) == space.graph
    text = space.bind({"part[1].gate": 3}).to_arch()
    assert "Deep(depths = [4, 1])" in text


def test_a_number_where_a_list_belongs_is_refused():
    with pytest.raises(SpecError) as error:
        archdsl.load("deep.arch", text=LISTED).space(depths=3)
    assert error.value.diagnostics[0].code == "ARCH208"


def test_an_entry_defined_again_in_a_later_round_is_told_to_have_the_round_in_its_subscript() -> None:
    (error,) = findings(network("  stage s for i in 1..2 { x[0] = image -> relu }\n  output y = x[0]"))
    assert error.code == "ARCH203"
    assert error.help is not None
    assert "all iterations share entries" in error.help


SEVERAL = """arch 1
space S {
  input image: [8, 16, 16]
  stage s for i in 1..3 { e[i, 1] = image -> conv(d = i) }
  p = any 2 of e[*, 1]
  q = any 2 of {a: image, b: image -> relu, c: image -> silu}
  output y = concat(p, q)
}
"""


@pytest.mark.parametrize(
    "rows", ['p = {"e[3, 1]", "e[1, 1]"}\nq = {c, b}', 'p = {"e[1, 1]", "e[3, 1]"}\nq = {b, c}']
)
def test_several_chosen_candidates_are_read_in_any_order_and_written_in_that_of_the_space(tmp_path, rows):
    (tmp_path / "s.arch").write_text(SEVERAL)
    (tmp_path / "n.arch").write_text(f'arch 1\nimport S from "./s.arch"\nnetwork N from S {{\n{rows}\n}}\n')
    found = archdsl.load(tmp_path / "n.arch").network()
    assert dict(found.chosen) == {"p": "{e[1, 1], e[3, 1]}", "q": "{b, c}"}
    assert "p = {e[1, 1], e[3, 1]}" in found.to_arch()
    bound = archdsl.bind(tmp_path / "s.arch", {"p": "{e[3, 1], e[1, 1]}", "q": "{c, b}"})
    assert bound.to_arch() == found.to_arch().replace("N from", "Found from")
