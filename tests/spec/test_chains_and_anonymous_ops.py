"""`x -> f(y)` fills the first place of a call; `f -> g` of two ops is an op."""

from __future__ import annotations

import pytest

import archdsl
from archdsl.diagnostics import Diagnostic
from archdsl.ir.same import canonical_text

HEAD = """arch 1

op fit(x, like; c: int = like.c) = x -> conv(c = c, k = 1) -> resize(like = like)
op act(x; f: op = relu) = x -> f
op gate(x) = x -> global_pool -> sigmoid

cell Two(a, b) {
  return (a -> one of {relu, silu}) + b
}

GATE = global_pool -> sigmoid

"""


def graph_text(statements: str) -> str:
    """The network of some statements, whose output is `out`, in canonical form."""
    body = f"  input image: [4, 8, 8]\n  x = image -> conv(c = 8)\n  {statements}\n  output y = out\n"
    return canonical_text(archdsl.load("s.arch", text=f"{HEAD}network N {{\n{body}}}\n").network("N").graph)


def findings(statements: str, head: str = "") -> tuple[Diagnostic, ...]:
    body = f"  input image: [4, 8, 8]\n  x = image -> conv(c = 8)\n  {statements}\n  output y = x\n"
    return archdsl.load("s.arch", text=f"{HEAD}{head}\nspace S {{\n{body}}}\n").check().diagnostics


@pytest.mark.parametrize(
    ("chain", "written"),
    [
        ("x -> concat(image)", "concat(x, image)"),
        ("x -> concat(image, x)", "concat(x, image, x)"),
        ("image -> fit(x)", "fit(image, x)"),
        ("image -> fit(x, c = 2)", "fit(image, x, c = 2)"),
        ("image -> relu -> fit(x -> relu) -> add(x)", "fit(image -> relu, x -> relu) + x"),
        ("x -> mul(x -> global_pool)", "x * (x -> global_pool)"),
        ("x -> (add if x.c == 8 else mul)(x)", "x + x"),
    ],
)
def test_a_chain_fills_the_first_place_of_a_call_with_tensors(chain: str, written: str) -> None:
    assert graph_text(f"out = {chain}") == graph_text(f"out = {written}")


def test_the_choices_of_a_cell_are_those_of_any_other_use() -> None:
    text = HEAD + "space S {\n  input image: [4, 8, 8]\n  a = image -> Two(image)\n"
    text += "  two = one of {add, mul}\n  output y = a -> two(image) -> concat(image -> Two(a))\n}\n"
    assert list(archdsl.load("s.arch", text=text).space().decisions) == ["a.1", "two", "y.Two.1"]


@pytest.mark.parametrize("complete", ["conv(image)", "fit(image, x)", "relu(x)", "x", "GATE(x)"])
def test_a_call_that_takes_no_more_tensors_is_no_op_after_a_chain(complete: str) -> None:
    (error,) = findings(f"y2 = x -> {complete}")
    assert error.code == "ARCH209"


def test_a_wrong_number_of_tensors_counts_the_one_before_the_arrow() -> None:
    (error,) = findings("z = x -> three(image)", "op three(a, b, c) = concat(a, b, c)")
    assert (error.code, error.headline) == ("ARCH206", "`three` expects 3 inputs (a, b, c), got 2")
    (error,) = findings("z = 3 -> fit(x)")
    assert (error.code, error.headline) == ("ARCH207", "inputs of `fit` must be tensors, got an integer")
    assert error.primary is not None
    at = error.primary.location
    assert at.source.text[at.start : at.end] == "3"


@pytest.mark.parametrize(
    ("anonymous", "written"),
    [
        ("x -> (relu -> sigmoid)", "x -> relu -> sigmoid"),
        ("x -> act(f = relu -> conv(c = 4) -> sigmoid)", "x -> relu -> conv(c = 4) -> sigmoid"),
        ("x -> GATE", "x -> gate"),
        ("x * (x -> GATE)", "x -> mul(x -> gate)"),
        ("fold(add -> relu, {a: x, b: x, c: x})", "add(add(x, x) -> relu, x) -> relu"),
        ("x -> add(x) -> (fit -> relu)(x)", "fit(x + x, x) -> relu"),
        ("x -> (relu if x.c == 4 else (relu -> silu))", "x -> relu -> silu"),
    ],
)
def test_an_anonymous_op_is_its_ops_one_after_another(anonymous: str, written: str) -> None:
    assert graph_text(f"out = {anonymous}") == graph_text(f"out = {written}")


def test_a_candidate_that_is_an_anonymous_op_has_a_label_and_its_own_choices() -> None:
    text = HEAD.replace("cell Two(a, b)", "cell Two(a)").replace(" + b", "")
    text += "KINDS = {gate: relu -> GATE, two: dwconv -> Two -> Two, plain: relu}\n"
    text += "space S {\n  input image: [4, 8, 8]\n  k = one of KINDS\n"
    text += "  pair = relu -> one of {conv, dwconv}\n  output y = image -> k -> pair\n}\n"
    space = archdsl.load("s.arch", text=text).space()
    assert list(space.decisions) == ["k", "pair.1", "y.k.two.Two.1", "y.k.two.Two_2.1"]
    assert space.decisions["k"].candidates == ("gate", "two", "plain")
    (error,) = findings("k = one of {relu -> sigmoid, silu}")
    assert error.code == "ARCH213"
    (warning,) = findings("x = x -> one of {a: relu -> silu, b: relu -> silu}")
    assert warning.code == "ARCH407"


def test_an_anonymous_op_has_neither_settings_nor_tensors() -> None:
    for statement, code in (
        ("z = x -> (relu -> conv)(c = 4)", "ARCH204"),
        ("OPS = {a: conv -> relu, b: conv}\n  k = one of OPS(c = 4)", "ARCH204"),
        ("k = relu -> add(x)", "ARCH209"),
        ("k = relu -> 3", "ARCH209"),
    ):
        (error,) = findings(statement)
        assert error.code == code, statement
