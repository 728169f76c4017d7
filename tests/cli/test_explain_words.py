"""`archdsl explain` of words, and lists of what exists."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from archdsl import ops
from archdsl.cli import cli
from archdsl.cli.words import LISTS
from archdsl.configs.words import GROUPS


def explain(*words: str):
    return CliRunner().invoke(cli, ["explain", *words])


def test_every_primitive_is_listed_and_has_a_page_with_each_of_its_settings():
    listed = explain("--primitives").output
    for primitive in ops.PRIMITIVES:
        assert f"{primitive.name}(" in listed
        page = explain(primitive.name).output
        assert page.startswith(f"primitive {primitive.name}(")
        rows = [line.split()[0] for line in page.splitlines() if line.strip()]
        assert {s.name for s in primitive.settings} | set(primitive.tensor_settings) <= set(rows)


def test_a_page_of_a_primitive_tells_what_it_costs():
    assert "16 × 64 × 128, 2,304 parameters, 18,874,368 MACs" in explain("conv").output


@pytest.mark.parametrize("kind", [kind for kind in LISTS if kind != "plugins"])
def test_every_list_is_printed_as_text_and_as_json(kind):
    entries = json.loads(explain(f"--{kind}", "--json").output)["entries"]
    assert entries
    text = explain(f"--{kind}").output
    assert all(entry["name"] in text and entry["summary"] in text for entry in entries)


@pytest.mark.parametrize("group", GROUPS)
def test_every_word_of_searches_has_a_page_with_its_settings(group):
    for name, word in GROUPS[group].items():
        page = explain(name).output
        assert f"among the {group}" in page
        assert all(setting in page for setting in word.settings or ())
        assert ("not run yet" in page.splitlines()[0]) == (not word.run)  # settings have marks of their own


def test_an_op_of_the_library_is_printed_as_it_is_written_with_its_import():
    page = explain("sep_conv").output
    assert page.startswith('import sep_conv from "std/ops.arch"\n\nop sep_conv(x; ')


def test_a_verb_is_explained_by_all_of_its_options():
    assert explain("train").output.startswith("Usage: ")
    assert "--evaluate-every" in explain("train").output


def test_a_word_that_is_misspelled_is_guessed_and_a_spec_that_ships_is_no_word():
    assert "did you mean sep_conv?" in explain("sep_convs").output
    assert "space GAS" in explain("gas").output
