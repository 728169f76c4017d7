"""Texts that are made to take time, memory or stack."""

from __future__ import annotations

import pytest

from archdsl.diagnostics import Source
from archdsl.lang import format_source
from spec_texts import findings

DEEP = {
    "parentheses": "(" * 5_000,
    "closed parentheses in brackets": "[" * 300 + "a" + "]" * 300,
    "sets": "{" * 5_000,
    "calls": "f(" * 5_000,
    "minus signs": "- " * 5_000 + "a",
    "negations": "not " * 5_000 + "a",
    "choices": "one of " * 5_000 + "a",
    "a sum": " + ".join(["a"] * 1_000),
    "a chain": " -> ".join(["a"] * 1_000),
    "conditionals": " if a else ".join(["a"] * 1_000),
    "calls of calls": "f" + "()" * 1_000,
    "entries of entries": "f" + "[1]" * 1_000,
    "parts of parts": "f" + ".a" * 1_000,
    "marks": "f" + "?" * 1_000,
    "records": "(a = " * 60 + "b" + ")" * 60,
}


@pytest.mark.parametrize("kind", DEEP)
def test_an_expression_nested_too_deeply_is_refused(kind: str):
    found = findings(f"arch 1\nx = {DEEP[kind]}\n")
    assert [d.code for d in found] == ["ARCH702"]
    assert found[0].primary is not None


@pytest.mark.parametrize("text", ["space S {%s}", "search S for T {%s}"])
def test_blocks_nested_too_deeply_are_refused(text: str):
    block = "stage a {" if text.startswith("space") else "a {"
    assert findings("arch 1\n" + text % (block * 20 + "}" * 20)) == ()
    assert [d.code for d in findings("arch 1\n" + text % (block * 21 + "}" * 21))] == ["ARCH702"]


@pytest.mark.parametrize(
    "expression",
    [
        " + ".join(["a"] * 101),
        " -> ".join(["a"] * 101),
        " if a else ".join(["a"] * 101),
        "not " * 100 + "a",
        "[" * 100 + "a" + "]" * 100,
        "{" * 50 + "a" + "}" * 50,
        "(" * 400 + "a" + ")" * 400,
        "{" + ", ".join(["a"] * 10_000) + "}",
    ],
)
def test_what_is_just_not_too_deep_is_read_and_formatted(expression: str):
    text = f"arch 1\n\nspace S {{\n{'stage a {' * 20}\nx = {expression}\n{'}' * 20}}}\n"
    assert format_source(Source("deep.arch", text)).count("stage") == 20


@pytest.mark.slow
def test_a_file_of_many_words_is_refused():
    assert [d.code for d in findings("arch 1\n" + "x=1\n" * 400_000)] == ["ARCH706"]


def test_a_text_of_many_characters_is_refused():
    assert [d.code for d in findings("arch 1\n#" + "x" * 5_000_000)] == ["ARCH701"]


@pytest.mark.parametrize(
    "text",
    [
        "@" * 1_000_000,
        '"' * 1_000_000,
        '"' + "\\n" * 500_000,
        '"' + '\\"' * 500_000,
        '"\\' * 500_000,
        'x = "a\t' * 100_000,
        "x = " + "1" * 1_000_000,
        "x = 1." + "1" * 1_000_000,
        "x" * 1_000_000,
        " " * 1_000_000 + "@",
        "space S { " + "x = = 3 " * 50_000,
        "search S for T { " + "3 a {} " * 50_000,
        "x = 3 " + "hours" * 100_000,
    ],
)
def test_a_long_text_of_one_kind_ends_with_findings(text: str):
    assert findings(f"arch 1\n{text}")


@pytest.mark.parametrize("text", ["x = \0", "# \0\n", "# \ud800"])
def test_what_is_no_text_is_refused_at_its_place(text: str):
    (found,) = findings(f"arch 1\n{text}")
    assert found.code == "ARCH002"
    assert found.primary.location.start == 7 + max(text.find("\0"), text.find("\ud800"))
