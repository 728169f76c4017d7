"""Verbs end within limits of memory and time on spaces whose tables and diagrams would not fit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import archdsl
import limited
from archdsl.passes.analyses import active, closed_form
from archdsl.passes.analyses.closed_form import Limits
from archdsl.passes.analyses.decision_diagrams import Diagrams
from archdsl.passes.costs import extremes, pricing, space_cost
from archdsl.passes.costs.binding_pricer import BindingPricer
from archdsl.passes.costs.expected import Expected
from archdsl.passes.costs.price_tables import Classes, common
from archdsl.passes.costs.pricing import MACS, PARAMS, price_functions
from archdsl.passes.costs.space_cost import SpaceCost, random_outcomes
from archdsl.program import Space


def loaded(text: str) -> Space:
    return archdsl.load(Path("s.arch"), text=text).space()


def test_the_cost_of_a_network_on_a_billion_rows_is_found_without_holding_them(tmp_path: Path):
    spec = tmp_path / "n.arch"
    spec.write_text("""arch 1
network N {
  input image: [3, 1000000000, 24]
  x = image -> conv(c = 4, s = 2)
  output y = x -> resize(like = image) -> conv(c = 3)
}
""")
    ended = limited.run("cost", spec, "--json")
    assert (ended.code, ended.err) == (0, "")
    field = json.loads(ended.out)["receptive_field"]
    assert (field["rows"], field["columns"], field["exact"]) == (7, 7, False)


@pytest.mark.parametrize(
    "words", [["cost", "--samples", "1000"], ["explain"], ["check"], ["sample", "--over", "networks"]]
)
def test_spaces_of_more_networks_than_a_float_can_say_are_no_error(words: list[str], tmp_path: Path):
    spec = tmp_path / "s.arch"
    spec.write_text(limited.in_a_row(1100))
    ended = limited.run(words[0], spec, *words[1:])
    assert ended.code == 0, ended.err
    assert words[0] == "sample" or "1.36e331 networks" in ended.out


def test_a_space_of_more_networks_than_a_float_can_say_is_compared_with_a_small_one(tmp_path: Path):
    large, small = tmp_path / "large.arch", tmp_path / "small.arch"
    large.write_text(limited.in_a_row(1100))
    small.write_text(limited.in_a_row(3))
    ended = limited.run("diff", small, large)
    assert (ended.code, ended.err) == (0, "")
    assert "8 -> 1.36e331" in ended.out


def checked(text: str, folder: Path) -> limited.Ended:
    spec = folder / "s.arch"
    spec.write_text(text)
    return limited.run("check", spec)


def test_a_space_of_very_many_decisions_is_refused_where_the_last_one_is(tmp_path: Path):
    ended = checked(limited.optional(300), tmp_path)
    assert ended.code == 1
    assert "ARCH710" in ended.out
    assert "some of x[0..i - 2]" in ended.out


def test_networks_that_are_too_many_to_be_counted_are_said_to_be_at_most(tmp_path: Path):
    ended = checked(limited.dense(60), tmp_path)
    assert ended.code == 0
    assert "every one of at most 5.76e245 networks" in ended.out


def test_prices_whose_tables_are_too_large_are_those_of_bound_networks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pricing, "MOST_CELLS", 500)
    cost = SpaceCost(loaded(limited.widths(2, 12)).graph)
    assert "the tables of params exceed 500 cells" in (cost.why_no_tables(PARAMS) or "")
    assert isinstance(cost.pricer(PARAMS), BindingPricer)
    assert cost.samples([PARAMS]) == 300
    least, most = cost.extreme(PARAMS, "least"), cost.extreme(PARAMS, "most")
    assert least.price < most.price
    assert least.bound is None


@pytest.mark.slow
def test_sizes_of_more_values_than_diagrams_can_hold_are_priced_by_binding(tmp_path: Path):
    spec = tmp_path / "s.arch"
    terms = " + ".join(f"w[{n}] * w[{n + 1}]" for n in (1, 3, 5, 7))
    spec.write_text(
        "arch 1\n\nspace S {\n  input image: [3, 64, 128]\n  stage s for i in 1..8 {\n"
        f"    w[i] = one of {{8..800 step 7}}\n  }}\n  output y = image -> conv(c = {terms})\n}}\n"
    )
    ended = limited.run("cost", spec)
    assert ended.code == 0, ended.err
    assert "No closed form" in ended.out
    assert "found, no bound" in ended.out


def test_sums_of_many_widths_are_priced_by_their_partial_sums():
    terms = " + ".join(8 * ["(one of {8..64 step 8})"])
    space = loaded(
        f"arch 1\nspace S {{\n  input image: [3, 4, 4]\n  output y = image -> conv(c = {terms}, k = 1)\n}}\n"
    )
    cost = SpaceCost(space.graph)
    least, most = cost.extreme(PARAMS, "least"), cost.extreme(PARAMS, "most")
    assert (least.price, least.exact, most.price, most.exact) == (3 * 8 * 8, True, 3 * 8 * 64, True)
    assert cost.expected(PARAMS).of() == pytest.approx(3 * 8 * 36)
    outcomes = random_outcomes(space.graph, 50)
    assert cost.pricer(PARAMS).many(outcomes).tolist() == [3 * 8 * (8 + sum(o)) for o in outcomes.tolist()]


def test_the_same_prices_are_found_with_tables_and_without(monkeypatch: pytest.MonkeyPatch):
    graph = loaded(limited.widths(2, 6)).graph
    quick = SpaceCost(graph)
    monkeypatch.setattr(pricing, "MOST_CELLS", 10)
    slow = SpaceCost(graph)
    slow.why_no_tables(MACS)
    outcomes = [[0, 0, 0], [5, 5, 5], [1, 4, 2]]
    assert quick.pricer(MACS).many(outcomes).tolist() == slow.pricer(MACS).many(outcomes).tolist()


def test_expectations_over_many_cut_functions_stay_expectations():
    of = closed_form.closed_form(loaded(limited.dense(36)).graph, Limits(64, 1 << 12, 200_000))
    found = Expected(of, price_functions(of, PARAMS))
    assert not found.exact
    assert found.of() == pytest.approx(108, rel=1e-6)  # one convolution, which every network has


def test_a_space_that_needs_cuts_is_tried_without_them_for_fewer_steps(monkeypatch: pytest.MonkeyPatch):
    made: list[Diagrams] = []

    class Kept(Diagrams):
        def __init__(self, *given: Any, **named: Any):
            super().__init__(*given, **named)
            made.append(self)

    stage = "stage s for i in 1..200 { x[i] = x[i - 1] -> conv(s = one of {1, 2}) }"
    graph = loaded(limited.space(f"  {stage}\n  output y = x[200]", (3, 512, 1024))).graph
    monkeypatch.setattr(closed_form, "Diagrams", Kept)
    found = SpaceCost(graph).expected(MACS)
    assert found.cut
    assert any(diagrams.steps > 499_000 for diagrams in made)
    assert all(diagrams.steps <= 501_000 for diagrams in made)


def test_an_order_of_elimination_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch):
    stage = "stage s for i in 1..20 { x[i] = (one of x[0..i - 1]) -> conv }"
    cost = SpaceCost(loaded(limited.space(f"  {stage}\n  output y = x[20]")).graph)
    assert cost.extreme(PARAMS, "least").exact
    visited: list[int] = []

    def counted(scopes: Iterable[Mapping[int, Classes]]) -> dict[int, Classes]:
        merged = list(scopes)
        visited.append(sum(len(classes) for scope in merged for classes in scope.values()))
        return common(merged)

    monkeypatch.setattr(extremes, "common", counted)
    monkeypatch.setattr(extremes, "MOST_VISITED", 20_000)
    found = cost.extreme(PARAMS, "least")
    assert sum(visited) <= 40_000
    assert found.bound is None
    assert found.price == cost.pricer(PARAMS).one(found.outcomes)


def test_the_cheapest_of_a_thousand_choices_in_a_row_is_found_exactly():
    cost = SpaceCost(loaded(limited.in_a_row(1100)).graph)
    assert cost.extreme(PARAMS, "least").exact
    assert cost.extreme(PARAMS, "least").price == 108
    assert cost.extreme(PARAMS, "most").price == 108 + 1100 * 144


def test_networks_are_drawn_in_portions_that_fit_into_memory(monkeypatch: pytest.MonkeyPatch):
    cost = SpaceCost(loaded(limited.widths(2, 6)).graph)
    whole = cost.sampled([PARAMS, MACS], 500)
    monkeypatch.setattr(space_cost, "_OUTCOMES_TOGETHER", 300)
    parts = cost.sampled([PARAMS, MACS], 500)
    assert [len(values) for values in parts] == [500, 500]
    assert parts[0][:100].tolist() == cost.sampled([PARAMS], 100)[0].tolist()
    assert parts[1].mean() == pytest.approx(whole[1].mean(), rel=0.2)


def test_a_search_for_an_extreme_spends_its_bound_and_keeps_some_of_it_for_descent(
    monkeypatch: pytest.MonkeyPatch,
):
    space = loaded("""arch 1
