"""States of checkpoints that do not fit are refused, and settings of runs have the ranges that are said."""

from __future__ import annotations

import math

import pytest
import torch

from archdsl.runs.limits import LIMITS, Limit
from archdsl.runs.restoring import like, optimiser_state, part
from archdsl.runs.unfit import Unfit


@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
def test_a_number_below_its_least_or_not_finite_does_not_fit(value: float):
    assert part({"best": 0.0}, "best", float, least=0.0) == 0.0
    with pytest.raises(Unfit, match="at least"):
        part({"best": value}, "best", float, least=0.0)


def test_a_state_has_the_names_that_are_wanted_and_no_others():
    wanted = {"a": torch.zeros(2), "inside": {"b": 1}}
    assert like({"net": wanted}, "net", wanted) is wanted
    with pytest.raises(Unfit, match=r"no `net\.inside\.b`"):
        like({"net": {"a": torch.zeros(2), "inside": {}}}, "net", wanted)
    with pytest.raises(Unfit, match=r"`net\.inside\.c`, which this run does not have"):
        like({"net": {"a": torch.zeros(2), "inside": {"b": 1, "c": 2}}}, "net", wanted)


def stepped(optimiser: torch.optim.Optimizer, weight: torch.nn.Parameter) -> dict[str, object]:
    weight.grad = torch.ones_like(weight)
    optimiser.step()
    return optimiser.state_dict()


@pytest.mark.parametrize("change", [torch.zeros(3), torch.full((2,), math.nan), torch.zeros(2).double(), 1.0])
def test_what_an_optimizer_remembers_of_a_weight_is_a_tensor_of_its_shape_type_and_numbers(change: object):
    weight = torch.nn.Parameter(torch.ones(2))
    optimiser = torch.optim.Adam([weight])
    state = stepped(optimiser, weight)
    assert optimiser_state({"adam": state}, "adam", optimiser)["state"][0]["exp_avg"].shape == (2,)
    state["state"][0]["exp_avg"] = change  # type: ignore[index]
    with pytest.raises(Unfit, match="exp_avg"):
        optimiser_state({"adam": state}, "adam", optimiser)


@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
def test_the_ends_of_a_range_belong_to_it_unless_it_is_said_to_be_open(limit: Limit):
    assert limit.holds(limit.low) is not limit.low_open
    assert limit.holds(limit.high) is not limit.high_open
    step = 1 if limit.kind is int else 1e-9
    assert limit.holds(limit.low + step)
    assert not limit.holds(limit.low - step)
    assert not limit.holds(limit.high + max(step, limit.high * 1e-9))
    for other in (True, "1", math.nan, math.inf):
        assert not limit.holds(other)
