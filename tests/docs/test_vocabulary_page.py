"""The reference of what searches can name is made from the registry of words."""

from pathlib import Path

from archdsl.cli.vocabulary import reference

PAGE = Path(__file__).resolve().parents[2] / "docs" / "vocabulary.md"


def test_the_page_is_that_of_the_registry():
    # When this fails: python -m archdsl.cli.vocabulary > docs/vocabulary.md
    assert PAGE.read_text(encoding="utf-8") == reference()
