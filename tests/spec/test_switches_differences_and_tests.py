"""`some of SET`, `A - B`, `any n of` with a computed n, `defined(x[i])`, whole division and remainder."""

from __future__ import annotations

import pytest

import archdsl
from archdsl.diagnostics import Diagnostic, Source
from archdsl.lang import format_source
from archdsl.passes.analyses.shapes import infer
from archdsl.program import Program

HEAD = "arch 1\n\nOPS = {zero, skip: identity, conv, point: conv(k = 1)}\n\n"
START = (
    "input image: [4, 8, 8]\n  x = image -> conv(c = 8)\n  f[1] = x\n  f[2] = x -> relu\n  f[4] = x -> silu\n"
)


def program(statements: str, kind: str = "space S(; n = 1)") -> Program:
    return archdsl.load("s.arch", text=f"{HEAD}{kind} {{\n  {START}  {statements}\n}}\n")


def findings(statements: str) -> tuple[Diagnostic, ...]:
    return program(f"{statements}\n  output y = x").check().diagnostics


def candidates(source: str) -> tuple[str, ...]:
    """The labels of a set, as candidates of a choice."""
    space = program(f"k = one of {source}\n  output y = x -> k").space()
    return space.decisions["k"].candidates


def test_each_member_of_some_is_a_decision_and_those_that_are_off_are_omitted() -> None:
    space = program("e = some of {a: f[1], f[2]}\n  output y = concat({x, e})").space()
    assert {path: d.outcomes for path, d in space.decisions.items()} == {
        "e.a": ("on", "off"),
        "e.f[2]": ("on", "off"),
    }
    for a, b, channels in (("on", "on", 24), ("off", "on", 16), ("off", "off", 8)):
        network = space.bind({"e.a": a, "e.f[2]": b})
        (output,) = network.graph.outputs.values()
        assert infer(network.graph)[output][0] == channels


def test_an_output_that_is_absent_where_all_are_off_is_an_error_with_its_witness() -> None:
    (error,) = program("e = some of {a: f[1], b: f[2]}\n  output y = concat(e)").check().diagnostics
    assert (error.code, error.witness) == ("ARCH406", (("e.a", "off"), ("e.b", "off")))
    fine = "e = some of {a: f[1], b: f[2]}\n  s = concat(e)\n"
    fine += "  output y = (s -> conv(c = 8)) if defined(s) else x"
    assert program(fine).check().diagnostics == ()


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("(OPS - {zero})", ("skip", "conv", "point")),
        ('(OPS - {"zero", "skip"})', ("conv", "point")),
        ("(OPS - {conv} - {point: relu})", ("zero", "skip")),
        ("({OPS - {conv}, relu} - {zero})", ("skip", "point", "relu")),
    ],
)
def test_a_difference_lacks_the_members_with_labels_of_the_other_set(
    source: str, left: tuple[str, ...]
) -> None:
    assert candidates(source) == left


def test_a_difference_that_never_removes_anything_is_a_warning() -> None:
    (warning,) = findings("k = one of (OPS - {conv(k = 1)})\n  x = x -> k")
    assert (warning.code, warning.severity) == ("ARCH234", "warning")
    assert findings("stage s for i in 2..4 { g[i] = one of (f[*] - {f[i]?}) }\n  x = g[3]") == ()


def test_a_count_may_be_a_setting_or_an_expression_but_not_a_decision() -> None:
    for count in ("2", "(n + 1)", "(7 // 3)"):
        space = program(f"p = any {count} of f[*]\n  output y = concat(p)").space()
        assert (space.decisions["p"].count, space.decisions["p"].size) == (2, 3)
    (error,) = findings("k = one of {1, 2}\n  p = any k of f[*]\n  x = concat(p)")
    assert error.code == "ARCH217"
    (error,) = findings("p = any (n + 3) of f[*]\n  x = concat(p)")
    assert error.code == "ARCH405"


def test_a_test_for_an_entry_is_a_constant_or_a_condition_on_decisions() -> None:
    statements = "d = one of {1..4}\n  a = f[d] if defined(f[d]) else x\n  output y = a\n"
    statements += (
        "  require not defined(f[3]) and not defined(g[1]) and defined(x) and defined(f[d - 0]) or d == 3"
    )
    space = program(statements).space()
    assert [d.code for d in program(statements).check().diagnostics] == ["ARCH407"]  # 1 and 3 are the same
    assert space.size == 4
    assert [space.bind({"d": d}).layers[-1].name for d in "1234"] == ["x", "f[2]", "x", "f[4]"]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("7 // 2", "3"),
        ("-7 // 2", "-4"),
        ("7.5 // 2", "3"),
        ("7 % 3", "1"),
        ("-1 % 3", "2"),
        ("9 ms // 2 ms", "4"),
    ],
)
def test_whole_division_rounds_down_and_the_remainder_has_the_sign_of_the_divisor(
    left: str, right: str
) -> None:
    assert findings(f"require {left} == {right}") == ()
    assert [d.code for d in findings(f"require not {left} == {right}")] == ["ARCH404"]


def test_whole_division_and_remainders_work_on_values_over_decisions() -> None:
    space = program("w = one of {8, 12, 17}\n  output y = x -> conv(c = w // 5 + w % 4)").space()
    assert [space.bind({"w": str(w)}).layers[-1].shape[0] for w in (8, 12, 17)] == [1, 2, 4]
    (error,) = findings("w = one of {0, 1}\n  v = 8 // w\n  x = x -> conv(c = v)")
    assert error.code == "ARCH211"


def test_new_words_are_names_elsewhere() -> None:
    body = "some = 3\n  defined = x -> conv(c = some)\n  on = defined -> relu\n"
    body += "  off = one of {some: on, defined}\n"
    space = program(body + "  output y = off", kind="space S(; some = 4)").space()
    assert list(space.decisions) == ["off"]


def test_the_formatter_writes_the_canonical_form() -> None:
    text = 'arch 1\n\nA = any (N+1)  of (B-{"a"})\n\nC = some   of {a,b}\nD = a//b%c*(d//e)\n'
    expected = 'arch 1\n\nA = any (N + 1) of (B - {"a"})\n\nC = some of {a, b}\nD = a // b % c * (d // e)\n'
    assert format_source(Source("s.arch", text)) == expected
