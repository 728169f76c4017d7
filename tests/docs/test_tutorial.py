"""The tutorial: every command and every line of Python in it runs and prints what is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from literate import ROOT, Page, blocks

TUTORIAL = ROOT / "docs" / "tutorial.md"


@pytest.mark.slow
def test_the_tutorial_runs_and_shows_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = Page()
    for block in blocks(TUTORIAL):
        page.run(block)


def test_every_kind_of_block_in_the_tutorial_is_run() -> None:
    assert {b.language for b in blocks(TUTORIAL)} <= {"arch", "console", "python", "pycon"}
    assert [str(b) for b in blocks(TUTORIAL) if b.language == "arch" and b.file is None] == []
