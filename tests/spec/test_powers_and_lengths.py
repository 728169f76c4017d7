"""`a ** n`, `len(SET)`, and what is answered to conditional statements and records of settings."""

from __future__ import annotations

from itertools import product

import pytest

import archdsl
from archdsl.diagnostics import Diagnostic, Source, SpecError
from archdsl.lang import format_source
from archdsl.program import Program

START = "input image: [3, 8, 8]\n  d = one of {1, 3}\n  e = one of {1, 2}\n"


def program(width: str, before: str = "") -> Program:
    body = f"{START}  {before}\n  output y = image -> conv(c = {width})"
    return archdsl.load("s.arch", text=f"arch 1\nW = [4, 8, 16]\nspace S {{\n  {body}\n}}\n")


def first_error(text: str) -> Diagnostic:
    try:
        found = archdsl.load("s.arch", text=text).check().diagnostics
    except SpecError as error:
        found = error.diagnostics
    return next(f for f in found if f.severity == "error")


def widths(width: str) -> set[int]:
    """The widths in all networks of a space whose convolution has this width."""
    space = program(width).space()
    every = product(*([(path, c) for c in d.candidates] for path, d in space.decisions.items()))
    return {space.bind(dict(outcomes)).layers[-1].shape[0] for outcomes in every}


@pytest.mark.parametrize(
    ("width", "found"),
    [
        ("2 ** 5", {32}),
        ("-2 ** 2 + 10", {6}),
        ("(-2) ** 2", {4}),
        ("2 ** 3 ** 0 ** 1", {2}),
        ("floor(64 * 2 ** -2)", {16}),
        ("2 ** d", {2, 8}),
        ("d ** d", {1, 27}),
        ("floor(8 * 2 ** -d)", {4, 1}),
        ("(d + e) ** 2", {4, 9, 16, 25}),
        ("image.c ** 2 * d", {9, 27}),
        ("len(W)", {3}),
        ("len({a: image, b: image}) + len([])", {2}),
        ("4 * 2 ** (len(W) - 1)", {16}),
    ],
)
def test_powers_and_lengths_have_these_values(width: str, found: set[int]):
    assert widths(width) == found


@pytest.mark.parametrize(
    ("width", "code", "words"),
    [
        ("2 ** 0.5", "ARCH207", "must be an integer"),
        ("4 ** true", "ARCH207", "expected a number"),
        ("2 ** image", "ARCH207", "a tensor"),
        ("10 ** 19", "ARCH211", "too large"),
        ("9 ** 9 ** 9 ** 9", "ARCH211", "too large"),
        ("1.5 ** (10 ** 9)", "ARCH211", "too large"),
        ("(d + e) ** 70", "ARCH211", "too large"),
        ("0 ** -1", "ARCH211", "division by zero"),
        ("8 * (d - 1) ** -1", "ARCH211", "division by zero"),
        ("(d + e) ** d", "ARCH207", "one decision"),
        ("2 ** (d + e)", "ARCH207", "one decision"),
        ("3K ** 2 + (9 ms) ** 2", "ARCH212", "incompatible units"),
        ("len(3)", "ARCH207", "one list or set"),
        ("len(W, W)", "ARCH207", "one list or set"),
    ],
)
def test_powers_and_lengths_that_do_not_exist_are_located_errors(width: str, code: str, words: str):
    found = first_error(_text(width))
    assert (found.code, words in found.headline) == (code, True), found
    assert found.primary is not None


def _text(width: str) -> str:
    return f"arch 1\nW = [4]\nspace S {{\n  {START}  output y = image -> conv(c = {width})\n}}\n"


def test_powers_are_formatted_with_the_parentheses_that_they_need():
    text = "arch 1\n\nA = (-2)**2\nB = -(2**2)\nC = (2**3)**2\nD = 2**(3**(-W))\nE = (2 * 3)**f(x)\n"
    done = format_source(Source("s.arch", text))
    assert [line.split(" = ")[1] for line in done.splitlines()[2:]] == [
        "(-2) ** 2",
        "-2 ** 2",
        "(2 ** 3) ** 2",
        "2 ** 3 ** -W",
        "(2 * 3) ** f(x)",
    ]


def network(statements: str, op: str = "(x; c: int, k: int) = x -> conv(c = c, k = k)") -> str:
    body = f"input image: [3, 8, 8]\n  x = image -> relu\n  {statements}\n  output y = x"
    return f"arch 1\nop f{op}\nnetwork N {{\n  {body}\n}}\n"


def test_a_name_len_is_legal():
    assert archdsl.load("s.arch", text=network("len = 4\n  x = x -> conv(c = len)")).check().ok


def test_a_conditional_statement_is_answered_by_a_conditional_value():
    found = first_error(network("if 1 < 2 {\n    x = x -> relu\n  }"))
    assert found.help == "statements are not conditional: write y = a if condition else b"


def test_a_record_in_a_chain_is_answered_by_the_names_of_its_settings():
    statements = "stage s for r in [(c = 4, k = 1)] {\n    x = x -> f(r)\n  }"
    found = first_error(network(statements))
    assert found.code == "ARCH207"
    assert found.help == "settings are passed by name: f(c = r.c, k = r.k)"
    assert archdsl.load("s.arch", text=network(statements, "(x, r) = x -> conv(c = r.c)")).check().ok
