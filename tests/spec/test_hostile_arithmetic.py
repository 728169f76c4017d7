"""Any value at every setting, builtin and operator, fixed or chosen: a typed graph or a located finding."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archdsl
import limited
from archdsl import ops
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.passes.analyses.shapes import infer
from archdsl.program import Network

VALUES = [
    "0", "1", "2", "3", "8", "-1", "0.5", "1.5", "2.0", "1e-9", "1e18", "999999999999999999", "true",
    "false", '"a"', "4K", "2 ms", "[2, 2]", "[0, true]", "{1, 2}", "(a = 1)", "relu", "nothing?",
    "nothing[1]?", "10 - 10", "1 / 3", "image", "image.c", "image.h * 0", "n", "n * 0", "n - 1", "m", "m * n",
    "4 / (n + 1)", "m if n == 1 else 0", "floor(n / 3)", "t.c", "t.h - 8", "1 if t.c == 3 else 0", "n == 1",
]  # fmt: skip
CHOICES = [
    "{1, 2}",
    "{0, 1, 4}",
    "{-1, 2}",
    "{0.5, 2}",
    "{true, false}",
    "{1, 999999999999999999}",
    "{1..3}",
    "{0}",
]
SETTINGS = [(p.name, s.name) for p in ops.primitives().values() for s in p.settings]
OPERATORS = ["+", "-", "*", "/", "==", "!=", "<", "<=", ">", ">=", "and", "or", "in"]


def refusal(text: str) -> tuple[Diagnostic, ...]:
    try:
        return archdsl.load(Path("hostile.arch"), text=text).check().diagnostics
    except SpecError as error:
        return error.diagnostics


def outcome(text: str) -> None:
    """Loads, checks, and infers the shapes of networks; anything but a finding with a place is raised."""
    found = refusal(text)
    assert all(d.primary for d in found)
    if any(d.severity == "error" for d in found):
        return
    target = archdsl.load(Path("hostile.arch"), text=text).target()
    for seed in range(3):
        network = target if isinstance(target, Network) else target.bind(target.sample(Random(seed)))
        assert all(n >= 1 for shape in infer(network.graph).values() for n in shape)


def space(*statements: str, n: str = "{1, 2}", m: str = "{0, 3}") -> str:
    lines = [
        "input image: [3, 8, 8]", f"n = one of {n}", f"m = one of {m}",
        "t = one of {a: image, b: image -> conv(c = 8)}", *statements,
    ]  # fmt: skip
    return "arch 1\nspace S {\n  " + "\n  ".join(lines) + "\n}\n"


def applied(op: str, setting: str, value: str) -> str:
    primitive = ops.get(op)
    needed = [s for s in primitive.settings if s.default is None and not s.optional and s.name != setting]
    given = ", ".join([f"{s.name} = 1" for s in needed] + [f"{setting} = {value}"])
    return f"{op}({', '.join(['t'] * primitive.arity[0])}, {given})"


@pytest.mark.parametrize(("op", "setting"), SETTINGS)
@settings(max_examples=20, deadline=None)
@given(value=st.sampled_from(VALUES), n=st.sampled_from(CHOICES), m=st.sampled_from(CHOICES))
def test_any_value_at_any_setting_is_typed_or_refused(op: str, setting: str, value: str, n: str, m: str):
    made = f"x = {applied(op, setting, value)}"
    outcome(
        space(
            made, "output y = x -> conv(c = x.c) -> tile(c = 24) -> conv(c = x.h, g = x.c, s = x.w)", n=n, m=m
        )
    )


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(OPERATORS), st.sampled_from(VALUES), st.sampled_from(VALUES), st.sampled_from(CHOICES))
def test_any_operands_of_any_operator_are_computed_or_refused(op: str, a: str, b: str, n: str):
    outcome(
        space(
            f"v = ({a}) {op} ({b})", "output y = t -> conv(c = v if n == 1 else 2)", f"require v {op} 2", n=n
        )
    )


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["max", "min", "floor", "round", "unused", "fold", "-", "not "]),
       st.lists(st.sampled_from(VALUES), max_size=2), st.sampled_from(CHOICES))  # fmt: skip
def test_any_arguments_of_any_builtin_are_computed_or_refused(fn: str, arguments: list[str], n: str):
    outcome(space(f"v = {fn}({', '.join(arguments)})", "output y = t -> conv(c = v)", n=n))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(VALUES), st.sampled_from(VALUES), st.sampled_from(CHOICES))
def test_any_value_at_a_size_a_subscript_or_a_range_is_taken_or_refused(a: str, b: str, n: str):
    outcome(f"arch 1\nnetwork N {{\n  input image: [3, 8, {a}]\n  output y = image\n}}\n")
    outcome(
        space(
            "x[1] = t", f"x[{a}] = image", f"stage s for i in 1..{b} {{ z = t }}", f"output y = x[{b}]", n=n
        )
    )


SMALL = {
    "a size of zero behind a failing rule": (
        "x = image -> pixel_shuffle(r = m)",
        "output y = x -> tile(c = 24)",
    ),
    "a stride of zero": ("x = image -> conv(s = m)", "output y = x -> conv(c = x.c * x.h)"),
    "true as a setting": ("output y = image -> conv(c = true)",),
}


@pytest.mark.parametrize("kind", SMALL)
def test_a_network_that_cannot_be_is_shown_with_its_decision(kind: str):
    report = archdsl.load(Path("small.arch"), text=space(*SMALL[kind])).check()
    assert {d.code for d in report.diagnostics if d.severity == "error"} <= {"ARCH208", "ARCH312", "ARCH330"}
    assert not report.ok


@pytest.mark.parametrize(
    "condition", ["2 != 1M * 1M * macs", "1 / (macs - macs) < 2", "macs / (params - 72) > 1"]
)
def test_a_requirement_whose_numbers_go_wrong_is_not_met(condition: str):
    text = (
        "arch 1\nnetwork N {\n  input image: [3, 64, 64]\n  output y = image -> conv(c = 8, k = 1, s = 64)\n"
    )
    outcome(text + f"  require {condition}\n}}\n")
    outcome(space("output y = t -> conv(c = 1000000, d = 3)", f"require {condition}"))


@pytest.mark.parametrize("size", ["true", "3, true", "3, 8, false"])
def test_a_truth_value_is_no_size(size: str):
    rest = {0: ", 8, 8", 1: ", 8", 2: ""}[size.count(",")]
    text = f"arch 1\nnetwork N {{\n  input image: [{size}{rest}]\n  output y = image\n}}\n"
    (found,) = archdsl.load(Path("b.arch"), text=text).check().diagnostics
    assert found.code == "ARCH207"


def test_a_long_chain_of_constants_is_evaluated_once_each():
    names = range(2_000)
    text = "arch 1\nA0 = 1\n" + "".join(f"A{n + 1} = A{n} + 1\n" for n in names)
    text += "network N {\n  input image: [3, 8, 8]\n  output y = image -> conv(c = A2000)\n}\n"
    program = archdsl.load(Path("chain.arch"), text=text)
    assert program.check().ok
    assert program.network().graph.nodes["y"].attrs["c"] == 2_001


@pytest.mark.slow
def test_conditions_over_very_many_decisions_are_refused_at_a_place():
    text = """arch 1
