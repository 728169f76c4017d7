"""Costs as terms of searches: soft over probabilities, exact over bound networks."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from timing import SPEC, PretendTimer

import archdsl
from archdsl.cli import run
from archdsl.devices.build import build
from archdsl.devices.estimate import estimate, read_table
from archdsl.devices.keys import space_keys
from archdsl.devices.latency import Latency
from archdsl.devices.objective import Costs
from archdsl.devices.table import Table
from archdsl.diagnostics import SpecError
from archdsl.passes.costs.space_cost import random_outcomes
from archdsl.program import Space
from archdsl.spec.search_values import Clauses

SEARCH = """
search Quick for Tiny {{
  strategy = random
  minimize {objective}
  require {requirement}
}}
"""


def read(objective: str = "params", requirement: str = "params <= 1K") -> tuple[Space, Clauses]:
    text = SPEC + SEARCH.format(objective=objective, requirement=requirement)
    program = archdsl.load("tiny.arch", text=text)
    return program.space(), program.search().clauses


@pytest.fixture
def table(tmp_path: Path) -> Table:
    units = space_keys(read()[0], random.Random(0), quiet=100).units.values()
    return build(tmp_path / "t.json", units, PretendTimer("eager"))


def test_the_latency_of_bound_networks_is_their_estimate(table: Table):
    space, clauses = read("latency")
    outcomes = random_outcomes(space.graph, 30)
    found = Costs(space, [table]).exact(clauses.objectives[0].value, outcomes)
    for row, ms in zip(outcomes.tolist(), found, strict=True):
        decisions = {p: d.outcomes[o] for (p, d), o in zip(space.decisions.items(), row, strict=True)}
        assert ms == pytest.approx(estimate(space.bind(decisions), table).total_ms, rel=1e-9)


@pytest.mark.parametrize(
    "objective", ["0.5 * latency + 2", "log(latency)", "rate", "log(macs) - params / 1K"]
)
def test_a_certain_network_costs_what_it_does_when_bound(table: Table, objective: str):
    space, clauses = read(objective)
    costs, value = Costs(space, [table]), clauses.objectives[0].value
    outcomes = random_outcomes(space.graph, 5)
    for row, exact in zip(outcomes, costs.exact(value, outcomes), strict=True):
        certain = {
            path: torch.eye(d.size, dtype=torch.float64)[o]
            for (path, d), o in zip(space.decisions.items(), row.tolist(), strict=True)
        }
        assert float(costs.soft(value, certain)) == pytest.approx(exact, rel=1e-9)


def test_gradients_of_an_objective_reach_every_decision_and_its_losses(table: Table):
    space, clauses = read("cross_entropy + 0.02 * log(latency)")
    loss = torch.tensor(2.0, requires_grad=True)
    logits = {path: torch.zeros(d.size, requires_grad=True) for path, d in space.decisions.items()}
    soft = {path: vector.softmax(0) for path, vector in logits.items()}
    Costs(space, [table]).soft(clauses.objectives[0].value, soft, {"cross_entropy": loss}).backward()
    assert loss.grad == 1
    assert all(vector.grad.abs().sum() > 0 for vector in logits.values())


def test_a_constraint_holds_or_not_for_bound_networks_and_is_missed_by_a_share_for_soft_ones():
    space, clauses = read(requirement="params <= 500")
    costs, condition = Costs(space), clauses.requirements[0]
    outcomes = random_outcomes(space.graph, 50)
    params = costs.exact(read("params")[1].objectives[0].value, outcomes)
    assert (costs.exact(condition, outcomes) == (params <= 500)).all()
    least = {path: torch.eye(d.size)[0] for path, d in space.decisions.items()}
    assert costs.soft(condition, least) == 0
    mean = costs.soft(read("params")[1].objectives[0].value, {})
    assert float(costs.soft(condition, {})) == pytest.approx(max(0, float(mean) / 500 - 1))


FREE = """arch 1
space Free {
  input image: [3, 8, 8]
  kind = one of {none: identity, half: conv(c = 3, k = 1), whole: conv(c = 3)}
  output y = image -> kind
}
search Quick for Free {
  strategy = random
  minimize %s
}
"""


@pytest.mark.parametrize(
    "value",
    [
        "macs / params",
        "1 / (params - 9)",
        "log(params)",
        "log(params - 9)",
        "log(log(params)) - params / macs",
    ],
)
def test_one_network_is_priced_as_many_where_a_value_is_undefined(value: str):
    program = archdsl.load("free.arch", text=FREE % f"{value}\n  require {value} <= 3")
    clauses, costs = program.search().clauses, Costs(program.space())
    for wanted in (clauses.objectives[0].value, clauses.requirements[0]):
        many = costs.exact(wanted, [[0], [1], [2]])
        np.testing.assert_allclose([costs.one(wanted, [n]) for n in range(3)], many)


@pytest.mark.parametrize(
    ("value", "meet"),
    [
        ("macs / params <= 100", {"half", "whole"}),
        ("log(params - 9) >= 0", {"whole"}),
        ("1 / (params - 9) in -1 .. 1", {"none", "whole"}),
    ],
)
def test_a_requirement_that_is_undefined_for_a_network_is_not_met_by_it(
    value: str, meet: set[str], tmp_path: Path
):
    text = FREE % f"params\n  trials = 10\n  evaluate = costs\n  require {value}"
    found = archdsl.search(archdsl.load("free.arch", text=text), folder=tmp_path / "run")
    assert {("none", "half", "whole")[trial.outcomes[0]] for trial in found.trials} == meet


@pytest.mark.parametrize(("relation", "missed"), [("<= 0", 3), ("< 0", 3), (">= 0", 0), ("in -1 .. 0", 3)])
def test_a_limit_of_zero_is_missed_by_a_finite_amount(relation: str, missed: float):
    program = archdsl.load("free.arch", text=FREE % f"params\n  require params / 27 {relation}")
    probabilities = {"kind": torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)}
    found = Costs(program.space()).soft(program.search().clauses.requirements[0], probabilities)
    assert float(found) == missed


@pytest.mark.parametrize("text", ["params / 0", "cross_entropy / (1 - 1)", "log(macs / 0.0)"])
def test_a_division_by_zero_is_found_before_a_search(text: str):
    with pytest.raises(SpecError, match="division by zero"):
        archdsl.load("free.arch", text=FREE % text).search()


def test_a_table_without_a_row_that_some_network_needs_is_refused(table: Table):
    space, clauses = read("latency")
    rows = [row for row in table.rows if row.op != "max_pool"]
    costs = Costs(space, [table.model_copy(update={"rows": rows})])
    for ask in (
        lambda: costs.soft(clauses.objectives[0].value, {}),
        lambda: costs.exact(clauses.objectives[0].value, random_outcomes(space.graph, 50)),
    ):
        with pytest.raises(SpecError) as caught:
            ask()
        assert [d.code for d in caught.value.diagnostics] == ["ARCH824"]


def test_a_device_without_a_table_is_named(table: Table):
    space, clauses = read('latency(device = "gtx1080ti")')
    with pytest.raises(SpecError) as caught:
        Costs(space, [table]).soft(clauses.objectives[0].value, {})
    assert [d.code for d in caught.value.diagnostics] == ["ARCH827"]
    assert "gtx1080ti" in caught.value.diagnostics[0].headline


def test_an_entangled_space_has_exact_prices_and_no_expectation(
    table: Table, monkeypatch: pytest.MonkeyPatch
):
    from archdsl.passes.analyses.closed_form import Entangled
    from archdsl.passes.costs import space_cost

    def fail(graph: object) -> None:
        raise Entangled("too much at once")

    space, clauses = read("latency + 0 * macs")
    value, outcomes = clauses.objectives[0].value, random_outcomes(space.graph, 20)
    closed = Costs(space, [table]).exact(value, outcomes)
    monkeypatch.setattr(space_cost, "closed_form", fail)
    costs = Costs(space, [table])
    assert costs.exact(value, outcomes) == pytest.approx(closed, rel=1e-9)
    with pytest.raises(SpecError) as caught:
        costs.soft(value, {})
    assert [d.code for d in caught.value.diagnostics] == ["ARCH828"]


def test_latency_is_an_analysis_that_a_pipeline_can_name(table: Table, tmp_path: Path, capsys):
    (tmp_path / "tiny.arch").write_text(SPEC)
    space, rows = read()[0], tmp_path / "t.json"
    outcomes = space.sample(random.Random(1))
    network = space.bind(outcomes)
    decided = ", ".join(f"{path} = {outcome}" for path, outcome in network.chosen.items())
    passes = f'bind({decided}), latency(table = "{rows.as_posix()}")'
    words = [str(tmp_path / "tiny.arch"), "--name", "Tiny", "--passes", passes, "--emit", "ir", "--verify"]
    assert run(["compile", *words]) == 0
    ms = estimate(network, read_table(rows)[0]).total_ms
    assert f"\n{ms:.3f} ms\n" in capsys.readouterr().err


def test_latency_of_a_space_is_a_mean(table: Table):
    space, clauses = read("latency")
    mean = Costs(space, [table]).soft(clauses.objectives[0].value, {})
    latency = Latency(table)
    assert latency.text(latency(space.graph)) == f"{float(mean):.3f} ms on average"
    assert latency(space.graph) is latency(space.graph)


ZEROS = """
arch 1
op cut(x) = x -> conv(k = 1) -> zero -> bn
op block(x) = x -> relu -> conv -> bn
space Zeros {
  input image: [3, 16, 32]
  width = one of {4, 6}
  x = image -> conv(c = width, s = 2)
  y = x + (x -> one of {zero, block, cut}) + (x -> block)
  z = concat(y -> conv(c = 3) -> one of {zero, relu}, image -> one of {zero(s = 2), max_pool(s = 2)})
  output logits = z -> conv(c = 2)
}
"""


def test_the_keys_of_a_space_are_all_that_the_prices_of_its_networks_ask_for(tmp_path: Path):
    space = archdsl.load("zeros.arch", text=ZEROS).space()
    units = space_keys(space, random.Random(0)).units.values()
    table = build(tmp_path / "t.json", units, PretendTimer("eager"))
    assert not Latency(table)(space.deployed).missing
    assert not Latency(table)(space.graph).missing
