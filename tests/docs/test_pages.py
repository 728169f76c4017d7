"""Pages about how archdsl is made: what they show is what happens, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from literate import ROOT, Page, blocks

import archdsl
from strangers import undone

DOCS = ROOT / "docs"
RUN = [
    DOCS / "architecture.md",
    DOCS / "lift.md",
    DOCS / "passes.md",
    DOCS / "python.md",
    DOCS / "trials.md",
    DOCS / "widen.md",
    DOCS / "zoo.md",
    *sorted((DOCS / "howto").glob("*.md")),
]
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#([^)]+))?\)")


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)
def test_what_a_page_shows_is_what_happens(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = Page()
    with undone():
        for block in blocks(path):
            page.run(block)


def test_the_example_on_the_first_page_is_accepted() -> None:
    (example,) = (block for block in blocks(DOCS / "index.md") if block.language == "arch")
    report = archdsl.load(ROOT / "specs" / "example.arch", text=example.text).check()
    assert (report.ok, report.diagnostics) == (True, ())


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda path: path.stem)
def test_links_of_a_page_lead_to_pages(path: Path) -> None:
    if "_build" in path.parts:
        pytest.skip("built")
    for target, heading in _LINK.findall(path.read_text("utf-8")):
        found = path.parent / target
        assert found.exists(), target
        if heading:
            assert heading in _headings(found), f"{target}#{heading}"


def _headings(page: Path) -> set[str]:
    """The anchors that headings of a page get."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