space S {
  input image: [3, 8, 8]
  stage s for i in 1..10 { image = image -> one of {a: conv(c = 3), b: conv(c = 3, k = 5)} }
  output y = image
}
""")
    monkeypatch.setattr(space_cost, "_LEAST_BOUND", 50)
    monkeypatch.setattr(space_cost, "_WORK_BOUND", 1)
    monkeypatch.setattr(SpaceCost, "tables", refused)
    priced: list[int] = []
    many = BindingPricer.many

    def counting(self: BindingPricer, outcomes):
        priced.append(len(outcomes))
        return many(self, outcomes)

    monkeypatch.setattr(BindingPricer, "many", counting)
    found = SpaceCost(space.graph).extreme(PARAMS, "least")
    assert found.outcomes == (0,) * 10
    assert len(priced) > 1
    assert sum(priced) <= 50


def test_values_that_select_count_as_work_of_binding() -> None:
    text = """arch 1
op join(a, b) = concat(a, b -> resize(like = a))
space S {
  input image: [2, 4, 4]
  x[0] = image
  stage s for i in 1..N { x[i] = (one of x[0..i - 1]) -> relu }
  output y = fold(join, unused(x[1..N]))
}
"""

    def tries(n: int) -> int:
        return SpaceCost(loaded(text.replace("N", str(n))).graph)._bound

    assert tries(4) == space_cost._MOST_BOUND
    assert space_cost._LEAST_BOUND <= tries(80) < tries(64) < space_cost._MOST_BOUND


def test_layers_count_as_work_of_binding() -> None:
    text = """arch 1
