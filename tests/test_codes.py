"""Every diagnostic code is known, used, and has a page whose examples are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import archdsl
from archdsl.codes import CODES, index, page
from archdsl.diagnostics import SpecError

ROOT = Path(__file__).resolve().parent.parent
CODE = re.compile(r"\bARCH\d{3}\b")
ARCH_BLOCK = re.compile(r"^```arch\n(.*?)^```$", re.MULTILINE | re.DOTALL)

NOT_FROM_ONE_TEXT: dict[str, str] = {
    "ARCH001": "about a file that cannot be read",
    "ARCH002": "about bytes that are no text",
    "ARCH012": "takes two files",
    "ARCH226": "a check makes no module",
    "ARCH414": "found by the command, which knows what a search needs",
    "ARCH415": "found by the command, which knows what a search runs",
    "ARCH416": "a check draws no networks",
    "ARCH417": "about a pass, not a spec",
    "ARCH419": "found by the command, which knows what a search needs",
    "ARCH506": "about the passes of a command",
    "ARCH507": "about the passes of a command",
    "ARCH508": "about the passes of a command",
    "ARCH509": "about the passes of a command",
    "ARCH701": "takes 5 MB",
    "ARCH704": "takes a hundred files",
    "ARCH705": "takes twenty files",
    "ARCH706": "takes a million words",
    "ARCH710": "takes seconds",
    "ARCH711": "takes seconds",
    "ARCH715": "about a file that is no spec",
    "ARCH716": "what the machine has decides, not the spec",
    "ARCH717": "limits of the language are met before",
    "ARCH718": "takes more than a check",
    "ARCH719": "takes a full disk",
    "ARCH801": "a check makes no module",
    "ARCH606": "found when a search starts",
    "ARCH802": "a check makes no module",
    "ARCH810": "a check makes no module",
    "ARCH811": "about a call from Python",
    "ARCH812": "found when a search starts; `check` notes it as ARCH415",
    "ARCH815": "found when a search starts; `check` notes it as ARCH415",
    "ARCH816": "found when a search starts; `check` notes it as ARCH415",
    "ARCH817": "found when a training starts",
    "ARCH818": "a check makes no module",
    "ARCH820": "about the file of a latency table",
    "ARCH821": "about the file of a latency table",
    "ARCH822": "about the file of a latency table",
    "ARCH823": "what is installed decides, not the spec",
    "ARCH830": "about a Python model",
    "ARCH831": "about a Python model",
    "ARCH832": "about a Python model",
    "ARCH833": "about a Python model",
    "ARCH834": "about a command line",
    "ARCH835": "what is installed decides, not the spec",
    "ARCH837": "a check opens no data",
    "ARCH838": "a check opens no data",
    "ARCH862": "a primitive that another package adds, not a spec",
    "ARCH863": "about packages that are installed",
    "ARCH864": "about packages that are installed",
    "ARCH865": "about packages that are installed",
    "ARCH866": "about a project's pyproject.toml",
    "ARCH867": "about the folder of a run",
    "ARCH418": "about a network and a search",
    "ARCH868": "about a folder of a run",
    "ARCH869": "about folders of runs",
    "ARCH950": "about a call from Python",
    "ARCH951": "about a call from Python",
    "ARCH956": "about processes of a search",
    "ARCH957": "what is installed decides, not the spec",
    "ARCH958": "about a command line",
    "ARCH959": "about the folder of a run",
    "ARCH824": "about the file of a latency table",
    "ARCH825": "takes timing",
    "ARCH826": "takes timing",
    "ARCH827": "found when a search starts",
    "ARCH828": "found when a search starts",
    "ARCH829": "found when a training or a search starts",
    "ARCH850": "the text form of a graph is no spec",
    "ARCH851": "the text form of a graph is no spec",
    "ARCH860": "what is installed decides, not the spec",
    "ARCH861": "Graphviz and time decide, not the spec",
    "ARCH900": "about the files of a dataset",
    "ARCH901": "about the files of a dataset",
    "ARCH902": "about the files of a dataset",
    "ARCH903": "about the files of a dataset",
    "ARCH904": "about the files of a dataset",
    "ARCH905": "about the files of a dataset",
    "ARCH906": "found when a search opens its data",
    "ARCH907": "about the files of a dataset",
    "ARCH908": "about a network and a dataset",
    "ARCH909": "about the files of a dataset",
    "ARCH910": "about a file of a run",
    "ARCH911": "about a folder of a run",
    "ARCH912": "about a folder of a run",
    "ARCH913": "about a file of weights",
    "ARCH914": "about a file of weights",
    "ARCH915": "takes training",
    "ARCH916": "takes training",
    "ARCH917": "takes a full disk",
    "ARCH918": "a check opens no data",
    "ARCH919": "about a folder of a run",
    "ARCH920": "what the machine has decides, not the spec",
    "ARCH930": "about the files of a command",
    "ARCH931": "about the files of a command",
    "ARCH932": "about the files of a command",
    "ARCH933": "about a folder of a run",
    "ARCH934": "about a file of weights",
    "ARCH935": "found when a training or a search starts",
    "ARCH936": "about the files of a dataset",
    "ARCH937": "about the files of a dataset",
    "ARCH939": "a check opens no data",
    "ARCH938": "about the files of a dataset",
    "ARCH940": "about the files of a dataset",
    "ARCH941": "about the files of a dataset",
    "ARCH942": "about a network and a dataset",
    "ARCH943": "about the files of a dataset",
    "ARCH944": "about the words of a command",
    "ARCH945": "about the files of a dataset",
    "ARCH946": "about a file of weights and a dataset",
    "ARCH952": "the command line decides, not the spec",
}
"""Codes that the text of one spec cannot produce, and why; their pages show commands or files instead."""


def used() -> set[str]:
    sources = (ROOT / "archdsl").rglob("*.py")
    return {
        code for path in sources if path.name != "codes.py" for code in CODE.findall(path.read_text("utf-8"))
    }


def examples(code: str) -> list[str]:
    return ARCH_BLOCK.findall(page(code).read_text("utf-8"))


def found_in(text: str) -> dict[str, str]:
    """The codes that a spec's text produces, and how severe they are."""
    try:
        diagnostics = archdsl.load(ROOT / "specs" / "example.arch", text=text).check().diagnostics
    except SpecError as error:
        diagnostics = error.diagnostics
    return {d.code: d.severity for d in diagnostics}


