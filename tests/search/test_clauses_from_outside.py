"""Mistakes in `--minimize` and other clauses of the command line have their place there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archdsl
from archdsl import SpecError
from archdsl.cli import run
from archdsl.diagnostics import Diagnostic, Label, Location, Source
from archdsl.search.excerpts import Excerpt, Joined

SPACE = """arch 1

space Two(; wide = 8) {
  input image: [3, 16, 16]
  y = image -> one of {small: conv(c = 4, k = 1), large: conv(c = 4)}
  output logits = y -> conv(c = 2, k = 1)
}
"""
SEARCH = """
search Q for Two {
  strategy = random
  trials = 2
  minimize params
}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("before", ["", SEARCH])
@pytest.mark.parametrize(
    ("option", "text", "column", "code"),
    [
        ("minimize", "macz", 1, "ARCH601"),
        ("maximize", "macs + 3 * macz", 12, "ARCH601"),
        ("maximize", "miou", 1, "ARCH606"),
        ("minimize", "macs +", 7, "ARCH606"),
        ("minimize", "macs ! 3", 6, "ARCH606"),
        ("minimize", "", 1, "ARCH606"),
        ("minimize", "macs } search R for Two { minimize macs", 1, "ARCH606"),
        ("minimize", "3", 1, "ARCH604"),
        ("require", "params <= 2 fps", 1, "ARCH212"),
        ("require", "3", 1, "ARCH604"),
        ("strategy", "randon", 1, "ARCH601"),
        ("strategy", "evolution(populatoin = 3)", 11, "ARCH204"),
        ("evaluate", "costs(epochs = 1)", 7, "ARCH204"),
    ],
)
def test_a_mistake_in_a_clause_is_shown_in_the_clause(
    before: str, option: str, text: str, column: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("s.arch").write_text(SPACE + before)
    usual = {"strategy": "random", "evaluate": "costs", "minimize": "macs"}
    words = {**usual, option: text}
    if option == "maximize":
        del words["minimize"]
    line = [word for name, value in words.items() for word in (f"--{name}", value)]
    assert run(["search", "s.arch", *line, "--out", "run"]) == 1
    err = capsys.readouterr().err
    assert f"error[{code}]" in err
    assert f"--> <{option}>:1:{column}\n" in err
    assert f"1 | {text}".rstrip() in err
    assert not Path("run").exists()


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_mistake_in_the_file_is_shown_where_it_is_in_the_file(
    dry: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"{SPACE}{SEARCH.replace('trials = 2', 'trials = 0')}"
    Path("s.arch").write_text(text)
    assert run(["search", "s.arch", "--minimize", "macs", "--require", "macs <= 1M", *dry]) == 1
    line = text[: text.index("trials = 0")].count("\n") + 1
    assert re.search(rf"--> s\.arch:{line}:\d+\n", capsys.readouterr().err)


def test_a_mistake_in_an_argument_of_python_is_shown_in_the_argument() -> None:
    with pytest.raises(SpecError) as raised:
        archdsl.search(SPACE, strategy="random", evaluate="costs", minimize=["macs", "macs"], folder="run")
    (found,) = raised.value.diagnostics
    assert found.primary is not None
    assert str(found.primary.location) == "<minimize>:1:1"


TEXTS = st.lists(st.tuples(st.text("ab\n", max_size=5), st.booleans()), max_size=6)


@given(TEXTS, st.data())
def test_a_location_in_joined_excerpts_is_one_of_the_same_text(parts, data) -> None:
    joined = Joined(
        [
            Excerpt.of(Source(str(n), f"x\n{text}y"), 2, 2 + len(text)) if named else Excerpt(text)
            for n, (text, named) in enumerate(parts)
        ]
    )
    whole = Source("whole", joined.text)
    start = data.draw(st.integers(0, len(joined.text)))
    at = Location(whole, start, data.draw(st.integers(start, len(joined.text))))
    found = joined.relocated(Diagnostic("ARCH100", "", Label(at))).primary
    assert found is not None
    place = found.location
    shown = place.source.text[place.start : place.end]
    assert joined.text[at.start : at.end].startswith(shown)
    assert shown or at.start == at.end


def test_a_search_made_by_the_command_line_goes_on_by_the_command_that_it_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("s.arch").write_text(SPACE)
    clauses = ["--strategy", "random", "--evaluate", "costs", "--minimize", "macs", "--set", "trials=2"]
    assert run(["search", "s.arch", *clauses, "--out", "whole"]) == 0
    capsys.readouterr()
    assert run(["search", "--resume", "whole"]) == 2
    said = capsys.readouterr().err
    assert "archdsl search SPEC --resume whole; it was started by: archdsl" in said
    Path("cut").mkdir()
    shutil.copy("whole/manifest.json", "cut")
    lines = Path("whole/journal.jsonl").read_text().splitlines(keepends=True)
    Path("cut/journal.jsonl").write_text("".join(lines[:2]))
    assert run(["search", "s.arch", "--resume", "cut"]) == 0
    assert Path("cut/best.arch").read_text() == Path("whole/best.arch").read_text()


@pytest.mark.parametrize(
    ("setting", "instead"),
    [
        ("epochs=1", "--evaluate 'training(epochs = 1)'"),
        ("population=4", "--strategy 'evolution(population = 4)'"),
        ("evaluate=costs", "--evaluate 'costs'"),
    ],
)
def test_settings_of_an_evaluator_or_a_strategy_are_overridden_as_clauses(
    setting: str, instead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    clauses = "strategy = evolution\n  evaluate = training(epochs = 2)\n  trials = 1\n  maximize miou"
    search = f"search Q for Two {{\n  {clauses}\n}}\n"
    Path("s.arch").write_text(f"{SPACE}{search}")
    assert run(["search", "s.arch", "--set", setting, "--out", "run"]) == 1
    said = capsys.readouterr().err
    assert "error[ARCH606]" in said
    assert instead in said
    assert not Path("run").exists()