space S {
  input image: [3, 4, 4]
  x = image
  stage s for i in 1..N { x = x -> conv(c = one of {1..9}, k = 1) }
  output y = x
}
"""

    def layers(n: int) -> int:
        return n * SpaceCost(loaded(text.replace("N", str(n))).graph)._bound

    assert layers(2000) <= layers(400) <= 100_000


def refused(self: SpaceCost, price: object):
    raise closed_form.Entangled("no tables")


def test_layers_whose_sizes_depend_on_many_outcomes_are_priced_by_samples(monkeypatch: pytest.MonkeyPatch):
    evaluated: list[object] = []
    shape_rule = closed_form._context

    def counted(*args: object) -> object:
        evaluated.append(args)
        return shape_rule(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(closed_form, "_context", counted)
    monkeypatch.setattr(closed_form, "MOST_CONTEXTS", 5_000)
    space = loaded("""arch 1
space S {
  input image: [3, 32, 32]
  x = image
  stage s repeat 8 { x = x -> conv(c = one of {1..100}) }
  output y = x
}
""")
    assert "5,000 applications" in (SpaceCost(space.graph).entangled or "")
    assert len(evaluated) <= 5_001


def test_sums_of_many_optional_tensors_count_as_much_as_they_read(monkeypatch: pytest.MonkeyPatch):
    read: list[int] = []
    shape_rule = closed_form._context

    def counted(primitive: object, node: object, states: Sequence[object], *rest: object) -> object:
        read.append(len(states))
        return shape_rule(primitive, node, states, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(closed_form, "_context", counted)
    assert "applications" in (SpaceCost(loaded(limited.optional(20)).graph).entangled or "")
    assert sum(read) <= closed_form.MOST_CONTEXTS * closed_form.INPUTS_PER_CONTEXT


def visited(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The members of sets of decisions that are visited from here on."""
    found: list[int] = []
    members = active._bits

    def counted(mask: int) -> Iterator[int]:
        for member in members(mask):
            found.append(member)
            yield member

    monkeypatch.setattr(active, "_bits", counted)
    return found


def test_decisions_that_are_active_in_every_network_are_not_visited_at_each_fork(
    monkeypatch: pytest.MonkeyPatch,
):
    graph = loaded(limited.optional(30)).graph
    found = visited(monkeypatch)
    known = active.active_decisions(graph)
    assert known.exact
    assert set(known.when.values()) == {known.diagrams.true}
    assert len(found) < len(graph.nodes)


def test_forks_of_many_outcomes_that_reach_many_decisions_are_given_up(monkeypatch: pytest.MonkeyPatch):
    graph = loaded(
        limited.space(
            "  stage s for i in 1..700 { x[i] = x[i - 1] -> one of {relu, conv} }\n"
            "  depth = one of {1..700}\n  output y = x[depth]"
        )
    ).graph
    assert active.active_decisions(graph).exact
    found = visited(monkeypatch)
    monkeypatch.setattr(active, "BITS_PER_STEP", 1)
    known = active.active_decisions(graph)
    assert not known.exact
    assert len(known.when) == 701
    assert len(found) < 700 * 700 / 2


@pytest.mark.parametrize(
    "body",
    [
        "w = a + b if n in 0..4 else a * b\n  output y = image -> conv(c = w)",
        "w = x.c if n in 0..4999 else z.c\n  require w > 0\n  output y = image -> conv(c = w + b)",
        "f = x if n <= 400 else z\n  require f.c < 9\n  output y = f -> conv",
        "e[1] = x\n  e[2] = z\n  f = e[a + n // 5000]?\n  output y = concat({z, f, g: e[b + n // 7000]?})",
        "f = x if n in 0..400 else z\n  act = relu if n < 400 else conv(c = a + b)\n  output y = f -> act",
    ],
    ids=["numbers", "sizes", "tensors", "absent tensors", "ops"],
)
def test_a_test_of_a_decision_of_ten_thousand_outcomes_takes_linear_time(body: str, tmp_path: Path):
    spec = tmp_path / "s.arch"
    spec.write_text(
        "arch 1\n\nspace S {\n  input image: [3, 8, 8]\n  n = one of {0..9998}\n"
        "  a = one of {1, 2}\n  b = one of {1, 2}\n  x = image -> conv(c = a)\n"
        f"  z = image -> conv(c = b)\n  {body}\n}}\n"
    )
    ended = limited.run("check", spec, seconds=6)
    assert ended.code == 0, ended.err
