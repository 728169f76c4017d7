"""What `unused` and requirements mean, by example."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest
from enumeration import program

import archdsl
from archdsl.passes.analyses.decision_diagrams import TooLarge
from archdsl.passes.transforms.bind import Binder, Bound
from archdsl.spec.deciding import searcher
from archdsl.spec.deciding.exact import Exact
from archdsl.spec.deciding.searcher import Searcher
from archdsl.spec.decompile import written_out
from archdsl.spec.require import holds

ALIAS = """arch 1
space S {
  input image: [3, 8, 8]
  s = image -> conv(c = 4)
  q = s -> conv(c = 5)
  x = one of {a: s, b: q}
  z = s -> relu
  output y = concat(unused({x, z}))
}
"""


def problems(text: str) -> set[str]:
    return {d.code for d in program(text).check().diagnostics}


def test_a_member_that_is_another_name_of_a_used_tensor_is_used():
    space = program(ALIAS).space()
    read = {}
    for x in ("a", "b"):
        graph = space.bind({"x": x}).bound
        read[x] = graph.nodes[graph.outputs["y"]].inputs
    assert read == {"a": ("z",), "b": ("q", "z")}


def test_a_reader_that_nothing_in_a_network_needs_does_not_use_what_it_reads():
    text = ALIAS.replace("b: q", "b: image").replace("{x, z}", "{x, s}")
    found = program(text).space().bind({"x": "b"}).graph
    assert [n.op for n in found.nodes.values()] == [
        "conv"
    ]  # of `image` and `s`, `s` is computed from `image`


def test_a_requirement_may_test_first_whether_a_tensor_is_defined():
    text = """arch 1
space S {
  input image: [3, 64, 64]
  x[0] = image -> conv(c = 8, s = 2)
  stage s for i in 1..2 { x[i] = x[i - 1] -> conv(c = 8, s = 2) }
  gate = one of {0, 1, 2}
  before = x[gate - 1]?
  output y = x[gate] -> conv(c = 4)
  require CONDITION
}
"""
    for condition in (
        "not defined(before) or before.h == 32",
        "(before.h == 32) if defined(before) else true",
        "not (defined(before) and before.h != 32)",
    ):
        space = program(text.replace("CONDITION", condition)).space()
        graphs = [space.bind({"gate": gate}).bound for gate in ("0", "1", "2")]
        met = [requirement.condition for graph in graphs for requirement in graph.requirements]
        assert met == [True, True, False], condition


def test_a_requirement_of_a_cell_holds_where_the_cell_is_chosen():
    text = """arch 1
cell A(x; n = 1) { require n == 1  return x -> conv(c = 4) }
cell B(x) { return x -> conv(c = 4) -> relu }
space S {
  input image: [3, 8, 8]
  k = one of {A(n = 2), B}
  output y = k(image)
}
"""
    space = program(text).space()
    met = {k: [r.condition for r in space.bind({"k": k}).bound.requirements] for k in ("A_n2", "B")}
    assert met == {"A_n2": [False], "B": [True]}
    assert problems(text) == {"ARCH403"}


@pytest.mark.parametrize(("wanted", "met"), [("n == 2", True), ("n == 3", False), ("t.c == 8", True)])
def test_a_decision_that_no_output_reads_is_free_in_a_requirement(wanted, met):
    text = f"""arch 1
space S {{
  input image: [3, 8, 8]
  d = one of {{relu, silu}}
  n = one of {{1, 2}}
  t = one of {{a: image, b: image -> conv(c = 8)}}
  output y = image -> d
  require {wanted}
}}
"""
    (requirement,) = program(text).space().bind({"d": "relu"}).bound.requirements
    assert requirement.condition is met
    assert ("ARCH404" in problems(text)) is not met


@pytest.mark.parametrize(
    "condition",
    [
        "floor(macs) <= 3G",
        "max(params, macs) < 1M",
        "params <= (2000 if macs > 3 else 3000000)",
        "params in {216, 217}",
        "params in {150..289}",
        '2 * latency(device = "a") <= 9 ms',
        'latency(device = "a") - 1 ms <= 9 ms + 300 us',
        'rate(device = "a") in 30 fps .. 60 fps',
        "latency() / 2 ms <= params",
        "latency() // 2 ms * params in {1, 2, 8}",
        'latency() / 1 ms * (latency(device = "b") / 1 us) <= 7',
        "floor(latency()) % 2 s == 3e-9 * 1 ms",
        "max(latency(), 3 ms) / 1 ms + params >= rate() / 1 fps",
        "(latency() if params > 3 else 3 ms) / 1 s <= (params if rate() > 3 fps else 8)",
        "(params > 3) == true",
        "not (params > 1T and macs < 3)",
        "params <= 999999T",
    ],
)
def test_a_network_is_accepted_again_with_its_requirements_when_written_out(condition):
    body = f"input image: [3, 8, 8] require {condition} output macs = image -> conv(c = 8)"
    text = f"arch 1\nnetwork N {{ {body} }}\n"
    again = archdsl.load("n.arch", text=text).network().to_arch()
    (first,) = archdsl.load("n.arch", text=text).network().graph.requirements
    (second,) = archdsl.load("n.arch", text=again).network().graph.requirements
    assert first.condition == second.condition
    assert problems(again) == set()


def test_a_requirement_that_a_network_does_not_meet_is_not_lost_when_it_is_written_out():
    body = "input image: [3, 8, 8] d = one of {1, 2} output y = image -> conv(c = d) require d == 1"
    network = program(f"arch 1\nspace S {{ {body} }}\n").space().bind({"d": 2})
    assert "ARCH404" in problems(written_out(network.graph))


@pytest.mark.parametrize(
    ("condition", "met"), [("<= 150", True), ("<= 149", False), (">= 156", True), (">= 157", False)]
)
def test_a_number_that_an_unread_decision_leaves_undefined_meets_nothing(condition: str, met: bool):
    text = f"""arch 1
