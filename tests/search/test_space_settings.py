"""A search sets settings of its space; those from outside replace them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import archdsl
from archdsl import SpecError
from archdsl.cli import cli
from archdsl.resources import specs_folder
from archdsl.search.options import SearchOptions

SPACE = """arch 1

space S(; wide = 4, classes = 11) {
  input image: [3, 16, 32]
  y = image -> conv(c = wide) -> one of {a: conv(c = 8), b: conv(c = 8, k = 1)}
  output logits = y -> conv(c = classes, k = 1)
}
"""


def text(clause: str) -> str:
    return f"{SPACE}\nsearch Q for S {{\n  {clause}\n  strategy = random\n  trials = 2\n  minimize macs\n}}\n"


def test_a_search_sets_a_setting_of_its_space_and_the_network_found_has_it(tmp_path: Path) -> None:
    assert archdsl.check(text("wide = 6")).diagnostics == ()
    found = archdsl.search(text("wide = 6"), folder=tmp_path / "run")
    assert found.network.graph.settings["wide"] == 6
    assert "from S(wide = 6)" in (tmp_path / "run" / "best.arch").read_text()
    other = archdsl.search(text("wide = 6"), folder=tmp_path / "other", settings={"wide": 5})
    assert other.network.graph.settings["wide"] == 5


@pytest.mark.parametrize(
    ("clause", "code"),
    [("wide = macs", "ARCH604"), ("wide = 6\n  wide = 5", "ARCH603"), ('wide = "x"', "ARCH208")],
)
def test_values_that_a_setting_cannot_have_are_errors(clause: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as found:
        archdsl.search(text(clause), folder=tmp_path / "run")
    assert found.value.diagnostics[0].code == code


def test_the_search_of_the_template_space_has_the_size_of_the_paper() -> None:
    program = archdsl.load(specs_folder() / "template.arch")
    assert SearchOptions().split(program).of_space == {"separable_repeats": 1, "head": 48}


SUM = """arch 1

space S(; wide = 8, classes = 11) {
  input image: [3, 32, 32]
  y = image -> conv(c = 8) -> one of {a: conv(c = 8), b: conv(c = wide, k = 1)}
  output logits = (y + (image -> conv(c = 8))) -> conv(c = classes, k = 1)
}
"""


@pytest.mark.parametrize("wide", [6, 0])
def test_check_proves_a_space_as_its_search_sets_it(wide: int, tmp_path: Path) -> None:
    clauses = f"wide = {wide}\n  strategy = random\n  trials = 3\n  evaluate = costs\n  minimize macs"
    (tmp_path / "s.arch").write_text(f"{SUM}\nsearch Q for S {{\n  {clauses}\n}}\n")
    result = CliRunner().invoke(cli, ["check", str(tmp_path / "s.arch")])
    assert result.exit_code == 1
    assert "S as `Q` sets it" in result.output
    assert "y.1 = b" in result.output


COSTS = """
search Q for S {
  strategy = random
  trials = 3
  evaluate = costs
  minimize macs
}
"""


@pytest.mark.parametrize(
    ("clauses", "words"),
    [
        (COSTS, ["--set", "wide=6"]),
        (COSTS, ["--set", "wide=6", "--seeds", "2"]),
        (COSTS, ["--set", "wide=6", "--dry-run"]),
        (COSTS.replace("strategy", "wide = 6\n  strategy"), []),
        ("", ["--set", "wide=6", "--strategy", "random", "--evaluate", "costs", "--minimize", "macs"]),
        (
            COSTS.replace("random", "differentiable(epochs = 1)").replace(
                "  trials = 3\n  evaluate = costs\n  minimize macs",
                "  data = synthetic(images = 2, batch = 2)\n  minimize cross_entropy",
            ),
            ["--set", "wide=6"],
        ),
    ],
)
def test_a_search_proves_its_space_under_its_settings_before_it_makes_its_folder(
    clauses: str, words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "s.arch").write_text(SUM + clauses)
    result = CliRunner().invoke(
        cli, ["search", str(tmp_path / "s.arch"), "--out", str(tmp_path / "run"), *words]
    )
    assert result.exit_code == 1
    assert "ARCH301" in result.output
    assert "S with wide = 6: add: channels differ" in result.output
    assert "writing to" not in result.output
    assert not (tmp_path / "run").exists()


def test_networks_that_are_ill_typed_after_passes_are_failed_trials_also_where_only_costs_are_compared(
    tmp_path: Path,
) -> None:
    two = SUM.replace("y = image -> conv(c = 8)", "y = image -> one of {conv(c = 8), conv(c = 4)}")
    found = archdsl.search(
        two + COSTS, settings={"wide": 6}, passes="prune(y.1 = conv_c8)", folder=tmp_path / "run"
    )
    assert found.network.chosen == {"y.1": "conv_c8", "y.2": "a"}
    (failed,) = [trial for trial in found.trials if trial.failure is not None]
    assert failed.failure[1].startswith("ARCH301")


def test_passes_that_leave_only_well_typed_networks_make_a_space_searchable(tmp_path: Path) -> None:
    two = SUM.replace("y = image -> conv(c = 8)", "y = image -> one of {conv(c = 8), conv(c = 4)}")
    with pytest.raises(SpecError):
        archdsl.search(two + COSTS, settings={"wide": 6}, folder=tmp_path / "run")
    found = archdsl.search(
        two + COSTS, settings={"wide": 6}, passes="prune(y.2 = a)", folder=tmp_path / "run"
    )
    assert not [trial for trial in found.trials if trial.failure is not None]
