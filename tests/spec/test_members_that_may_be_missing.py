"""Sets with members that some networks lack, joined."""

from __future__ import annotations

import pytest

import archdsl
from archdsl.ir.same import canonical_text
from archdsl.passes.transforms.simplify import simplify
from archdsl.program import Space
from archdsl.spec.check import Report

SPACE = """\
arch 1

space Gate {{
  input image: [4, 8, 8]
  x[1] = image -> conv(c = 8)
  x[2] = image -> conv(c = {width})
  n = one of {{1, 2}}
  later = x[n + 1]?
  y = {join}
  output z = y -> conv(c = 8) -> relu
}}
"""


def report(join: str, width: int = 8) -> Report:
    return archdsl.load("gate.arch", text=SPACE.format(join=join, width=width)).check()


def test_a_sum_compares_the_channels_of_members_that_are_there() -> None:
    for join in ("add({x[1], later})", "add({later, x[1]})", "add({x[1], later}) + x[1]"):
        found = report(join)
        assert found.diagnostics == ()
        assert found.proofs[0].proved


def test_a_member_of_a_sum_that_may_be_missing_is_wrong_where_it_is_there() -> None:
    for join in ("add({x[1], later})", "add({later, x[1]})"):
        (error,) = report(join, width=6).diagnostics
        assert (error.code, error.witness) == ("ARCH301", (("n", "1"),))


def test_a_member_of_a_concatenation_that_is_missing_has_no_channels() -> None:
    (error,) = report("concat({x[1], later}) + (image -> conv(c = 16))").diagnostics
    assert (error.code, error.witness) == ("ARCH301", (("n", "2"),))


def test_what_joins_only_members_that_are_missing_is_missing() -> None:
    for join in ("add({later})", "add({later, again: x[n + 1]? -> relu})", "concat({later, more: later})"):
        (error,) = report(join).diagnostics
        assert (error.code, error.witness) == ("ARCH406", (("n", "2"),))


ABSENT = """\
arch 1

op half(x; c: int = x.c / 2) = x -> conv(c = c) -> conv(c = x.c)
op wide(a, b; c: int = b.c) = a -> conv(c = c)
cell J(a, b) {{ return a + (b -> conv(c = a.c)) }}

space S {{
  input image: [3, 32, 32]
  f[1] = image -> conv(c = 8)
  gate = one of {{0, 1}}
  before = f[gate]?
  size = before.c
  e[1] = before.h
  {statement}
  output y = {output}
}}

network Without from S {{ gate = 0 }}
network With from S {{ gate = 1 }}
"""


def codes(statement: str, output: str = "concat({image, before}) -> conv(c = 8)") -> dict[str, set[str]]:
    """The codes of the errors of the space, and of the space with each of its networks."""
    text = ABSENT.format(statement=statement, output=output)
    space, without, with_ = text.split("\nnetwork ")
    texts = {
        "space": space, "without": f"{space}\nnetwork {without}", "with": f"{space}\nnetwork {with_}"
    }  # fmt: skip
    return {
        name: {
            d.code for d in archdsl.load(f"{name}.arch", text=of).check().diagnostics if d.severity == "error"
        }
        for name, of in texts.items()
    }