def test_every_code_in_the_sources_is_listed_and_every_listed_code_is_used():
    assert used() == set(CODES)


def test_the_table_of_codes_is_sorted_and_its_titles_are_phrases():
    assert list(CODES) == sorted(CODES)
    assert [c for c, title in CODES.items() if title.endswith(".") or "\n" in title] == []


def test_the_list_of_codes_in_the_documentation_is_up_to_date():
    written = (ROOT / "docs" / "errors" / "index.md").read_text("utf-8")
    assert written == index(), (
        "python -c 'from archdsl.codes import index; print(index(), end=\"\")' > docs/errors/index.md"
    )


def test_there_is_no_page_without_a_code():
    pages = {path.stem for path in (ROOT / "docs" / "errors").glob("ARCH*.md")}
    assert pages == set(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_page_of_a_code_is_headed_by_its_title(code: str):
    assert page(code).read_text("utf-8").startswith(f"# {code}: {CODES[code]}\n")


@pytest.mark.parametrize("code", sorted(set(CODES) - set(NOT_FROM_ONE_TEXT)))
def test_the_first_example_of_a_page_produces_its_code(code: str):
    assert code in found_in(examples(code)[0])


@pytest.mark.parametrize("code", sorted(set(CODES) - set(NOT_FROM_ONE_TEXT)))
def test_the_last_example_of_a_page_is_accepted(code: str):
    shown = examples(code)
    assert len(shown) >= 2
    found = found_in(shown[-1])
    assert code not in found
    assert "error" not in found.values()


def test_codes_that_one_text_cannot_produce_exist_and_say_why():
    assert set(NOT_FROM_ONE_TEXT) <= set(CODES)
    assert all(NOT_FROM_ONE_TEXT.values())
