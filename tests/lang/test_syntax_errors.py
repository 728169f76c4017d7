"""What is said of texts that are no specs."""

from __future__ import annotations

import pytest

from spec_texts import finding, findings, underlined

IN_SPACE = [
    ("y = x -> f + x -> g", "ARCH105", "+", "(x -> f) + (y -> g)"),
    ("y = x -> f if a else g", "ARCH105", "if", "(x -> f)"),
    ("y = a if b else x -> f", "ARCH105", "->", "a if c else (b -> f)"),
    ("y = one of 1..4", "ARCH106", "1", "one of {1..4}"),
    ("y = one of [a, b]", "ARCH106", "[a, b]", "braces"),
    ("y = once 3", "ARCH106", "3", "once Node"),
    ("y = f(k = 3, x)", "ARCH110", "x", "f(x, k = 3)"),
    ("y = f(k: 3)", "ARCH109", ":", "`=`"),
    ("y = {a = f}", "ARCH109", "=", "colon"),
    ("require a = 3", "ARCH109", "=", "`==`"),
    ("y == 3", "ARCH109", "==", "`=`"),
    ("y = a < b < c", "ARCH111", "<", "a < b and b < c"),
    ("y = a .. b .. c", "ARCH111", "..", "low .. high"),
    ("y = a if b", "ARCH111", "if", "else"),
    ("y = a else b", "ARCH111", "else", "a if condition else b"),
    ("y = a step 2", "ARCH111", "step", "low .. high"),
    ("y = a + not b", "ARCH111", "not", "(not a)"),
    ("y = x -> not f", "ARCH111", "not", "(not a)"),
    ("y = .5", "ARCH112", ".5", "0.5"),
    ("y = 1.", "ARCH112", ".", "1.0"),
    ("y = (a, b)", "ARCH113", "b", "[a, b]"),
    ("y = (a, k = 3)", "ARCH113", "a", "[a, b]"),
    ("y = (f(a) = 3)", "ARCH113", "f(a)", "n1.1"),
    ("y = f(n1.1 = 3)", "ARCH113", "n1.1", "f(k = 3)"),
    ('y = "a', "ARCH102", '"a', "\\n"),
    ('y = "a\\q"', "ARCH103", "\\q", "backslash"),
    ("y = 'a'", "ARCH101", "'", "double"),
    ("y = a → f", "ARCH101", "→", "->"),
    ("y = x. c", "ARCH101", ".", "x.c"),
    ("y = a // the sum of", "ARCH100", "sum", "#"),
    ("y = several of {a, b}", "ARCH100", "of", "some of"),
    ("y = a not in b", "ARCH100", "not", "not a in b"),
    ("y += 3", "ARCH100", "+", "x = x + y"),
    ("input = 3", "ARCH107", "input", "input_1"),
    ("y = output", "ARCH107", "output", "output_1"),
    ("y = f(step = 3)", "ARCH107", "step", "step_1"),
    ("y = 1234567890123456789", "ARCH703", "1234567890123456789", ""),
    ("y = 1.5e999", "ARCH703", "1.5e999", ""),
    ("y = 1.1e18", "ARCH703", "1.1e18", ""),
]


@pytest.mark.parametrize(("text", "code", "place", "help_line"), IN_SPACE)
def test_a_known_mistake_is_named_where_it_is_with_what_to_write_instead(text, code, place, help_line):
    found = finding(f"space S {{\n  {text}\n}}")
    assert (found.code, underlined(found)) == (code, place)
    assert help_line in (found.help or "")


@pytest.mark.parametrize(
    ("text", "place", "guess"),
    [
        ("y = 9 parsecs", "parsecs", None),
        ("y = f(k = 9 sec)", "sec", "s"),
        ("y = 2 Ms", "Ms", "ms"),
        ("y = 512 mib", "mib", "MiB"),
        ("require a <= 48 hours\n  z = 3", "hours", "h"),
        ("y = 3x + 2", "x", None),
    ],
)
def test_an_unknown_unit_is_named_with_the_one_that_was_meant(text: str, place: str, guess: str | None):
    found = finding(f"space S {{\n  {text}\n}}")
    assert (found.code, underlined(found)) == ("ARCH104", place)
    assert found.primary.text == (f"did you mean `{guess}`?" if guess else "")
    assert "fps" in (found.help or "")