@pytest.mark.parametrize(
    ("condition", "without"),
    [
        ("before.h == 32", False),
        ("before.h != 31", False),
        ("before.h in 30..40", False),
        ("32 in {before.h, 7}", False),
        ("7 in {before.h, 7}", False),
        ("7 in {{size, 3}, 7}", False),
        ("7 in [before.h, 7]", False),
        ("40 in {before.h..50}", False),
        ("len({before.h, 7}) == 2", False),
        ("max({before.h, 7}) > 3", False),
        ("not (9 in {before.h, 7})", True),
        ("not (7 in {before.h, 7}) or defined(before)", True),
        ("size + 2 * before.w > 3", False),
        ("not before.h == 31", True),
        ("not defined(before) or before.h == 32", True),
        ("(before.h == 32) if defined(before) else gate == 0", True),
        ("(before.h if defined(before) else 32) == 32", True),
        ("before.h == 32 or gate == 0", True),
    ],
)
def test_a_comparison_with_the_size_of_an_absent_tensor_is_false(condition: str, without: bool) -> None:
    found = codes(f"require {condition}")
    assert found == {"space": set(), "without": set() if without else {"ARCH404"}, "with": set()}
    text = ABSENT.format(
        statement=f"k = 1 if ({condition}) else 3", output="concat({image, before}) -> conv(c = 8, k = k)"
    )
    program = archdsl.load("absent.arch", text=text)
    space = program.target("S")
    assert isinstance(space, Space)
    for gate, network, kernel in ((0, "Without", 1 if without else 3), (1, "With", 1)):
        graph = space.bind({"gate": gate}).graph
        assert graph.nodes[graph.outputs["y"]].attrs["k"] == kernel  # type: ignore[union-attr]
        graph = program.network(network).graph
        assert graph.nodes[graph.outputs["y"]].attrs["k"] == kernel  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("statement", "output"),
    [
        ("z = before -> conv(c = before.c * 2) -> conv(c = size)", "concat({image, z}) -> conv(c = 8)"),
        ("z = before -> half", "concat({image, z}) -> conv(c = 8)"),
        ("z = wide(before, before)", "concat({image, z}) -> conv(c = 8)"),
        ("z = f[1] -> conv(c = before.c if defined(before) else 2)", "z"),
        ("", "fold(J, {f[1], before})"),
    ],
)
def test_sizes_of_an_absent_tensor_may_be_read_where_it_is_defined(statement: str, output: str) -> None:
    assert codes(statement, output) == {"space": set(), "without": set(), "with": set()}


@pytest.mark.parametrize(
    "output",
    [
        "f[1] -> conv(c = before.c)",
        "f[1] -> conv(c = size)",
        "conv(f[1], c = 2 * size)",
        "wide(f[1], before)",
    ],
)
def test_a_setting_that_reads_the_size_of_an_absent_tensor_is_an_error(output: str) -> None:
    """In the network without the tensor, the output is undefined."""
    assert codes("", output) == {"space": {"ARCH228"}, "without": {"ARCH228", "ARCH223"}, "with": {"ARCH228"}}


def test_the_range_of_a_stage_does_not_depend_on_a_tensor_that_some_networks_lack() -> None:
    found = codes("stage s for i in 1..before.h { image = image -> relu }")
    assert found["space"] == found["with"] == {"ARCH228"}


@pytest.mark.parametrize(
    ("statement", "output"),
    [
        ("a = before -> conv(c = 4) b = f[1] -> conv(c = 4) tie a, b", "concat({p: a, q: b})"),
        ("e[2] = before -> conv(c = 4) b = f[1] -> conv(c = 4) tie e[2], b", "concat({p: e[2], q: b})"),
        ("n = len(unused({f[1], before, r: f[1] -> relu}))", "f[1] -> conv(c = n)"),
        ("n = len({before, f[1], q: f[7]?})", "f[1] -> conv(c = n)"),
    ],
)
def test_ties_and_numbers_of_members_are_those_of_the_space_in_its_networks(
    statement: str, output: str
) -> None:
    assert codes(statement, output) == {"space": set(), "without": set(), "with": set()}
    space = archdsl.load("absent.arch", text=ABSENT.format(statement=statement, output=output)).space()
    for name, gate in (("Without", "0"), ("With", "1")):
        own = archdsl.load("absent.arch", text=ABSENT.format(statement=statement, output=output)).network(
            name
        )
        graph = space.bind({"gate": gate} if "gate" in space.decisions else {}).graph
        assert canonical_text(simplify(graph)) == canonical_text(simplify(own.graph))
