"""The README: its examples run and print what is shown, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from literate import ROOT, Page, blocks

README = ROOT / "README.md"
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)|src=\"([^\"]+)\"")


@pytest.mark.slow
def test_the_readme_runs_and_shows_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = Page()
    for block in blocks(README):
        page.run(block)
        if block.file == "tiny.arch":
            widened = block.text.replace("dil4: sep_conv(d = 4)", "wide: sep_conv(c = 32)")
            Path("wrong.arch").write_text(widened, "utf-8")


def test_the_links_of_the_readme_lead_to_files() -> None:
    linked = [one or other for one, other in LINK.findall(README.read_text("utf-8"))]
    assert linked
    assert [name for name in linked if not (ROOT / name).exists()] == []
