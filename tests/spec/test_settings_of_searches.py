"""Settings of searches: read from the text, set from outside, refused where they cannot be."""

from pathlib import Path

import pytest

import archdsl
from archdsl.diagnostics import SpecError
from archdsl.spec.search_values import Formula, SearchSpec
from archdsl.spec.units import Quantity

SPACE = """arch 1

space Small(; width = 4) {
  input image: [3, 8, 8]
  k = one of {1, 3}
  output y = image -> conv(c = width, k = k)
}
"""


def program(search: str) -> archdsl.Program:
    return archdsl.load("small.arch", text=SPACE + search)


def weighted(**given: object) -> SearchSpec:
    text = "search Quick(; weight = 0.1, rounds: int = 4, limit = 9 ms) for Small {\n  epochs = rounds\n"
    text += "  minimize cross_entropy + weight * log(macs)\n  require latency < limit\n}\n"
    return program(text).search(**given)


def parts(spec: SearchSpec) -> tuple[object, object, object]:
    """Epochs, the weight of the cost, the limit of latency."""
    goal = spec.clauses.objectives[0].value
    (limit,) = spec.clauses.requirements
    assert isinstance(goal, Formula)
    assert isinstance(goal.args[1], Formula)
    assert isinstance(limit, Formula)
    return spec.clauses.settings["epochs"], goal.args[1].args[0], limit.args[1]


def refused(search: str, **given: object) -> tuple[str, str]:
    with pytest.raises(SpecError) as caught:
        program(search).search(**given)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic.code, diagnostic.headline


def test_clauses_read_the_defaults_of_settings():
    assert parts(weighted()) == (4, 0.1, Quantity(9, "time", "9 ms"))


def test_settings_are_set_from_outside():
    assert parts(weighted(weight=1, rounds=2, limit="7ms")) == (2, 1, Quantity(7, "time", "7 ms"))


def test_a_later_setting_reads_an_earlier_one():
    text = "search Q(; rounds = 3, twice = 2 * rounds) for Small {\n  epochs = twice\n  minimize macs\n}\n"
    assert program(text).search().clauses.settings == {"epochs": 6}
    assert program(text).search(rounds=5).clauses.settings == {"epochs": 10}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"weight": "much"}, ("ARCH208", "`weight` must be a number, got much")),
        ({"rounds": 1.5}, ("ARCH208", "`rounds` must be an integer, got 1.5")),
        ({"limit": 9}, ("ARCH208", "`limit` must be a number with its unit, got 9")),
        ({"limit": "9fps"}, ("ARCH208", "`limit` must be a number with its unit, got 9fps")),
        ({"wieght": 1}, ("ARCH204", "search `Quick` has no setting `wieght`")),
    ],
)
def test_a_value_of_another_kind_is_refused(given: dict[str, object], said: tuple[str, str]):
    with pytest.raises(SpecError) as caught:
        weighted(**given)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.headline) == said


def test_a_setting_needs_a_value():
    assert refused("search Q(; weight: float) for Small {\n  minimize weight * macs\n}\n")[0] == "ARCH205"


def test_a_setting_may_not_be_named_as_a_part_of_the_space_or_a_word_of_searches():
    for name in ("width", "k", "macs"):
        assert refused(f"search Q(; {name} = 1) for Small {{\n  minimize macs\n}}\n")[0] == "ARCH203"


def test_a_search_takes_no_tensors():
    assert refused("search Q(x) for Small {\n  minimize macs\n}\n")[0] == "ARCH604"


def test_the_same_words_set_the_space_and_the_search():
    text = "search Q(; weight = 0.1) for Small {\n  minimize weight * macs\n}\n"
    assert program(text).search_settings() == ({"width", "image"}, {"weight"})


def test_constants_may_be_imported(tmp_path: Path):
    (tmp_path / "rates.arch").write_text("arch 1\n\nRATE = 2 * 0.25\nALL = RATE\n")
    text = SPACE.replace("arch 1\n", 'arch 1\n\nimport ALL from "./rates.arch"\n')
    text += "search Q for Small {\n  minimize ALL * macs\n}\n"
    (tmp_path / "small.arch").write_text(text)
    found = archdsl.load(tmp_path / "small.arch")
    assert [d.code for d in found.check().diagnostics] == []
    goal = found.search().clauses.objectives[0].value
    assert isinstance(goal, Formula)
    assert goal.args[0] == 0.5


def test_constants_that_are_defined_by_themselves_are_said():
    text = SPACE.replace("arch 1\n", "arch 1\n\nA = B\nB = A\n")
    with pytest.raises(SpecError) as caught:
        archdsl.load("s.arch", text=text + "search Q for Small {\n  minimize A * macs\n}\n").search()
    assert [d.code for d in caught.value.diagnostics] == ["ARCH210"]


def test_arithmetic_of_numbers_is_done():
    text = "search Q(; rounds = 3) for Small {\n  epochs = 8 / 2 + rounds * 2\n  batch = -1 + 9\n"
    text += "  minimize macs\n}\n"
    settings = program(text).search(rounds=5).clauses.settings
    assert settings == {"epochs": 14, "batch": 8}


def test_numbers_that_cannot_be_are_refused():
    assert refused("search Q for Small {\n  epochs = 8 / 0\n  minimize macs\n}\n")[0] == "ARCH211"
    assert (
        refused("search Q for Small {\n  data = synthetic(batch = 2 - 4)\n  minimize macs\n}\n")[0]
        == "ARCH208"
    )


@pytest.mark.parametrize(
    "header", ["search Q(; a = 1, a = 2) for Small", "cell C(x, x)", "op f(x; k = 1, k = 2)"]
)
def test_what_is_taken_twice_is_found(header: str):
    body = {"s": "minimize macs", "c": "return x", "o": "return x -> relu"}[header[0]]
    found = program(f"{header} {{\n  {body}\n}}\n").check().diagnostics
    assert [d.code for d in found] == ["ARCH203"]
