"""The controller: which step decides what, its distributions, what it draws."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.configs.controllers import Lstm
from archdsl.diagnostics import SpecError
from archdsl.search.strategies.controller.layout import Step, layout
from archdsl.search.strategies.controller.lstm import LstmController
from archdsl.search.strategies.controller.unroll import as_torch, quick

PATHS = ("body[1].kind", "body[1].width", "body[2].kind", "head.kind")
SIZES = (3, 2, 3, 3)


def made(config: Lstm, sizes: tuple[int, ...] = SIZES, seed: int = 0) -> LstmController:
    paths = [f"d[{n}]" for n in range(len(sizes))] if sizes != SIZES else PATHS
    generator = torch.Generator().manual_seed(seed)
    return LstmController(config, layout(paths, sizes, config), generator, torch.float64)


# ------------------------------------------------------------ steps


def test_steps_are_in_the_order_of_the_space_with_a_head_for_each_decision():
    found = layout(PATHS, SIZES, Lstm())
    assert found.steps == tuple(Step(n, n) for n in range(4))
    assert (found.ways, found.warmup) == (SIZES, 0)


def test_decisions_that_are_named_come_first():
    found = layout(PATHS, SIZES, Lstm(order=("head", "body.width")))
    assert found.order == (3, 1, 0, 2)


def test_decisions_share_a_head_where_they_are_told_to():
    found = layout(PATHS, SIZES, Lstm(share=(("body.kind", "head"),)))
    assert [step.head for step in found.steps] == [0, 1, 0, 0]
    assert found.ways == (3, 2)


def test_steps_that_decide_nothing_share_a_head_of_one_way():
    found = layout(PATHS, SIZES, Lstm(one_way=("body[1].width", "head")))
    assert found.steps == (Step(0, 0), Step(1, 1), Step(None, 2), Step(2, 3), Step(3, 4), Step(None, 2))
    assert found.ways == (3, 2, 1, 3, 3)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (Lstm(order=("boddy",)), "`boddy` matches no searched decision"),
        (Lstm(one_way=("body[3]",)), "`body[3]` matches no searched decision"),
        (Lstm(share=("body",)), "`body[1].kind` and `body[1].width` cannot share a head: they have 3 and 2"),
        (Lstm(share=("body.kind", "body[2]")), "`body[2].kind` is named twice in `share`"),
    ],
)
def test_names_that_do_not_fit_are_refused(config: Lstm, message: str):
    with pytest.raises(SpecError, match="ARCH606") as caught:
        layout(PATHS, SIZES, config)
    assert message in caught.value.diagnostics[0].headline


# ------------------------------------------------------------ the LSTM


@settings(max_examples=25, deadline=None)
@given(*[st.integers(1, 4)] * 4, st.randoms(use_true_random=False))
def test_the_fast_run_has_the_outputs_and_the_gradients_of_autograd(steps, rows, hidden, layers, random):
    torch.manual_seed(random.getrandbits(32))
    weights = list(torch.nn.LSTM(hidden, hidden, layers, dtype=torch.float64).parameters())
    inputs = torch.randn(steps, rows, hidden, dtype=torch.float64, requires_grad=True)
    wanted, found = as_torch(inputs, weights), quick(inputs, weights)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    by = torch.randn_like(wanted)
    gradients = (torch.autograd.grad((one * by).sum(), [inputs, *weights]) for one in (found, wanted))
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)


# ------------------------------------------------------------ distributions

CONFIGS = {
    "plain": Lstm(hidden=5, init=2.0),
    "as in the paper": Lstm(hidden=5, init=2.0, warmup=2, share=("body.kind",), one_way=("body[1].width",),
                            order=("head",)),
    "choices fed back": Lstm(hidden=5, init=2.0, feedback=True),
    "all of it": Lstm(hidden=5, init=2.0, layers=1, warmup=1, share=(("body.kind", "head"),), feedback=True,
                      one_way=("head",), order=("head",)),
}  # fmt: skip


def every(sizes: tuple[int, ...]) -> torch.Tensor:
    return torch.tensor(list(itertools.product(*map(range, sizes))))


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_the_probabilities_of_all_networks_sum_to_one(config: Lstm, fast: bool):
    total = made(config).log_probs(every(SIZES), fast).log_probs.sum(1).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_the_entropy_is_that_of_the_distribution_over_networks(config: Lstm):
    found = made(config).log_probs(every(SIZES))
    log_probs = found.log_probs.sum(1)
    joint = -(log_probs.exp() * log_probs).sum()
    mean = (log_probs.exp() * found.entropies.sum(1)).sum()
    assert mean.item() == pytest.approx(joint.item(), abs=1e-12)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_networks_are_drawn_as_often_as_they_are_probable(config: Lstm):
    """Chi-square over all networks; 99.99 % of samples of the right distribution lie below the limit."""
    controller, count = made(config), 20_000
    networks = every(SIZES)
    expected = count * controller.log_probs(networks).log_probs.sum(1).exp()
    drawn = controller.sample(count, torch.Generator().manual_seed(1)).outcomes
    counted = Counter(map(tuple, drawn.tolist()))
    there = torch.tensor([counted[tuple(network)] for network in networks.tolist()], dtype=torch.float64)
    often = expected >= 5
    pooled = torch.cat(
        [
            ((there - expected)[often] ** 2 / expected[often]),
            ((there - expected)[~often].sum() ** 2 / expected[~often].sum().clamp(min=1e-9)).view(1),
        ]
    )
    freedom = int(often.sum())
    assert pooled.sum().item() < freedom + 3.72 * math.sqrt(2 * freedom) + 6.5


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_what_is_drawn_has_the_probability_by_which_it_is_judged(config: Lstm):
    controller = made(config)
    drawn = controller.sample(50, torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        drawn.log_probs, controller.log_probs(drawn.outcomes).log_probs.detach(), rtol=1e-12, atol=1e-12
    )


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 6) | st.just(300), min_size=1, max_size=6).map(tuple),
    st.booleans(), st.integers(0, 2), st.integers(0, 2**32),
)  # fmt: skip
def test_outcomes_are_within_the_sizes_of_their_decisions(sizes, feedback, warmup, seed):
    controller = made(Lstm(hidden=3, layers=1, init=30.0, feedback=feedback, warmup=warmup), sizes)
    drawn = controller.sample(40, torch.Generator().manual_seed(seed)).outcomes
    assert (drawn >= 0).all()
    assert (drawn < torch.tensor(sizes)).all()


def test_distributions_that_depend_on_choices_are_not_shown():
    with pytest.raises(AssertionError, match="depend on the choices"):
        made(CONFIGS["choices fed back"]).distributions()
