"""Objectives: exact for one network, the expectation for soft choices, with gradients."""

from __future__ import annotations

import random

import pytest
import torch

from archdsl.diagnostics import SpecError
from archdsl.passes.costs.cost import costs, total
from archdsl.search.differentiable.objective import ObjectiveFunction
from archdsl.search.scores import class_weights_rule
from small_search import SPEC, plan_of, program


def objective(goal: str) -> ObjectiveFunction:
    text = SPEC.replace("minimize cross_entropy + 0.05 * log(macs)", goal)
    return ObjectiveFunction(plan_of(text), program(text).space())


def test_with_one_network_costs_are_exactly_its_own():
    space = program().space()
    found = objective("minimize cross_entropy + 1e-9 * macs + 1e-6 * params")
    for seed in range(20):
        chosen = space.sample(random.Random(seed))
        weights = {
            p: torch.nn.functional.one_hot(
                torch.tensor(space.decisions[p].index[o]), space.decisions[p].size
            ).float()
            for p, o in chosen.items()
        }
        cost = total(costs(space.bind(chosen).graph).values())
        assert found.named(found.cost_values(weights)) == {"macs": cost.macs, "params": cost.params}


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ("minimize cross_entropy + 0.05 * log(macs)", lambda ce, macs: ce + 0.05 * macs.log()),
        ("minimize cross_entropy + 1e-9 * macs", lambda ce, macs: ce + 1e-9 * macs),
        ("minimize cross_entropy * log(macs)", lambda ce, macs: ce * macs.log()),
        ("minimize cross_entropy\n  maximize 0 - 1e-9 * macs", lambda ce, macs: ce + 1e-9 * macs),
    ],
)
def test_the_objective_is_what_is_written(goal, expected):
    found = objective(goal)
    values = found.cost_values({})
    (macs,) = values.values()
    task = torch.tensor(2.0)
    torch.testing.assert_close(found.value({"cross_entropy": task}, values), expected(task.double(), macs))


def test_a_deeper_gate_costs_more_and_gradients_say_so():
    found = objective("minimize cross_entropy + 0.05 * log(macs)")
    gate = torch.zeros(3, requires_grad=True)
    values = found.cost_values({"hyper[2].gate": gate.softmax(0)})
    found.value({"cross_entropy": torch.tensor(0.0)}, values).backward()
    assert gate.grad[2] > gate.grad[0]


@pytest.mark.parametrize(
    "goal", ["minimize log(macs)", "minimize cross_entropy + 0.1 * latency", "minimize cross_entropy + miou"]
)
def test_objectives_that_cannot_be_computed_are_said_before_the_search(goal):
    with pytest.raises(SpecError) as error:
        objective(goal)
    assert error.value.diagnostics[0].code == "ARCH606"


@pytest.mark.parametrize("loss", ["cross_entropy", "ohem"])
def test_classes_are_weighted_as_the_loss_says(loss):
    text = SPEC.replace("minimize cross_entropy", f"minimize {loss}(class_weights = [1, 4, 0.5])")
    plan = plan_of(text)
    assert class_weights_rule(plan) == "1,4,0.5"
    found = ObjectiveFunction(plan, program(text).space(), (), (1.0, 4.0, 0.5))
    masks_BHW = torch.tensor([[[0, 1, 2, 255]]])
    (of_output,) = found.losses
    assert float(of_output.counted(masks_BHW)) == 5.5
    losses = torch.nn.functional.cross_entropy
    logits_BKHW = torch.randn(1, 3, 1, 4, generator=torch.Generator().manual_seed(0))
    wanted = losses(logits_BKHW, masks_BHW, torch.tensor([1.0, 4.0, 0.5]), ignore_index=255)
    if loss == "cross_entropy":
        torch.testing.assert_close(of_output.of(logits_BKHW, masks_BHW), wanted)
    assert float(of_output.of(logits_BKHW, masks_BHW)) > 0
    with pytest.raises(ValueError, match="class weights"):
        ObjectiveFunction(plan, program(text).space())


@pytest.mark.parametrize(
    ("goal", "place"),
    [
        ("minimize cross_entropy\n  require params != 3", "params != 3"),
        ("minimize log(macs)", "log(macs)"),
    ],
)
def test_what_has_no_gradient_is_refused_at_its_place(goal: str, place: str) -> None:
    with pytest.raises(SpecError) as error:
        objective(goal)
    (found,) = error.value.diagnostics
    assert found.primary is not None
    where = found.primary.location
    assert (found.code, where.source.text[where.start : where.end]) == ("ARCH606", place)