def test_an_unknown_unit_before_a_group_is_no_group():
    found = finding("search S for T {\n  budget = 48 hours\n  teacher {}\n}")
    assert (found.code, underlined(found)) == ("ARCH104", "hours")


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("y = [1 2]", "2", "expected an operator, `,` or `]`"),
        ("y = [1, , 2]", ",", "expected a value or `]`"),
        ("y = f(a b)", "b", "expected an operator, `)`, `,` or `=`"),
        ("y = a b", "b", "expected an operator or a new line"),
        ("stage 3 {}", "3", "expected a name"),
        ("y z = 3", "z", "expected `=`"),
        ("y =\n  z = 3", "z", "expected a value before this line"),
        ("output y", "}", "expected `=`"),
        ("y = ()", ")", "expected a value"),
    ],
)
def test_anything_else_says_what_could_have_come(text: str, place: str, expected: str):
    found = finding(f"space S {{\n  {text}\n}}")
    assert found.code == "ARCH100"
    assert underlined(found) == place
    assert found.primary.text == expected


@pytest.mark.parametrize(
    ("text", "place", "opened"),
    [
        ("space S {\n  y = f(a]\n}", "]", "("),
        ("space S {\n  y = {a, [b}\n}", "}", "["),
        ("space S {\n  y = f(a,\n  output z = y\n}", "output", "("),
        ("space S {\n  y = a\nspace T {}", "space", "{"),
        ("space S {\n  y = a", "", "{"),
    ],
)
def test_an_open_bracket_is_shown_where_it_should_close_and_where_it_opened(
    text: str, place: str, opened: str
):
    found = findings(f"arch 1\n{text}")[0]
    assert (found.code, underlined(found)) == ("ARCH108", place)
    (label,) = found.secondary
    assert (label.text, found.headline) == ("opened here", f"`{opened}` is not closed")
    assert label.location.source.text[label.location.start] == opened


def test_a_closing_bracket_too_many_is_named():
    found = finding("}\nx = 3")
    assert (found.code, found.primary.text) == ("ARCH108", "unmatched closing bracket")


def test_a_missing_comma_points_at_the_bracket_too():
    found = finding("x = f(\n  k = 3\n  s = 2\n)")
    assert (found.code, underlined(found)) == ("ARCH100", "s")
    assert [label.text for label in found.secondary] == ["opened here"]


def test_a_setting_among_the_inputs_of_a_declaration_misses_its_semicolon():
    found = finding("op f(x, k = 3) = x")
    assert (found.code, underlined(found)) == ("ARCH110", "=")
    assert "semicolon" in (found.help or "")


def test_an_unknown_type_of_a_setting_is_named():
    found = finding("op f(x; k: integer = 3) = x")
    assert (found.code, underlined(found)) == ("ARCH114", "integer")
    assert found.primary.text == "did you mean `int`?"


@pytest.mark.parametrize("text", ["", "  \n\n", "# a comment\n"])
def test_an_empty_file_is_a_located_finding(text: str):
    (found,) = findings(text)
    assert found.code == "ARCH003"
    assert found.primary is not None


@pytest.mark.parametrize("text", ["space S {}", "arch", "arch one", "x = 3"])
def test_a_file_without_a_version_says_so_and_nothing_else(text: str):
    (found,) = findings(text)
    assert found.code == "ARCH003"


@pytest.mark.parametrize("text", ["arch 99", "arch 0\nnonsense +", "arch 99999999999999999999999999"])
def test_another_version_is_refused_before_anything_else_is_read(text: str):
    (found,) = findings(text)
    assert found.code == "ARCH004"
    assert "arch 1" in (found.help or "")


def test_all_mistakes_of_a_file_are_found_and_come_in_its_order():
    found = findings(
        """arch 1
import a b from "std/ops.arch"
op f(x, k = 3) = x
x = 9 parsecs
space S {
  y = a -> f + b
  z = (a, b]
  stage body for i in 1..3 {
    v = = 3
    w = one of 3
  }
  good = 3
  @
}
space T {
  output = 4
}
"""
    )
    numbers = [int(d.code.removeprefix("ARCH")) for d in found]
    assert numbers == [100, 110, 104, 105, 108, 100, 106, 101, 107]
    places = [d.primary.location.start for d in found]
    assert places == sorted(places)


def test_at_most_twenty_mistakes_are_listed():
    assert len(findings("arch 1\nspace S {\n" + "  x = = 3\n" * 100 + "}")) == 20
    assert len(findings("arch 1\nspace S {\n" + "  x = one of 3\n" * 100 + "}")) == 20


def test_after_a_forgotten_bracket_the_next_statement_is_read():
    found = findings("arch 1\nspace S {\n  y = f(a,\n  stage s repeat 2 {\n    z = = 3\n  }\n}\nspace T {}\n")
    assert [(d.code, underlined(d)) for d in found] == [("ARCH108", "stage"), ("ARCH100", "=")]


@pytest.mark.parametrize("word", ["op", "cell", "space", "network", "search", "import"])
def test_a_reserved_word_that_is_assigned_to_is_reported_once(word: str):
    found = finding(
        f"space S {{\n  input image: [3, 8, 8]\n  {word} = one of {{relu, silu}}\n  output y = image\n}}"
    )
    assert (found.code, underlined(found)) == ("ARCH107", word)
