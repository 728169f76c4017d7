"""Architecture parameters, what is sampled from them, and messages between cells."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import archdsl
from archdsl.passes.analyses.cells import Cells
from archdsl.program import Space
from archdsl.search.config import Communication
from archdsl.search.differentiable.architecture import Architecture, ArchitectureSample
from archdsl.search.differentiable.optimisers import optimiser, set_rates
from archdsl.search.differentiable.samplers import Sampling
from small_search import plan_of, program

GATES = ("hyper[1].gate", "hyper[2].gate")


def architecture_of(space: Space, *settings: Any, **more: Any) -> Architecture:
    return Architecture(space.decisions, Cells()(space.graph), *settings, **more)


def architecture(seed: int = 0, **how: object) -> Architecture:
    return architecture_of(program().space(), Communication(**how), 1.0, seed)


def sampled(one: Architecture, name: str, tau: float, seed: int = 0) -> ArchitectureSample:
    """A sample in which one sampler holds for all decisions."""
    return one.sample(dict.fromkeys(one.decisions, Sampling(name, tau)), generator(seed))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sampler", ["softmax", "gumbel", "hard", "one_path", "uniform", "fixed"])
def test_weights_of_a_decision_sum_to_one(sampler):
    sample = sampled(architecture(), sampler, 0.7)
    for weights in sample.weights.values():
        assert weights.sum().item() == pytest.approx(1, abs=1e-5)


def test_hard_weights_are_ones_and_zeros_with_the_gradient_of_soft_ones():
    one = architecture()
    hard, soft = sampled(one, "hard", 0.7), sampled(one, "gumbel", 0.7)
    for path, weights in hard.weights.items():
        assert sorted(weights.tolist())[:-1] == [0.0] * (len(weights) - 1)
        assert weights.argmax() == soft.weights[path].argmax()
    scale = torch.arange(4.0)
    grads = []
    for sample in (hard, soft):
        one.zero_grad()
        sum((w * scale[: len(w)]).sum() for w in sample.weights.values()).backward()
        grads.append([p.grad.clone() for p in one.logits.values()])
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b)


def test_outcomes_are_drawn_as_often_as_their_probabilities_say():
    one = architecture()
    path = "hyper[1].Reduce.pm"
    counts = torch.zeros(4)
    for seed in range(1500):
        counts[sampled(one, "one_path", 1.0, seed).outcomes[path]] += 1
    torch.testing.assert_close(counts / 1500, one.probabilities()[path].detach(), atol=0.04, rtol=0)


def test_a_colder_draw_is_nearer_to_one_outcome():
    one = architecture()
    most = [
        min(float(w.detach().max()) for w in sampled(one, "gumbel", tau).weights.values())
        for tau in (3.0, 0.3, 0.01)
    ]
    assert most[0] < most[1] < most[2]


def mixed(one: Architecture, **gates: object) -> dict[str, Sampling]:
    """Gumbel for all decisions, another sampling for the gates."""
    usual = dict.fromkeys(one.decisions, Sampling("gumbel", 1.0))
    return usual | dict.fromkeys(GATES, Sampling(**{"tau": 1.0, **gates}))


def test_decisions_that_have_not_started_are_drawn_alike_without_a_gradient():
    one = architecture()
    sample = one.sample(mixed(one, name="softmax", started=False), generator())
    for path, weights in sample.weights.items():
        if path in ("hyper[1].gate", "hyper[2].gate"):
            torch.testing.assert_close(weights, torch.full((3,), 1 / 3))
        assert weights.requires_grad == (not path.endswith("gate"))


@pytest.mark.parametrize("name", ["hard", "one_path", "uniform", "fixed"])
def test_one_draw_mixes_decisions_with_one_outcome_and_soft_ones(name):
    one = architecture()
    sample = one.sample(mixed(one, name=name), generator())
    assert sample.outcomes is None
    for path, weights in sample.weights.items():
        assert (sorted(weights.tolist())[-1] == 1.0) == path.endswith("gate")


def test_one_network_is_drawn_where_every_decision_takes_one_outcome():
    one = architecture()
    by = dict.fromkeys(one.decisions, Sampling("one_path", 1.0))
    sample = one.sample(by | dict.fromkeys(GATES, Sampling("uniform", 1.0)), generator())
    assert sample.outcomes == {path: int(w.argmax()) for path, w in sample.weights.items()}
    assert sample.trained
    assert not sample.weights["hyper[1].gate"].requires_grad


def test_another_sampler_for_some_decisions_leaves_the_draw_of_the_others_as_it_was():
    one = architecture()
    alone, beside = sampled(one, "gumbel", 1.0), one.sample(mixed(one, name="softmax", tau=0.1), generator())
    for path, weights in alone.weights.items():
        assert torch.equal(weights, beside.weights[path]) == (not path.endswith("gate"))


def test_logits_of_decisions_that_stay_as_they_start_are_moved_by_no_optimiser():
    space, path = program().space(), "hyper[1].Reduce.pm"
    one = architecture_of(space, Communication(), 1.0, 0, still=[path])
    before = {name: vector.detach().clone() for name, vector in one.vectors().items()}
    by = torch.optim.Adam(one.parameters(), 0.1, weight_decay=0.1)
    sum(vector.sum() for vector in one.vectors().values()).backward()
    by.step()
    after = one.vectors()
    assert torch.equal(after[path], before[path])
    assert not torch.equal(after["hyper[1].Reduce.qm"], before["hyper[1].Reduce.qm"])


def test_a_draw_depends_on_its_generator_alone():
    first, again, other = (sampled(architecture(), "gumbel", 1.0, s) for s in (1, 1, 2))
    assert all(torch.equal(w, again.weights[p]) for p, w in first.weights.items())
    assert not all(torch.equal(w, other.weights[p]) for p, w in first.weights.items())


@pytest.mark.parametrize("link", ["dense", "gcn"])
def test_messages_of_weight_zero_leave_cells_independent(link):
    alone, linked = architecture(), architecture(link=link, residual=0.0)
    for path, vector in linked.vectors().items():
        assert torch.equal(vector, alone.vectors()[path])


@pytest.mark.parametrize("link", ["dense", "gcn", "shared"])
def test_cells_hear_of_the_one_before_them(link):
    one = architecture(link=link)
    changed = architecture(link=link)
    row = one.rows[4].index("hyper[1].Reduce.qn")
    with torch.no_grad():
        changed.logits["4"][row] += 1.0
    before, after = one.vectors(), changed.vectors()
    assert not torch.equal(before["hyper[1].Normal.pm"], after["hyper[1].Normal.pm"]) or link == "shared"
    assert torch.equal(before["hyper[1].Reduce.pm"], after["hyper[1].Reduce.pm"])
    if link == "shared":
        assert torch.equal(after["hyper[2].Normal.qn"], after["hyper[1].Reduce.qn"])


@pytest.mark.parametrize("link", ["dense", "gcn"])
def test_cells_that_prefer_nothing_say_nothing_at_first(link):
    silent = architecture_of(program().space(), Communication(link), 0.0, 0)
    assert all(not vector.any() for vector in silent.vectors().values())


def test_messages_learn_at_a_rate_of_their_own():
    plan = plan_of(communicate="gcn", architecture_lr=0.05)
    one = architecture_of(program().space(), plan.communication, 1.0, 0)
    by = optimiser(plan.architecture, one.logits.parameters(), one.messages(), plan.communication.lr)
    set_rates(by, plan.architecture, 0.0)
    rates = {id(p): group["lr"] for group in by.param_groups for p in group["params"]}
    assert {rates[id(p)] for p in one.logits.parameters()} == {0.05}
    assert [rates[id(p)] for p in one.messages()] == pytest.approx([1e-3] * len(list(one.messages())))
    assert len(rates) == len(list(one.parameters()))


def test_the_graph_convolution_has_about_as_many_weights_as_published():
    space = archdsl.load("specs/gas.arch").space()
    one = architecture_of(space, Communication("gcn"), 1.0, 0)
    per_pair = sum(p.numel() for p in one.linked.parameters()) / 13
    assert 5_200 < per_pair < 5_400


def test_a_search_says_what_cannot_be_run():
    with pytest.raises(archdsl.SpecError) as error:
        plan_of(epoch=3)
    assert error.value.diagnostics[0].code == "ARCH606"
    assert "epochs" in error.value.diagnostics[0].help