space S {{
  input image: [4, 16, 12]
  n = one of {{0, 1, 2}}
  t = image -> max_pool(s = n)
  k = one of {{1, 3}}
  output y = image -> conv(c = 4, k = k)
  require params + t.w {condition}
}}
"""
    bound = archdsl.load("s.arch", text=text).space().binder.bind({"k": 1})
    assert holds(bound.graph.requirements[0].condition, bound) is met


A = 'latency(device = "a")'


@pytest.mark.parametrize(
    ("condition", "same"),
    [
        (f"{A} <= (3 ms if params > 1M else 5 s)", f"{A} <= (3.0 ms if params > 1M else 5000.0 ms)"),
        (
            f"{A} <= 2 * (3 ms if params > 1M else 5 ms) + 1 us",
            f"{A} <= 2 * (3.0 ms if params > 1M else 5.0 ms) + 0.001 ms",
        ),
        (f"({A} if params > 3 else 3 ms) <= 9 ms", f"({A} if params > 3 else 3.0 ms) <= 9.0 ms"),
        (f"max({A}, 3 ms) <= min(9 ms, 2 s)", f"max({A}, 3.0 ms) <= 9.0 ms"),
        ("params <= (3M if macs > 1K else 5)", "params <= (3000000 if macs > 1000 else 5)"),
        (f"{A} <= (3 ms if k == 1 else 5 ms)", f"{A} <= (3.0 ms if k == 1 else 5.0 ms)"),
        (f"{A} <= most", f"{A} <= (3.0 ms if k == 1 else 5.0 ms)"),
        (f"{A} <= one_of_two", f"{A} <= (1.0 ms if one_of_two == 1 ms else 2.0 ms)"),
        ("6 ms / 2 ms == n", "n == 3"),
    ],
)
def test_quantities_are_chosen_like_numbers_in_requirements(condition: str, same: str):
    text = """arch 1
space S {
  input image: [3, 8, 8]
  k = one of {1, 3}
  one_of_two = one of {1 ms, 2 ms}
  n = one of {2, 3}
  most = 3 ms if k == 1 else 5 ms
  output y = image -> conv(c = 8, k = k)
  require CONDITION
}
"""
    spaces = [archdsl.load("s.arch", text=text.replace("CONDITION", c)).space() for c in (condition, same)]
    for decisions in ({"k": 1}, {"k": 3, "n": 3, "one_of_two": "2 ms"}):
        networks = [s.bind({d: o for d, o in decisions.items() if d in s.graph.decisions}) for s in spaces]
        first, second = (network.bound.requirements[0].condition for network in networks)
        assert first == second
        again = archdsl.load("n.arch", text=written_out(networks[0].graph))
        assert [r.condition for r in again.network().graph.requirements] == ([] if first is True else [first])


@pytest.mark.parametrize(
    "condition",
    [
        f"{A} <= (3 ms if params > 1M else 5 fps)",
        f"{A} <= (3 ms if k == 1 else 5)",
        f"max({A}, 3 fps) <= 9 ms",
        f"{A} <= 9",
        f"{A} * {A} <= 9",
        f"{A} * {A} <= 9 ms",
        f"2 * {A} - 3 in 1 ms .. 2 ms",
        f"{A} <= params",
        f"{A} == 3",
        f"{A} in 3..9",
        f"{A} * rate() <= 1000",
        "2 ms * 3 ms <= 9 ms",
        f"2 / {A} >= 1 ms",
    ],
)
def test_quantities_of_several_dimensions_are_not_chosen_from(condition: str):
    body = f"input image: [3, 8, 8] k = one of {{1, 3}} output y = image -> conv(k = k) require {condition}"
    assert "ARCH212" in problems(f"arch 1\nspace S {{ {body} }}\n")


@pytest.mark.parametrize("divisor", ["params", 'latency(device = "b")', "(macs - 1)"])
def test_a_requirement_that_divides_by_a_cost_says_to_multiply_instead(divisor: str):
    by = '(latency(device = "a") / ' if "latency" in divisor else "(macs / "
    text = "arch 1\nnetwork N {\n  input image: [3, 8, 8]\n  output y = image -> conv(c = 4)\n  require "
    (error,) = archdsl.load("n.arch", text=f"{text}{by}{divisor}) <= 2\n}}\n").check().diagnostics
    assert error.code == "ARCH211"
    assert "multiply" in (error.help or "")


def test_every_outcome_that_a_requirement_excludes_is_listed():
    text = """arch 1
