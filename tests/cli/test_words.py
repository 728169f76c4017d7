"""What the words of a command line mean: verbs, settings, specs."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from archdsl.cli import cli, opening, run
from archdsl.cli.set_option import SetCommand, set_option, spread
from archdsl.report.numbers import digits, large, plural, setting
from archdsl.resources import specs_folder
from archdsl.spec.from_text import parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("11", 11),
        ("-3", -3),
        ("0.25", 0.25),
        ("1e-3", 1e-3),
        ("true", True),
        ("false", False),
        ("3x360x480", (3, 360, 480)),
        ("bilinear", "bilinear"),
        ("3x", "3x"),
        ("nan", "nan"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_setting_is_a_number_a_truth_value_a_shape_or_a_word(text: str, value: object):
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("--set a=1 b=2 s.arch", "--set a=1 --set b=2 s.arch"),
        ("--set a=1 --set b=2", "--set a=1 --set b=2"),
        ("--set=a=1 b=2 --json", "--set=a=1 --set b=2 --json"),
        ("x=1.arch --set a=1", "x=1.arch --set a=1"),
        ("--set a=1 s.arch x=1.arch", "--set a=1 s.arch x=1.arch"),
        ("--set a=1 -- x=1.arch", "--set a=1 -- x=1.arch"),
        ("--set", "--set"),
        ("--set s.arch", "--set s.arch"),
    ],
)
def test_one_set_takes_every_setting_that_follows(words: str, meant: str):
    assert spread(words.split()) == meant.split()


@click.command(cls=SetCommand)
@click.argument("spec")
@set_option
def show(spec: str, settings: dict[str, object]) -> None:
    click.echo(f"{spec} {settings}")


def test_settings_may_stand_before_or_after_the_spec():
    for words in (["s.arch", "--set", "a=1", "b=2x3"], ["--set", "a=1", "b=2x3", "s.arch"]):
        assert CliRunner().invoke(show, words).output == "s.arch {'a': 1, 'b': (2, 3)}\n"


@pytest.mark.parametrize("words", ["--set a", "--set a=", "--set 1a=2", "--set a=1 a=2", "--set name=x"])
def test_what_is_not_a_setting_is_a_mistake_in_the_usage(words: str):
    assert CliRunner().invoke(show, ["s.arch", *words.split()]).exit_code == 2


def test_an_unknown_verb_is_answered_with_the_one_that_was_meant():
    result = CliRunner().invoke(cli, ["chekc"])
    assert result.exit_code == 2
    assert "did you mean `check`?" in result.stderr


@pytest.mark.parametrize("verb", list(cli.lazy_commands))
def test_every_verb_has_a_help_text_with_examples(verb: str):
    result = CliRunner().invoke(cli, [verb, "--help"])
    assert result.exit_code == 0
    assert f"  archdsl {verb} " in result.output
    assert verb in CliRunner().invoke(cli, ["--help"]).output


@pytest.mark.parametrize("spec", ["gas", "gas.arch", "specs/gas.arch", "std/ops.arch"])
def test_a_spec_that_ships_is_found_anywhere_and_said_so(spec, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = opening.find(spec)
    assert found.parent in (specs_folder(), specs_folder() / "std")
    assert str(found) in capsys.readouterr().err


def test_a_file_of_ones_own_comes_before_the_one_that_ships(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("specs").mkdir()
    Path("specs/gas.arch").write_text("arch 1\n")
    assert opening.find("specs/gas.arch") == Path("specs/gas.arch")


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("autortnet_aa", "`autortnet_a`"),
        ("mime.arch", "mine.arch"),
        ("/etc/none", ""),
        ("../gas.arch", "gas"),
    ],
)
def test_a_missing_spec_is_answered_with_what_was_meant(spec, hint, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.arch").write_text("arch 1\n")
    with pytest.raises(click.UsageError) as caught:
        opening.find(spec)
    assert f"file not found: {spec}" in caught.value.message
    assert hint in caught.value.message


def test_a_folder_stands_for_every_spec_in_it(tmp_path: Path):
    for name in ("b.arch", "a.arch", "sub/c.arch", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("arch 1\n")
    found = opening.find_all([str(tmp_path), "-"])
    assert found == [tmp_path / "a.arch", tmp_path / "b.arch", tmp_path / "sub/c.arch", None]


def test_a_folder_without_specs_is_a_mistake_in_the_usage(tmp_path: Path):
    with pytest.raises(click.UsageError, match=r"no \.arch file"):
        opening.find_all([str(tmp_path)])


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (3120, "3,120"),
        (999_999_999, "999,999,999"),
        (1_000_000_000, "1.00e9"),
        (174 * 10**21, "1.74e23"),
        (9_999_999_999, "1.00e10"),
        (10**400, "1.00e400"),
    ],
)
def test_counts_are_exact_while_short_and_rounded_when_long(number: int, text: str):
    assert large(number) == text


def test_programs_get_all_digits_of_a_count_unless_there_are_thousands():
    assert digits(10**400 + 1) == str(10**400 + 1)
    assert digits(10**5000) == "1.00e5000"


def test_a_setting_is_printed_as_it_is_typed():
    assert [setting(v) for v in (True, (3, 4), 1.5, "near")] == ["true", "3x4", "1.5", "near"]
    assert (plural(1, "layer"), plural(2000, "layer")) == ("1 layer", "2,000 layers")


@pytest.mark.parametrize(
    ("option", "meant"), [("--dynamic", ""), ("--train-output", "Did you mean '--train-outputs'?")]
)
def test_an_unknown_option_is_answered_by_what_it_misspells(option, meant, capsys):
    assert run(["compile", "x.arch", option]) == 2
    told = capsys.readouterr().err
    assert f"No such option '{option}'." in told
    assert meant in told
    assert bool(meant) == ("Did you mean" in told)
