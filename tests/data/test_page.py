"""The page about data says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import archdsl
from archdsl.data.settings import KINDS
from archdsl.spec.search import VOCABULARY

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "data.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_python_on_the_page_prints_what_it_says(capsys):
    exec(block("python"), {})
    assert f"```text\n{capsys.readouterr().out}```" in TEXT


def test_the_spec_on_the_page_is_accepted():
    archdsl.load(ROOT / "specs" / "example.arch", text=block("arch")).check()


def test_every_setting_that_a_search_may_give_is_on_the_page():
    table = TEXT.partition("## Settings")[2].partition("## Batches")[0]
    rows = [row.split("|")[1] for row in table.split("\n") if "|" in row]
    listed = set(re.findall(r"`(\w+)`", "".join(rows)))
    assert listed == {setting for kind in KINDS for setting in VOCABULARY[kind] or ()}