cell A(x) {
  k = one of {1, 3, 5}
  require k > 1
  return x -> conv(c = 3, k = k)
}
space S {
  input image: [3, 8, 8]
  n = one of {1..30}
  m = one of {1, 2, 3}
  p = image -> A
  output y = A(p) -> conv(c = n + m)
  require n + m in 4..4
}
"""
    cells, sums = [d for d in program(text).check().diagnostics if d.code == "ARCH403"]
    assert cells.headline == "`p.k = 1`, `y.A.k = 1` can never be chosen"
    assert sums.headline.startswith("`n = 4`, `n = 5`, ")
    assert sums.headline.endswith("`n = 15` and 15 more can never be chosen")


def over_widths(number: int, condition: str) -> str:
    """A space of widths 1, 2 and 3, and a condition over them."""
    layers = [f"  w{n} = one of {{1, 2, 3}}\n  x = x -> conv(c = w{n})\n" for n in range(number)]
    return (
        f"arch 1\nspace S {{\n  input image: [3, 8, 8]\n  x = image\n{''.join(layers)}"
        f"  output y = x\n  require {condition}\n}}\n"
    )


def test_the_outcomes_that_a_maximum_of_many_decisions_excludes_are_found_together(
    monkeypatch: pytest.MonkeyPatch,
):
    compiled: list[Exact] = []

    class Counted(Exact):
        def __init__(self, *given: Any):
            super().__init__(*given)
            compiled.append(self)

    monkeypatch.setattr(searcher, "Exact", Counted)
    names = ", ".join(f"w{n}" for n in range(100))
    (found,) = program(over_widths(100, f"max({names}) <= 2")).check().diagnostics
    assert found.headline.endswith("`w88 = 3` and 88 more can never be chosen")
    assert len(compiled) <= 2


@pytest.mark.parametrize("way", ["value sets first", "diagrams", "one after another"])
def test_the_outcomes_that_a_requirement_excludes_are_those_of_no_network(
    way: str, monkeypatch: pytest.MonkeyPatch
):
    if way != "value sets first":
        monkeypatch.setattr(Searcher, "_unsettled", lambda self, condition, unknown, kept: unknown)
    if way == "one after another":
        monkeypatch.setattr(Exact, "possible", too_large)
    for condition, meets in {
        "w0 + w1 == 2 or w2 == w3": lambda a, b, c, d: a + b == 2 or c == d,
        "w0 * w1 + w2 == 9 and w3 != w1": lambda a, b, c, d: a * b + c == 9 and d != b,
        "(w0 < w1 and w1 < w2) or (w3 == 2 and w0 == 3 and w2 == 1)": lambda a, b, c, d: (
            a < b < c or (d == 2 and a == 3 and c == 1)
        ),
        "max(w0, w1, w2) - w3 >= 2": lambda a, b, c, d: max(a, b, c) - d >= 2,
        "w0 // w1 == 3 or w2 + w3 == 2": lambda a, b, c, d: a // b == 3 or c + d == 2,
        "w0 // w1 == 3 and 10 * w2 + w3 in {11, 32}": lambda a, b, c, d: (
            a // b == 3 and 10 * c + d in {11, 32}
        ),
    }.items():
        met = [o for o in product((1, 2, 3), repeat=4) if meets(*o)]
        excluded = {f"`w{n} = {o}`" for n in range(4) for o in (1, 2, 3) if all(m[n] != o for m in met)}
        said = [d.headline for d in program(over_widths(4, condition)).check().diagnostics]
        assert set(re.findall(r"`w\d = \d`", " ".join(said))) == excluded


def too_large(self: Exact, condition: int):
    raise TooLarge


def test_networks_are_bound_once_for_all_requirements_on_costs(monkeypatch: pytest.MonkeyPatch):
    bound: list[object] = []
    bind = Binder.bind

    def counted(self: Binder, *given: Any) -> Bound:
        bound.append(given)
        return bind(self, *given)

    monkeypatch.setattr(Binder, "bind", counted)
    text = over_widths(3, "\n  require ".join(f"params <= {n}" for n in range(200, 300)))
    assert program(text).check().ok
    assert len(bound) <= 20