cell J(a, b) { return a + b }
space S {
  input image: [3, 32, 32]
  f[0] = image
  stage s for i in 1..250 { f[i] = (one of f[0..i - 1]) -> relu }
  output y = fold(J, unused(f[1..250]))
}
"""
    (found,) = archdsl.load(Path("many.arch"), text=text).check().diagnostics
    assert found.code in ("ARCH211", "ARCH711")
    assert found.primary is not None


@pytest.mark.parametrize(
    ("first", "again", "use", "code"),
    [
        (
            "relu -> relu",
            "{0} -> {0}",
            "space S { input image: [3, 8, 8]  output y = image -> {0} }",
            "ARCH711",
        ),
        (
            "[1, 2]",
            "[{0}, {0}]",
            "space S(; w = {0}) { input image: [3, 8, 8]  output y = image }",
            "ARCH712",
        ),
    ],
)
def test_constants_that_double_are_found_before_they_fill_the_memory(
    first: str, again: str, use: str, code: str, tmp_path: Path
) -> None:
    lines = [f"A{n + 1} = {again.replace('{0}', f'A{n}')}" for n in range(40)]
    file = tmp_path / "doubled.arch"
    file.write_text("\n".join(["arch 1", f"A0 = {first}", *lines, use.replace("{0}", "A40"), ""]))
    ended = limited.run("check", file)
    assert ended.code == 1
    assert f"error[{code}]" in ended.out
